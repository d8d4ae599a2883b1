"""Private API of TensorFlow, for calls in a graph that is traced.

Beside `private`, for few loads need it. Written for TensorFlow 2.15 to 2.21.
"""

from __future__ import annotations

import enum
import re
import sys
import weakref
from typing import Any, Callable, List, NoReturn, Optional, Sequence

import tensorflow as tf

# How TensorFlow adds its own functions to a graph, and asks tapes.
from tensorflow.python.eager import context, forwardprop_util, imperative_grad, record
from tensorflow.python.eager.polymorphic_function import atomic_function
from tensorflow.python.framework import ops
from tensorflow.python.framework.func_graph import FuncGraph
from tensorflow.python.ops import gradients_util, handle_data_util, resource_variable_ops

from unihub.apis.lean.private import variable_handle

_FIRST_ORDER = gradients_util.POSSIBLE_GRADIENT_TYPES_FIRST_ORDER
_NONE = gradients_util.POSSIBLE_GRADIENT_TYPES_NONE
_READ_ONLY, _COLLECTIVE = "_read_only_resource_inputs", "_collective_manager_ids"
_COMPILED = "_XlaMustCompile"
# The functions in which Keras runs a model, by version, and those in which a layer is asked
# for its outputs' shapes. Nobody saves any of these.
SHAPES = "shapes_of_keras_layer"
_OF_KERAS = re.compile(
    f"(one_step_on|multi_step_on)_(data|iterator)(_distributed)?|{SHAPES}"
    "|(train|test|predict)_function|keras_graph|.*scratch_graph.*"
)
_UNSAVED = "it was traced for Keras to run, with functions that are not loaded as a whole"


