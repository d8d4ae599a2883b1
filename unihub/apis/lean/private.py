"""The one place of unihub.apis.lean for what is not public API of TensorFlow.

Importing it fails where this TensorFlow lacks any of it; `capability` tries that.
Written for TensorFlow 2.15 to 2.21; each entry says why it is needed.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import Any, Callable, Iterable, Iterator, Mapping, NoReturn, Optional, Sequence, Tuple

import tensorflow as tf

# The messages of the SavedModel format: TensorFlow ships them, tf names only some.
from google.protobuf.message import DecodeError
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.variable_pb2 import VariableDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import cancellation, context, execute, record
from tensorflow.python.eager.wrap_function import WrappedFunction

# No public API tells an op's attributes and whether it is stateful.
from tensorflow.python.framework import op_def_registry

# The graphs that are the default ones in this thread, the innermost last; and the one
# below them all, where scopes of eager code are kept: no public API tells of it.
from tensorflow.python.framework.ops import _default_graph_stack as default_graphs

# What the functions and signatures of a loaded object are.
from tensorflow.python.saved_model.function_deserialization import RestoredFunction
from tensorflow.python.saved_model.load import _WrapperFunction as WrapperFunction

# No public API loads a SavedModel around variables that exist already.
from tensorflow.python.saved_model.load import load_partial
from tensorflow.python.saved_model.signature_serialization import _SignatureMap as SignatureMap

# What tf.saved_model.load gives is of a class of its own, derived from this one.
from tensorflow.python.trackable.autotrackable import AutoTrackable

# What the lists of a loaded object are.
from tensorflow.python.trackable.data_structures import ListWrapper

__all__ = [
    "AutoTrackable",
    "DecodeError",
    "FunctionDef",
    "ListWrapper",
    "RestoredFunction",
    "SavedModel",
    "SignatureMap",
    "TrackableObjectGraph",
    "VariableDef",
    "WrappedFunction",
    "WrapperFunction",
    "add_functions",
    "are_ops_intercepted",
    "attribute_defaults",
    "call_configuration",
    "caller",
    "default_graphs",
    "is_variable_watched",
    "load_around",
    "no_tape",
    "nothing_in_force",
    "op_definition",
    "remove_functions",
    "thread_state",
    "variable_handle",
]

op_definition = op_def_registry.get

# True while no tape and no forward accumulator records in this thread: no
# public API tells.
no_tape: Callable[[], bool] = pywrap_tfe.TFE_Py_TapeSetIsEmpty


class _Probe:
    """A variable that tells who watches it, by an exception, and is not watched then."""

    @property
    def handle(self) -> NoReturn:
        raise LookupError


_PROBE = _Probe()
_tell_of_access = pywrap_tfe.TFE_Py_VariableWatcherVariableAccessed
_EXECUTE = execute.execute


def is_variable_watched() -> bool:
    """Whether a watcher of variables is active in this thread.

    TensorFlow has no question for it: it goes through the watchers, and each asks an
    accessed variable for its handle. That it left an exception behind is found by
    Python, whose word for it is SystemError.
    """
    try:
        _tell_of_access(_PROBE)
    except (LookupError, SystemError):
        return True
    return False


@contextlib.contextmanager
def nothing_in_force() -> Iterator[None]:
    """Lifts this thread out of all graphs, tapes, scopes and devices.

    No public API does: tf.init_scope leaves the scopes as they are. Variable watchers go on.
    """
    graphs = default_graphs.stack, default_graphs._global_default_graph
    with record.stop_recording(), context.eager_mode(), tf.device(None), tf.name_scope(""):
        default_graphs.stack, default_graphs._global_default_graph = [], None
        try:
            yield
        finally:
            default_graphs.stack, default_graphs._global_default_graph = graphs


def are_ops_intercepted() -> bool:
    """Whether a debugger has put its own function in the place of the one that runs ops."""
    return execute.execute is not _EXECUTE


def thread_state() -> Any:
    """The eager context of this thread: is_eager, device_name, scope_name, op_callbacks.

    The public API has the first alone, and takes longer to tell.
    """
    return context.context()._thread_local_data


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
    execute_op = execute.quick_execute
    known: Tuple[Any, Any] = (None, ())

    def run(tensors: Sequence[Any]) -> Any:
        nonlocal known
        if cancellation.context() is not None:
            return runtime.call_function(as_bytes, tensors, outputs)
        options = runtime.function_call_options
        config = (options.config_proto_serialized, options.executor_type)
        last, attributes = known
        if last != config:
            attributes = tuple(itertools.chain(*options.as_attrs().items()))
            known = (config, attributes)
        return execute_op(name, outputs, tensors, attributes, runtime)

    return run


def call_configuration() -> bytes:
    """How TensorFlow is to optimize a called function: a serialized ConfigProto."""
    serialized: bytes = context.context().function_call_options.config_proto_serialized
    return serialized


def variable_handle(dtype: int, shape: Any) -> Any:
    """The handle of a new variable without a value, freed with the handle."""
    return tf.raw_ops.VarHandleOp(dtype=dtype, shape=shape, shared_name=_ANONYMOUS)


def load_around(
    path: str,
    tags: Optional[Sequence[str]],
    variables: Mapping[str, Any],
    options: Optional[tf.saved_model.LoadOptions] = None,
) -> Mapping[str, Any]:
    """Loads a SavedModel, with these variables in the place of its own.

    Args:
        path: folder of a TF2 SavedModel.
        tags: of its MetaGraph; None for the only one.
        variables: by path from the root, such as "root.encoder.kernel"; None for one
            that is to be made, and found in what is returned.
        options: of tf.saved_model.load.

    Returns:
        What tf.saved_model.load gives as "root", and the variables by their paths.
    """
    tags = None if tags is None else list(tags)
    loaded: Mapping[str, Any] = load_partial(path, {"root": None, **variables}, tags, options)
    return loaded


def attribute_defaults(definition: Any) -> Mapping[str, Optional[Any]]:
    """The attributes of an OpDef; None for one that a node must give."""
    return {
        attribute.name: attribute.default_value if attribute.HasField("default_value") else None
        for attribute in definition.attr
    }


def is_anyone_listening(while_loading: bool = False) -> bool:
    """Whether what this thread does is recorded, changed or placed by somebody.

    A tape or a forward accumulator records the gradient of a call. A variable watcher
    notes which variables a call reads, though recording may be stopped: a
    tf.custom_gradient, and in it tf.recompute_grad and keras.RematScope. A function that
    is traced takes the call into its graph, and notes its variables even in
    tf.init_scope. A strategy chooses among copies of variables; a device scope says where
    a call runs; op callbacks, such as those of tf.debugging, see each op, or all that are
    executed.

    Args:
        while_loading: also, whether what is made now is changed: by a variable or resource
            creator, or by a name scope, which is in the names of variables.
    """
    state = thread_state()
    if (
        not no_tape()
        or default_graphs.stack
        or is_variable_watched()
        or not state.is_eager
        or state.device_name
        or state.op_callbacks
        or are_ops_intercepted()
    ):
        return True
    graph = default_graphs._global_default_graph
    if graph is None:
        return while_loading and bool(state.scope_name)
    if graph._distribution_strategy_stack:
        return True
    return while_loading and bool(
        state.scope_name
        or graph._variable_creator_stack
        or any(graph._resource_creator_stack.values())
    )
