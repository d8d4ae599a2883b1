"""Whether a model may be loaded the fast way: what is asked for, and this TensorFlow."""

from __future__ import annotations

import functools
import logging

import tensorflow as tf

from unihub.apis.request import Request
from unihub.apis.surroundings import check_fork
from unihub.matrix.values import Format, Runtime
from unihub.runtime import current_runtime

# Those that the tests of unihub run on.
_TESTED = ("2.15", "2.21")

_log = logging.getLogger(__name__)


def may_be_lean(request: Request) -> bool:
    """Whether what is asked for may be had the fast way, by this TensorFlow on the CPU alone.

    Raises:
        ForkedAfterUse: in a process forked after TensorFlow had run.
    """
    if (
        current_runtime() is not Runtime.TF2
        or not tf.executing_eagerly()
        or request.options is not None
    ):
        return False
    # Only a sole MetaGraph with objects is loaded by its objects.
    is_whole = request.model.format is Format.TF2_SAVED_MODEL
    if request.meta_graph.object_graph is not None and not is_whole:
        return False
    devices = [device.device_type for device in tf.config.experimental.list_logical_devices()]
    if devices != ["CPU"]:
        return False
    check_fork(request.handle)
    return is_capable()


def is_tested() -> bool:
    """Whether the tests of unihub run on this TensorFlow."""
    return ".".join(tf.__version__.split(".")[:2]) in _TESTED


@functools.lru_cache(maxsize=None)
def is_capable() -> bool:
    """Whether this TensorFlow has what the fast way needs, and it works there.

    A TensorFlow that unihub is not tested on is tried with a tiny model, once in
    a process.
    """
    try:
        import unihub.apis.lean.private  # noqa: F401
    except (ImportError, AttributeError) as error:
        _log.debug("TensorFlow %s lacks what the fast way needs: %s", tf.__version__, error)
        return False
    if is_tested():
        return True
    from unihub.apis.lean.trial import trial_failure

    failure = trial_failure()
    if failure:
        _log.debug("the fast way fails in TensorFlow %s: %s", tf.__version__, failure)
    return not failure
