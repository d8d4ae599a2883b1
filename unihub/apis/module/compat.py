"""The one place of unihub.apis.module for what is not public API or differs by release.

Written for TensorFlow 1.15 to 2.21; each function says why it is needed.
"""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import tensorflow as tf

# The messages of the SavedModel format: TensorFlow ships them, but tf.compat.v1
# names only MetaGraphDef of them.
from tensorflow.core.framework.variable_pb2 import VariableDef
from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef, MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.core.protobuf.struct_pb2 import StructuredValue
from tensorflow.python.framework.meta_graph import strip_graph_default_valued_attrs

# No public API decodes the TypeSpec of a composite tensor in a signature.
from tensorflow.python.saved_model import nested_structure_coder

__all__ = [
    "AssetFileDef",
    "MetaGraphDef",
    "SavedModel",
    "StructuredValue",
    "VariableDef",
    "add_to_control_flow",
    "content_of_hub_spec",
    "decode_type_spec",
    "in_replicated_function",
    "is_of_tensorflow_hub",
    "set_colocation",
    "spec_dtype",
    "spec_shape",
    "strip_default_attributes",
    "type_spec_of",
]


def is_of_tensorflow_hub(value: Any, name: str) -> bool:
    """Whether an object is of a class of the installed tensorflow_hub.

    Told by name, so that nothing is imported for it, and so that it is known
    while unihub is in tensorflow_hub's place as well.

    Args:
        value: the object.
        name: the class, such as "module.Module".
    """
    bases = type(value).__mro__
    return any(f"{one.__module__}.{one.__name__}" == f"tensorflow_hub.{name}" for one in bases)


def content_of_hub_spec(spec: Any) -> Optional[Tuple[SavedModel, Optional[str]]]:
    """The content of a ModuleSpec of the installed tensorflow_hub.

    It keeps the same as ours, to itself.

    Returns:
        The SavedModel, the paths of its assets in its constants, and the prefix
        of the checkpoint or None; None for a spec of somebody's own class.
    """
    if not is_of_tensorflow_hub(spec, "native_module._ModuleSpec"):
        return None
    checkpoint = spec._checkpoint_variables_path
    return (
        spec._saved_model_handler._proto,
        None if checkpoint is None else tf.compat.as_str_any(checkpoint),
    )


def strip_default_attributes(meta_graph: MetaGraphDef) -> None:
    """Takes out of a graph the attributes that have their default, so that older releases read it.

    Public API does so only for a graph that is in memory.
    """
    strip_graph_default_valued_attrs(meta_graph)


def decode_type_spec(proto: Any) -> Any:
    """The tf.TypeSpec that a TypeSpecProto describes."""
    value = StructuredValue(type_spec_value=proto)
    if hasattr(nested_structure_coder, "decode_proto"):
        return nested_structure_coder.decode_proto(value)
    # A method until 2.7.
    return nested_structure_coder.StructureCoder().decode_proto(value)


def type_spec_of(tensor: Any) -> Any:
    """The tf.TypeSpec of a Tensor, SparseTensor, RaggedTensor or IndexedSlices."""
    if isinstance(tensor, tf.Tensor):
        return tf.TensorSpec.from_tensor(tensor)
    if hasattr(tf, "type_spec_from_value"):
        return tf.type_spec_from_value(tensor)
    # tf.type_spec_from_value is public from 2.3 on.
    return tensor._type_spec


def spec_dtype(spec: Any) -> tf.DType:
    """The dtype of a tensor's TypeSpec (RaggedTensorSpec hid it until 2.3)."""
    return spec.dtype if hasattr(spec, "dtype") else spec._dtype


def spec_shape(spec: Any) -> tf.TensorShape:
    """The shape of a tensor's TypeSpec (RaggedTensorSpec hid it until 2.3)."""
    return spec.shape if hasattr(spec, "shape") else spec._shape


def add_to_control_flow(graph: tf.Graph, tensor: tf.Tensor) -> tf.Tensor:
    """The tensor as it is seen inside the current v1 cond or while_loop.

    import_graph_def does not do this for the tensors of its input_map, and
    public API does it only together with a new op.
    """
    context = graph._get_control_flow_context()
    return tensor if context is None else context.AddValue(tensor)


def in_replicated_function(graph: tf.Graph) -> bool:
    """Whether a function is being built for the replicas of a TPU.

    Only the type of the private control flow context tells.
    """
    context = type(graph._get_control_flow_context()).__name__
    return graph.building_function and context.endswith("TPUReplicateContext")


def set_colocation(op: tf.Operation, classes: List[bytes], device: Optional[str]) -> None:
    """Replaces the constraints of an op that is in its graph already.

    Public API sets them only while an op is being created.

    Args:
        classes: the new value of the attribute _class.
        device: the new device, or None to leave it.
    """
    attribute = tf.compat.v1.AttrValue()
    attribute.list.s.extend(classes)
    op._set_attr("_class", attribute)
    if device is not None:
        op._set_device(device)
