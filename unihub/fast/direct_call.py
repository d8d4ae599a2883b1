"""A model's own __call__ as functions of the eager runtime."""

from __future__ import annotations

import itertools
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.fast.calls import CallPlan, Trace
from unihub.fast.plan import Capture, Shape
from unihub.fast.private import (
    FunctionDef,
    add_functions,
    call_configuration,
    caller,
    remove_functions,
)
from unihub.fast.structures import Literal, Tensor, fits, packer, tensors

_EAGER_TENSOR = type(tf.constant(0))
_LITERALS = frozenset((bool, float, int, str, type(None)))
_CALL, _DONE = "StatefulPartitionedCall", "NoOp"
_UNIQUE = itertools.count()


class _Unusual(Exception):
    """An argument that TensorFlow is to convert, or to refuse."""


@dataclass(frozen=True)
class Route:
    """How calls with arguments of one kind are served.

    Attributes:
        trace: index of the function that is called.
        order: places, in the call, of the tensors that it takes.
        run: calls it with these and its captures.
        pack: makes the result of what it gives.
    """

    trace: int
    order: Optional[Tuple[int, ...]]
    run: Callable[[Sequence[Any]], Any]
    pack: Callable[[Sequence[Any]], Any]


class DirectCall:
    """The functions of a __call__, which leave the runtime with this object.

    TensorFlow traces a loaded __call__ anew for each shape of its inputs, and what it
    makes of the functions in it depends on the shapes, down to the last bits of the
    results. So here too each is called from a function of its own for each shape.

    Args:
        plan: of the __call__.
    """

    def __init__(self, plan: CallPlan) -> None:
        self._runtime = add_functions(plan.functions)
        # Shared with the finalizer, which must not know the object.
        self._names = [function.signature.name for function in plan.functions]
        weakref.finalize(self, remove_functions, self._runtime, self._names).atexit = False
        self._arguments = plan.arguments
        self._traces = plan.traces
        self._routes: Dict[Any, Route] = {}

    @property
    def captures(self) -> List[Optional[Sequence[Capture]]]:
        """What each function takes after its inputs; None for one left to TensorFlow."""
        return [trace.captures if isinstance(trace, Trace) else None for trace in self._traces]

    def route(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Optional[Tuple[Route, List[Any]]]:
        """How a call is served, and the tensors that its function takes.

        Returns:
            None where TensorFlow may do something else than call one of the functions.
        """
        given: List[Any] = []
        kind: List[Any] = []
        try:
            for value in args:
                _describe(value, given, kind)
            for name, value in kwargs.items():
                kind.append(name)
                _describe(value, given, kind)
            key = tuple(kind)
            route = self._routes.get(key)
        except _Unusual:
            return None
        if route is None:
            route = self._new_route(args, kwargs)
            if route is None:
                return None
            self._routes[key] = route
        if route.order is None:
            return route, given
        return route, [given[place] for place in route.order]

    def _new_route(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Optional[Route]:
        count = itertools.count()
        structured = [_structure(value, count) for value in args]
        bound = self._arguments.bound(
            structured, {name: _structure(value, count) for name, value in kwargs.items()}
        )
        if bound is None:
            return None
        for index, trace in enumerate(self._traces):
            fit = None if trace.inputs is None else fits(bound, trace.inputs)
            if fit is False:
                continue
            if fit is None or not isinstance(trace, Trace):
                return None
            return self._to_trace(index, trace, tensors(bound))
        return None

    def _to_trace(self, index: int, trace: Trace, given: Sequence[Tensor]) -> Route:
        seen = tensors(trace.inputs) if self._arguments.is_constrained else given
        function = _specialized(trace, [tensor.shape for tensor in seen])
        add_functions([function])
        self._names.append(function.signature.name)
        order = tuple(tensor.place for tensor in given if tensor.place is not None)
        return Route(
            trace=index,
            order=None if order == tuple(range(len(order))) else order,
            run=caller(self._runtime, function.signature.name, len(trace.results)),
            pack=packer(trace.result),
        )


def _describe(value: Any, given: List[Any], kind: List[Any]) -> None:
    """Adds the tensors in an argument, and what tells whether another is of its kind."""
    its = type(value)
    if its is _EAGER_TENSOR:
        given.append(value)
        kind.append(value.dtype)
        kind.append(value.shape)
    elif its in _LITERALS:
        kind.append(its)
        kind.append(value)
    elif its is dict and all(type(name) is str for name in value):
        kind.append(dict)
        kind.append(tuple(value))
        for part in value.values():
            _describe(part, given, kind)
    elif its is list or its is tuple:
        kind.append(its)
        kind.append(len(value))
        for part in value:
            _describe(part, given, kind)
    else:
        raise _Unusual


def _structure(value: Any, count: Any) -> Any:
    its = type(value)
    if its is _EAGER_TENSOR:
        return Tensor(value.dtype.as_datatype_enum, tuple(value.shape.as_list()), next(count))
    if its is dict:
        return {name: _structure(part, count) for name, part in value.items()}
    if its is list or its is tuple:
        return its(_structure(part, count) for part in value)
    return Literal(value)


def _specialized(trace: Trace, shapes: Sequence[Shape]) -> Any:
    """A function that calls another, for inputs of certain shapes."""
    function = FunctionDef()
    function.signature.name = f"__inference_call_{next(_UNIQUE)}_{trace.name}"
    function.signature.is_stateful = trace.stateful
    function.attr["_construction_context"].s = b"kEagerRuntime"
    node = function.node_def.add(name=_CALL, op=_CALL if trace.stateful else "PartitionedCall")
    for place, dtype in enumerate(trace.arguments):
        argument = function.signature.input_arg.add(name=f"input_{place}", type=dtype)
        node.input.append(argument.name)
    for place, shape in enumerate(shapes):
        known = function.arg_attr[place].attr["_output_shapes"].list.shape.add()
        known.CopyFrom(tf.TensorShape(shape).as_proto())
    node.attr["f"].func.name = trace.name
    node.attr["Tin"].list.type.extend(trace.arguments)
    node.attr["Tout"].list.type.extend(trace.results)
    node.attr["config_proto"].s = call_configuration()
    if trace.stateful:
        function.node_def.add(name=_DONE, op=_DONE, input=[f"^{_CALL}"])
        function.signature.control_output.append(_CALL)
        function.control_ret[_CALL] = _CALL
    for place, dtype in enumerate(trace.results):
        result = function.signature.output_arg.add(name=f"output_{place}", type=dtype)
        identity = function.node_def.add(
            name=f"Identity_{place}", op="Identity", input=[f"{_CALL}:output:{place}"]
        )
        if trace.stateful:
            identity.input.append(f"^{_DONE}")
        identity.attr["T"].type = dtype
        function.ret[result.name] = f"{identity.name}:output:0"
    return function
