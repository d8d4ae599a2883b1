"""Where a model is loaded: the ops there are, the process, the strategy, what is being traced."""

from __future__ import annotations

import os
import threading
from typing import Any, Iterable, Optional, Set

import tensorflow as tf
from tensorflow.python.eager import context

# No public API tells which ops there are, and whether one is stateful.
from tensorflow.python.framework import op_def_registry

from unihub.errors import UnihubError
from unihub.matrix.values import Format

_NATIVE_THREADS = "/proc/self/task"
_COLLECTION = "unihub_loaded"


class ForkedAfterUse(UnihubError, RuntimeError):
    """TensorFlow ran before the fork, and its threads stayed behind."""

    code = "forked-after-use"
    what = "{handle} cannot be used in this process: TensorFlow ran before it was forked."
    why = (
        "fork() copies no threads, so that the first call of the model would wait for "
        "those of TensorFlow for ever. (process {pid}: eager context made, {native} threads, "
        "{python} of them Python's)"
    )
    do = (
        'multiprocessing.get_context("spawn"); or run nothing of TensorFlow before the fork: '
        "importing it is fine."
    )


class StrategyNotSupported(UnihubError, ValueError, NotImplementedError):
    """A model in a TF1 format is loaded under a distribution strategy."""

    code = "strategy-not-supported"
    what = "{handle} cannot be used under {strategy}: it is in {format}."
    why = (
        "a TF1 graph brings its own variables and tables, each on one device, which the "
        "strategy neither mirrors nor initialises on the others. (replicas: {replicas}; "
        "operation: {operation})"
    )
    do = (
        "use a TF2 version of the model; or load and call it outside of the strategy: "
        "dataset.map(unihub.load({handle!r})), or on one device."
    )


def check_fork(handle: str) -> None:
    """Refuses to load what could never answer.

    Seen where the system lists a process's threads, as Linux does; in graph
    mode TensorFlow does not say whether a session has run.

    Raises:
        ForkedAfterUse: when TensorFlow's threads are gone.
    """
    # Not public; None until the first op runs eagerly.
    made = getattr(context._context, "_context_handle", None) is not None
    if not made or not os.path.isdir(_NATIVE_THREADS):
        return
    native, python = len(os.listdir(_NATIVE_THREADS)), threading.active_count()
    if native <= python:
        raise ForkedAfterUse(handle=handle, pid=os.getpid(), native=native, python=python)


def check_strategy(handle: str, format: Format, fine_tuning: bool = False) -> None:
    """Refuses a TF1 format where a strategy would make it fail later.

    With one replica inference works; training never does, for the gradients
    of variables that no strategy created are not reduced.

    Raises:
        StrategyNotSupported: when a strategy is active.
    """
    if format is Format.TF2_SAVED_MODEL or not tf.distribute.has_strategy():
        return
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    if replicas == 1 and not fine_tuning:
        return
    raise StrategyNotSupported(
        handle=handle,
        strategy=type(strategy).__name__,
        format=format.label,
        replicas=replicas,
        operation="fine-tuning" if fine_tuning else "inference",
    )


def keep_while_traced(loaded: Any) -> None:
    """Lets an object live as long as the function that is being traced, if one is.

    The first releases of TensorFlow free variables with the object that holds them,
    which, loaded within a function, nobody holds when the trace is done.
    """
    if tf.executing_eagerly():
        return
    if tf.compat.v1.get_default_graph().building_function:
        tf.compat.v1.add_to_collection(_COLLECTION, loaded)


def op_definition(name: str) -> Optional[Any]:
    """The OpDef of an op type, or None where this TensorFlow has no such op."""
    if hasattr(op_def_registry, "get"):
        return op_def_registry.get(name)
    # 1.15 keeps a dict of what Python code has used so far.
    return op_def_registry.get_registered_ops().get(name)


def missing_ops(names: Iterable[str]) -> Set[str]:
    """Those op types that this TensorFlow has not registered at all."""
    missing = {name for name in names if op_definition(name) is None}
    if missing and hasattr(op_def_registry, "get_registered_ops"):
        _register_linked_ops(missing)
        missing = {name for name in missing if op_definition(name) is None}
    return missing


def register_ops(handle: str, ops: Iterable[str], writer: str = "") -> None:
    """Makes sure that every op a model uses is known, importing packages for it.

    Args:
        handle: of the model, for the error.
        ops: names of the ops in the model's graph.
        writer: version of the TensorFlow that wrote it; "" if unknown.

    Raises:
        MissingOps: when an op stays unknown; names the package to install.
        OpsPackageBroken: when that package is installed and does not import.
    """
    missing = sorted(missing_ops(ops))
    if not missing:
        return
    # Most models need TensorFlow's own ops alone.
    from unihub.apis.missing_ops import import_package, missing_ops_error

    package = import_package(handle, missing)
    missing = sorted(missing_ops(missing))
    if missing:
        raise missing_ops_error(handle, missing, package, writer)


def _register_linked_ops(names: Set[str]) -> None:
    """Tells the Python side of 1.15 about ops that only C++ code has registered.

    import_graph_def of 1.15 looks ops up in Python and fails for those that no
    Python module has declared yet. Later releases ask C++.
    """
    from tensorflow.core.framework.op_def_pb2 import OpList
    from tensorflow.python import pywrap_tensorflow

    linked = OpList()
    linked.ParseFromString(pywrap_tensorflow.TF_GetBuffer(pywrap_tensorflow.TF_GetAllOpList()))
    registered = op_def_registry.get_registered_ops()
    for definition in linked.op:
        if definition.name in names:
            registered[definition.name] = definition
