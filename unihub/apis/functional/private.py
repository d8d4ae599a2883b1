"""The one place of unihub.apis.functional for what is not public API of TensorFlow.

Written for TensorFlow 2.15 to 2.21; each entry says why it is needed.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence

import tensorflow as tf
from tensorflow.python.eager import context

# No public API gives the graph of a function that another one calls.
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

# No public API tells whether an op has effects.
from tensorflow.python.framework.op_def_registry import get as op_definition

# No public API finds the gradient of an op that was saved with one.
from tensorflow.python.framework.ops import gradient_registry

_GRADIENT = "_gradient_op_type"

__all__ = [
    "come_back",
    "copied",
    "graph_of",
    "has_gradient",
    "is_stateful",
    "saved_gradient",
    "set_gradient",
]


def graph_of(name: str) -> Any:
    """The FuncGraph of a function that is loaded in this process."""
    definition = context.context().get_function_def(name)
    # Outside of graphs it finds the functions that this one calls.
    with tf.init_scope():
        return function_def_to_graph(definition)


def is_stateful(op: Any) -> bool:
    """Whether an op reads or changes anything beside its inputs."""
    definition = op_definition(op.type)
    return definition is None or bool(definition.is_stateful)


def copied(op: Any, inputs: Sequence[Any], **changed: Any) -> Sequence[Any]:
    """Adds an op as another one to the graph that is traced now.

    Args:
        op: of another graph.
        inputs: its tensors.
        **changed: attributes by name that are others than the op's.

    Returns:
        The outputs.
    """
    attributes = dict(op.node_def.attr)
    for name, dtype in changed.items():
        attributes[name] = tf.compat.v1.AttrValue(type=dtype.as_datatype_enum)
    # Where it is put together with, and what it was inferred to be, in its own graph.
    for name in ("_class", "_output_shapes", _GRADIENT):
        attributes.pop(name, None)
    graph = tf.compat.v1.get_default_graph()
    dtypes = [changed.get("T", tensor.dtype) for tensor in op.outputs]
    new = graph._create_op_internal(
        op.type, list(inputs), dtypes, name=op.name, attrs=attributes, op_def=op.op_def
    )
    for output, known in zip(new.outputs, op.outputs):
        # What lists of tensors hold is not inferred anew.
        output.set_shape(known.shape)
    return list(new.outputs)


def come_back(merge: Any, tensor: Any) -> None:
    """Has a loop of TensorFlow 1 begin its next round with a tensor."""
    merge._update_input(1, tensor)


def saved_gradient(op: Any) -> Optional[Any]:
    """The ConcreteFunction of an op's gradient, where the model's author wrote one and saved it.

    It captures tensors of the graph that was saved.
    """
    if not has_gradient(op):
        return None
    try:
        function = gradient_registry.lookup(op.node_def.attr[_GRADIENT].s.decode())
    except LookupError:
        return None
    # TensorFlow's loader registers a function around it.
    held = [cell.cell_contents for cell in function.__closure__ or ()]
    return next((each for each in held if hasattr(each, "captured_inputs")), None)


def has_gradient(op: Any) -> bool:
    """Whether an op was given a gradient of its own, saved or not."""
    return op.type in ("IdentityN", "Identity") and _GRADIENT in op.node_def.attr


def set_gradient(op: Any, function: Callable[..., Any]) -> None:
    """Has an op's gradient computed by a function of the op and its outputs' gradients."""
    op._gradient_function = function
