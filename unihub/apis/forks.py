"""A process that was forked from one in which TensorFlow had run already."""

from __future__ import annotations

import os
import threading

from tensorflow.python.eager import context

from unihub.errors import UnihubError

_NATIVE_THREADS = "/proc/self/task"


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
