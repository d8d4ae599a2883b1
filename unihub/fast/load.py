"""Loading for inference what one signature needs, and no more."""

from __future__ import annotations

import itertools
import logging
from typing import Any, Callable, Optional

import tensorflow as tf

from unihub import selection
from unihub.formats import Signature
from unihub.matrix import Format, Runtime
from unihub.request import Request
from unihub.routes.forks import check_fork
from unihub.runtime import current_runtime

_log = logging.getLogger("unihub.fast")
MAPPED = "mmap"
_UNIQUE = itertools.count()


def load_signature(
    request: Request, load_full: Callable[..., Any], weights: Optional[str] = None
) -> Optional[Any]:
    """Loads the signature that a request is for, ready to be called.

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
        ForkedAfterUse: in a process forked after TensorFlow had run.
    """
    signature = _signature(request)
    if signature is None:
        return None
    check_fork(request.handle)
    from unihub.fast.capability import is_capable

    if not is_capable():
        return None
    from unihub.fast.build import build
    from unihub.fast.plan import Declined

    try:
        suffix = f"_unihub_{next(_UNIQUE)}"
        return build(request, signature, load_full, suffix, weights == MAPPED)
    except Declined as reason:
        _log.debug("%s: full load: %s", request.handle, reason)
    # The full load says better what is wrong with the files.
    except tf.errors.OpError as error:
        _log.debug("%s: full load: %s", request.handle, error)
    return None


def _signature(request: Request) -> Optional[Signature]:
    """The signature to load, or None where the full object is wanted or safer."""
    if (
        current_runtime() is not Runtime.TF2
        or not tf.executing_eagerly()
        or request.fine_tuning
        or request.options is not None
        or tf.distribute.has_strategy()
        or not request.meta_graph.signatures
    ):
        return None
    # Only a sole MetaGraph with objects is loaded by its objects.
    if request.meta_graph.object_graph is not None and (
        request.model.format is not Format.TF2_SAVED_MODEL
    ):
        return None
    try:
        signature = selection.choose_signature(
            request.meta_graph, request.handle, request.signature
        )
    except selection.AmbiguousSignature:
        return None
    devices = [device.device_type for device in tf.config.experimental.list_logical_devices()]
    return signature if devices == ["CPU"] else None
