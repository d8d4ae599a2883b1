"""The one place of unihub.apis.lean for what is not public API of TensorFlow.

Importing it fails where this TensorFlow lacks any of it; `capability` tries that.
Written for TensorFlow 2.15 to 2.21; each entry says why it is needed.
"""

from __future__ import annotations

import itertools
from typing import Any, Callable, Iterable, Mapping, Optional, Sequence, Tuple

import tensorflow as tf

# The messages of the SavedModel format: TensorFlow ships them, tf names only some.
from google.protobuf.message import DecodeError
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.variable_pb2 import VariableDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import cancellation, context, execute
from tensorflow.python.eager.wrap_function import WrappedFunction

# No public API tells an op's attributes and whether it is stateful.
from tensorflow.python.framework import op_def_registry

# What the functions and signatures of a loaded object are.
from tensorflow.python.saved_model.function_deserialization import RestoredFunction
from tensorflow.python.saved_model.load import _WrapperFunction as WrapperFunction

# No public API loads a SavedModel around variables that exist already.
from tensorflow.python.saved_model.load import load_partial
from tensorflow.python.saved_model.signature_serialization import _SignatureMap as SignatureMap

# What tf.saved_model.load gives is of a class of its own, derived from this one.
from tensorflow.python.trackable.autotrackable import AutoTrackable

__all__ = [
    "AutoTrackable",
    "DecodeError",
    "FunctionDef",
    "RestoredFunction",
    "SavedModel",
    "SignatureMap",
    "TrackableObjectGraph",
    "VariableDef",
    "WrappedFunction",
    "WrapperFunction",
    "add_functions",
    "attribute_defaults",
    "call_configuration",
    "caller",
    "load_around",
    "no_tape",
    "op_definition",
    "remove_functions",
    "variable_handle",
]

op_definition = op_def_registry.get

# True while no tape and no forward accumulator records in this thread: no
# public API tells.
no_tape: Callable[[], bool] = pywrap_tfe.TFE_Py_TapeSetIsEmpty

# TensorFlow's mark of a resource without a name, which lives as long as its handle.
_ANONYMOUS = context.anonymous_name()


def add_functions(functions: Iterable[Any]) -> Any:
    """Makes functions known to the eager runtime.

    Returns:
        What remove_functions needs to know of the runtime.
    """
    runtime = context.context()
    runtime.ensure_initialized()
    added = []
    try:
        for function in functions:
            runtime.add_function_def(function)
            added.append(function.signature.name)
    except BaseException:
        remove_functions(runtime, added)
        raise
    return runtime


def remove_functions(runtime: Any, names: Sequence[str]) -> None:
    """Forgets functions, unless the runtime was replaced with all it knew."""
    if runtime is context.context():
        for name in names:
            runtime.remove_function(name)


def caller(runtime: Any, name: str, outputs: int) -> Callable[[Sequence[Any]], Any]:
    """A callable that runs a function eagerly, from flat tensors to flat tensors.

    It is Context.call_function without what that does anew in each call.
    """
    as_bytes = name.encode()
    plain = execute.quick_execute
    known: Tuple[Any, Any] = (None, ())

    def run(tensors: Sequence[Any]) -> Any:
        nonlocal known
        # Debuggers put their own function in the place of this one.
        if cancellation.context() is not None or execute.execute is not plain:
            return runtime.call_function(as_bytes, tensors, outputs)
        options = runtime.function_call_options
        config = (options.config_proto_serialized, options.executor_type)
        last, attributes = known
        if last != config:
            attributes = tuple(itertools.chain(*options.as_attrs().items()))
            known = (config, attributes)
        return plain(name, outputs, tensors, attributes, runtime)

    return run


def call_configuration() -> bytes:
    """How TensorFlow is to optimize a called function: a serialized ConfigProto."""
    serialized: bytes = context.context().function_call_options.config_proto_serialized
    return serialized


def variable_handle(dtype: int, shape: tf.TensorShape) -> Any:
    """The handle of a new variable without a value, freed with the handle."""
    return tf.raw_ops.VarHandleOp(dtype=dtype, shape=shape, shared_name=_ANONYMOUS)


def load_around(
    path: str,
    tags: Optional[Sequence[str]],
    variables: Mapping[str, Any],
    options: Optional[tf.saved_model.LoadOptions] = None,
) -> Any:
    """What tf.saved_model.load gives, with these variables in the place of its own.

    Args:
        path: folder of a TF2 SavedModel.
        tags: of its MetaGraph; None for the only one.
        variables: by path from the root, such as "root.encoder.kernel".
        options: of tf.saved_model.load.
    """
    tags = None if tags is None else list(tags)
    return load_partial(path, {"root": None, **variables}, tags, options)["root"]


def attribute_defaults(definition: Any) -> Mapping[str, Optional[Any]]:
    """The attributes of an OpDef; None for one that a node must give."""
    return {
        attribute.name: attribute.default_value if attribute.HasField("default_value") else None
        for attribute in definition.attr
    }