class Wanted(enum.Enum):
    """Whether somebody asks for the gradient of a call."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"

    def __bool__(self) -> NoReturn:
        raise TypeError("Wanted is one of three: compare it")


class GraphFunction(atomic_function.AtomicFunction):  # type: ignore[misc]
    """A function of the eager runtime as one that graphs can call.

    Args:
        name: of the function.
        owner: as long as it lives, the function is in the runtime.
        children: those that it calls, and so on.
        is_stateful: whether TensorFlow takes it for one with a state.
    """

    def __init__(
        self,
        name: str,
        owner: Any,
        children: Sequence[GraphFunction] = (),
        is_stateful: bool = True,
    ) -> None:
        options = atomic_function.CallOptions(is_stateful=is_stateful)
        super().__init__(name, context.context(), None, list(children), options)
        self._owner = owner

    def __del__(self) -> None:
        # TensorFlow's own would remove the function from the runtime: its owner does.
        references = atomic_function.RUNTIME_FUNCTION_REFS
        key = (self._bound_context.function_scope_id, self.name)
        if references is not None and key in references:
            references[key] -= 1
            if not references[key]:
                del references[key]


def may_be_called_in_graph() -> bool:
    """Whether a call here becomes part of a function that Keras traces, and nobody changes it.

    A device, a colocation, an override or a strategy would change what is in the function.
    """
    graph = ops.get_default_graph()
    return (
        isinstance(graph, FuncGraph)
        and _OF_KERAS.fullmatch(_outermost(graph).name) is not None
        and not tf.executing_eagerly()
        and not tf.distribute.has_strategy()
        and not list(graph._device_function_stack.peek_objs())
        and not list(graph._colocation_stack.peek_objs())
        and not graph._attr_scope_map
        and not graph._gradient_override_map
        and not graph._op_to_kernel_label_map
        and graph._get_control_flow_context() is None
        and not context.context()._thread_local_data.op_callbacks
    )


def _outermost(graph: Any) -> Any:
    while isinstance(graph.outer_graph, FuncGraph):
        graph = graph.outer_graph
    return graph


def are_recorded_once(tensors: Sequence[Any]) -> bool:
    """Whether no more than one tape records what is made of these, and that for one gradient."""
    kind = gradients_util.PossibleTapeGradientTypes(tensors)
    return kind in (_NONE, _FIRST_ORDER) and not forwardprop_util.pack_tangents(tensors).tangents


def call_in_graph(
    function: GraphFunction,
    inputs: Sequence[Any],
    captures: Sequence[Any],
    shapes: Sequence[Any],
    own: Callable[[], Any],
) -> List[Any]:
    """Adds a call of a function to the graph that is traced, as TensorFlow does.

    Args:
        function: that is called.
        inputs: tensors.
        captures: what it takes after these: tensors, and tf.Variables where it reads some.
        shapes: of the outputs.
        own: gives TensorFlow's own ConcreteFunction, for the gradient.
    """
    graph = ops.get_default_graph()
    _outermost(graph).mark_as_unsaveable(_UNSAVED)
    for capture in captures:
        if isinstance(capture, tf.Variable):
            resource_variable_ops.variable_accessed(capture)
    handles = [c.handle if isinstance(c, tf.Variable) else c for c in captures]
    given = [*inputs, *handles]
    is_recorded = gradients_util.PossibleTapeGradientTypes(given) != _NONE
    are_inputs_recorded = gradients_util.PossibleTapeGradientTypes(list(inputs)) != _NONE

    def gradient(op: Any, *upstream: Any) -> Any:
        return own()._get_gradient_function()(op, *upstream)

    def recorded_gradient(*upstream: Any) -> Any:
        if not are_inputs_recorded and _are_asked_for(handles) is Wanted.NO:
            return [None] * len(given)
        return gradient(outputs[0].op, *upstream)

    kinds = ("PartitionedCall", "StatefulPartitionedCall")
    with graph._override_gradient_function(dict.fromkeys(kinds, gradient)), record.stop_recording():
        outputs = _add_call(graph, function, given, len(inputs), captures, len(shapes))
    for output, shape in zip(outputs, shapes):
        output.set_shape(shape)
    if is_recorded:
        record.record_operation(function.name.decode(), outputs, given, recorded_gradient)
    return outputs


def _add_call(
    graph: Any,
    function: GraphFunction,
    given: Sequence[Any],
    own: int,
    captures: Sequence[Any],
    count: int,
) -> List[Any]:
    graph._add_function_recursive(function)
    definition = function.cached_definition
    options = context.context().function_call_options.as_attrs()
    op = atomic_function.partitioned_call_op(
        name=function.name,
        args=given,
        is_stateful=function.call_options.is_stateful,
        tout=[argument.type for argument in definition.signature.output_arg],
        config=options["config_proto"],
        executor_type=options["executor_type"],
        xla_compile_attr=definition.attr.get(_COMPILED),
    )
    variables = [own + i for i, one in enumerate(captures) if isinstance(one, tf.Variable)]
    ops.set_int_list_attr(op, _READ_ONLY, variables)
    ops.set_int_list_attr(op, _COLLECTIVE, [])
    outputs: List[Any] = list(op.outputs[:count])
    return outputs


def _are_asked_for(handles: Sequence[Any]) -> Wanted:
    """Whether the gradient that is computed now is one with respect to variables.

    A tape calls the gradients of all that it has recorded, for whatever it is asked. What it
    is asked for, no API tells.
    """
    frame: Optional[Any] = sys._getframe()
    while frame is not None and frame.f_code is not imperative_grad.imperative_grad.__code__:
        frame = frame.f_back
    if frame is None or "sources" not in frame.f_locals:
        return Wanted.UNSURE
    ours = {id(handle) for handle in handles}
    for source in frame.f_locals["sources"]:
        if id(source) in ours:
            return Wanted.YES
        # It may stand for a variable in an inner graph.
        if source.dtype == tf.resource and tf.is_symbolic_tensor(source):
            return Wanted.UNSURE
    return Wanted.NO


def empty_variable(saved: Any) -> tf.Variable:
    """A variable without a value, as TensorFlow's loader makes it where nothing is in force.

    Its handle alone is made without the variable's name, which is in no answer: each other
    name would cost TensorFlow a kernel.

    Args:
        saved: its SavedVariable.
    """
    name, shape = saved.name or "Variable", tf.TensorShape(saved.shape)
    dtype = tf.as_dtype(saved.dtype)
    kind = resource_variable_ops.UninitializedVariable
    variable: tf.Variable = kind.__new__(kind)
    handle = variable_handle(saved.dtype, shape)
    handle._handle_data = handle_data_util.create_handle_data(shape, dtype)
    handle._parent_trackable = weakref.ref(variable)
    handle._name = f"{name}:0"
    handle._unique_id = f"{name}_{ops.uid()}"
    resource_variable_ops.BaseResourceVariable.__init__(
        variable,
        trainable=saved.trainable,
        shape=shape,
        dtype=dtype,
        handle=handle,
        synchronization=tf.VariableSynchronization(saved.synchronization),
        aggregation=tf.VariableAggregation(saved.aggregation),
        unique_id=handle._unique_id,
        handle_name=name,
        in_graph_mode=False,
    )
    return variable
