"""A function that calls another, as TensorFlow makes it when it traces a loaded __call__."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, List, Sequence, Tuple

import tensorflow as tf

from unihub.apis.lean.calls import Trace
from unihub.apis.lean.names import FunctionNames, GraphNames
from unihub.apis.lean.plan import Capture, Constant, Table, Variable
from unihub.apis.lean.private import FunctionDef, call_configuration
from unihub.apis.lean.structures import Value

_CALL, _STATELESS_CALL, _DONE = "StatefulPartitionedCall", "PartitionedCall", "NoOp"
# A name without letters, as TensorFlow gives what is captured: a number.
_CAPTURED = "0"
_UNIQUE = itertools.count()


@dataclass(frozen=True)
class Given:
    """The arguments that a function is traced for.

    Attributes:
        leaves: in the order in which the called function takes them, each a Tensor or a
            Value.
        names: that the Tensors ask for, with their places among the leaves, in the order
            in which TensorFlow makes placeholders for them.
    """

    leaves: Sequence[Any]
    names: Sequence[Tuple[str, int]]


def wrapper(trace: Trace, given: Given) -> Any:
    """A FunctionDef that calls a function for inputs of certain shapes or values.

    Args:
        trace: of the function that is called.
        given: its inputs.
    """
    function = FunctionDef()
    function.signature.name = f"__inference_call_{next(_UNIQUE)}_{trace.name}"
    function.signature.is_stateful = trace.stateful
    function.attr["_construction_context"].s = b"kEagerRuntime"
    ops, names = GraphNames(), FunctionNames()
    placeholders = {place: ops.unique(name) for name, place in given.names}
    inputs: List[str] = []
    for place, (leaf, dtype) in enumerate(zip(given.leaves, trace.arguments)):
        if isinstance(leaf, Value):
            inputs.append(_add_constant(function, ops.unique("Const"), leaf, dtype))
            continue
        name = names.argument(placeholders[place])
        inputs.append(name)
        _add_argument(function, name, dtype, tf.TensorShape(leaf.shape).as_proto())
    captured = trace.arguments[len(given.leaves) :]
    for capture, dtype in zip(trace.captures, captured):
        name = names.argument(_CAPTURED)
        inputs.append(name)
        _add_argument(function, name, dtype, *_shapes_of(capture))
    call = _add_call(function, trace, ops, inputs)
    identities = [ops.unique("Identity") for _ in trace.results]
    done = ops.unique(_DONE) if trace.stateful else None
    for place, (name, dtype) in enumerate(zip(identities, trace.results)):
        result = function.signature.output_arg.add(name=names.argument(name), type=dtype)
        identity = function.node_def.add(name=name, op="Identity", input=[f"{call}:output:{place}"])
        if done is not None:
            identity.input.append(f"^{done}")
        identity.attr["T"].type = dtype
        function.ret[result.name] = f"{name}:output:0"
    if done is not None:
        function.node_def.add(name=done, op=_DONE, input=[f"^{call}"])
        function.signature.control_output.append(call)
        function.control_ret[call] = call
    return function


def _add_constant(function: Any, name: str, value: Value, dtype: int) -> str:
    node = function.node_def.add(name=name, op="Const")
    node.attr["value"].tensor.CopyFrom(value.tensor)
    node.attr["dtype"].type = dtype
    return f"{name}:output:0"


def _add_argument(function: Any, name: str, dtype: int, *shapes: Any) -> None:
    place = len(function.signature.input_arg)
    function.signature.input_arg.add(name=name, type=dtype)
    if shapes:
        function.arg_attr[place].attr["_output_shapes"].list.shape.extend(shapes)


def _add_call(function: Any, trace: Trace, ops: GraphNames, inputs: Sequence[str]) -> str:
    op = _CALL if trace.stateful else _STATELESS_CALL
    node = function.node_def.add(name=ops.unique(op), op=op, input=inputs)
    node.attr["f"].func.name = trace.name
    node.attr["Tin"].list.type.extend(trace.arguments)
    node.attr["Tout"].list.type.extend(trace.results)
    node.attr["config_proto"].s = call_configuration()
    # As TensorFlow writes down what is as by default.
    node.attr["config"].s = node.attr["executor_type"].s = b""
    node.attr["_collective_manager_ids"].list.SetInParent()
    first = len(trace.arguments) - len(trace.captures)
    node.attr["_read_only_resource_inputs"].list.SetInParent()
    node.attr["_read_only_resource_inputs"].list.i.extend(
        first + place
        for place, capture in enumerate(trace.captures)
        if isinstance(capture, Variable)
    )
    name: str = node.name
    return name


def _shapes_of(capture: Capture) -> Sequence[Any]:
    """The shape of a captured tensor, if it is a value and no handle."""
    if isinstance(capture, (Variable, Table)):
        return ()
    return (
        capture.value.tensor_shape
        if isinstance(capture, Constant)
        else tf.TensorShape([]).as_proto(),
    )
