"""Loading for inference what a model's call needs, and no more."""

from __future__ import annotations

import logging
from typing import Any, Callable, Optional

import tensorflow as tf

from unihub.apis.request import Request
from unihub.apis.surroundings import check_fork
from unihub.formats import selection
from unihub.matrix.values import Format, Runtime
from unihub.runtime import current_runtime

_log = logging.getLogger("unihub.fast")
MAPPED = "mmap"


def load_lean(
    request: Request, load_full: Callable[..., Any], weights: Optional[str] = None
) -> Optional[Any]:
    """Loads what a call of the object that a request is for needs.

    Args:
        request: for inference by api="load".
        load_full: loads the full object, when more than a call is asked for; given
            ``load=``, it calls that in the place of tf.saved_model.load.
        weights: "mmap" to map them from a file in the cache, made the first time,
            so that all processes on a machine share one copy.

    Returns:
        What load_saved_model returns for it, in all that a caller can see; None
        where this cannot be made sure, and the full object is to be loaded.

    Raises:
        UnknownSignature: the model has no such signature.
        OutputOfCallable: an output was chosen, and no signature.
        CacheNotWritable, DiskFull, InodesFull: the weights cannot be written there.
        ForkedAfterUse: in a process forked after TensorFlow had run.
    """
    if not _is_plain(request):
        return None
    try:
        signature = selection.choose_signature(
            request.meta_graph, request.handle, request.signature
        )
    except (selection.AmbiguousSignature, selection.NothingToCall):
        return None
    devices = [device.device_type for device in tf.config.experimental.list_logical_devices()]
    if devices != ["CPU"]:
        return None
    check_fork(request.handle)
    from unihub.apis.lean.capability import is_capable

    if not is_capable():
        return None
    from unihub.apis.lean.build import build
    from unihub.apis.lean.listeners import is_anyone_listening
    from unihub.apis.lean.plan import Declined

    if is_anyone_listening(while_loading=True):
        return None
    try:
        return build(request, signature, load_full, weights == MAPPED)
    except Declined as reason:
        _log.debug("%s: full load: %s", request.handle, reason)
    # The full load says better what is wrong with the files.
    except tf.errors.OpError as error:
        _log.debug("%s: full load: %s", request.handle, error)
    return None


def _is_plain(request: Request) -> bool:
    """Whether nothing is asked for that only the full object has."""
    if (
        current_runtime() is not Runtime.TF2
        or not tf.executing_eagerly()
        or request.fine_tuning
        or request.options is not None
    ):
        return False
    # Only a sole MetaGraph with objects is loaded by its objects.
    return request.meta_graph.object_graph is None or request.model.format is Format.TF2_SAVED_MODEL
