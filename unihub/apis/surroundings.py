"""Where a model is loaded: the ops there are, the process, the strategy, what is being traced."""

from __future__ import annotations

import os
import threading
from typing import Any, Iterable

import tensorflow as tf
from tensorflow.python.eager import context

from unihub.errors import UnihubError
from unihub.matrix.values import Format
from unihub.runtime.tensorflow import may_lack_kernel, missing_ops

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
        "m = unihub.load({handle!r})  # outside of the strategy, such as for dataset.map(m); "
        "or use a TF2 version of the model"
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


def register_ops(handle: str, ops: Iterable[str], writer: str = "") -> None:
    """Makes sure that every op a model uses is known, importing packages for it.

    Args:
        handle: of the model, for the error.
        ops: names of the ops in the model's graph.
        writer: version of the TensorFlow that wrote it; "" if unknown.

    Raises:
        MissingOps: when an op stays unknown; names the package to install.
        OpsPackageBroken: when that package is installed and does not import.

    Warns of ops that are known and that nothing computes: OpsWithoutKernelWarning.
    """
    ops = list(ops)
    missing = sorted(missing_ops(ops))
    lacking_kernels = may_lack_kernel(ops)
    if not missing and not lacking_kernels:
        return
    # Most models need TensorFlow's own ops alone.
    from unihub.apis.missing_ops import import_package, warn_of_missing_kernels
    from unihub.inspection.lacking import missing_ops_error

    if lacking_kernels:
        warn_of_missing_kernels(handle, lacking_kernels)
    if missing:
        import_package(handle, missing)
        missing = sorted(missing_ops(missing))
    if missing:
        raise missing_ops_error(handle, missing, writer)
