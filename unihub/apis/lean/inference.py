"""Loading for inference what a model's call needs, and no more."""

from __future__ import annotations

import logging
from typing import Any, Callable, List, Optional

import tensorflow as tf

from unihub.apis.lean import files
from unihub.apis.lean.levels import LeveledCall, LeveledSignature, Model, Source
from unihub.apis.lean.loaded import (
    LeanCallableObject,
    LeanObject,
    LeanSignatureObject,
    LeanSignatures,
)
from unihub.apis.lean.objects import child_ids
from unihub.apis.lean.plan import Declined
from unihub.apis.lean.private import is_anyone_listening
from unihub.apis.lean.store import Files, store_of
from unihub.apis.request import Request
from unihub.errors import NotEvident
from unihub.formats import selection
from unihub.formats.model import Signature
from unihub.formats.saved_model import saved_model_file
from unihub.matrix.values import Format

_log = logging.getLogger(__name__)
MAPPED = "mmap"
_SIGNATURES = "signatures"
_NO_SIGNATURE = frozenset(("__saved_model_init_op", "__saved_model_train_op"))


def load_lean(
    request: Request, load_full: Callable[..., Any], weights: Optional[str] = None
) -> Optional[Any]:
    """Loads what a call of the object that a request is for needs.

    Args:
        request: for which `capability.may_be_lean`.
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
    """
    try:
        signature = selection.choose_signature(
            request.meta_graph, request.handle, request.signature
        )
    except NotEvident:
        return None
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


def build(
    request: Request,
    signature: Optional[Signature],
    load_full: Callable[..., Any],
    is_mapped: bool = False,
) -> LeanObject:
    """Loads one signature of a model, or its own __call__.

    Args:
        request: what was asked for.
        signature: that it comes to; None for the __call__.
        load_full: loads the full object.
        is_mapped: whether the weights are mapped from a file that processes share.

    Raises:
        Declined: it needs more than is sure to give what the full object gives.
        tf.errors.OpError: the files are damaged.
    """
    if signature is None:
        names = list(request.meta_graph.signatures)
        selection.choose_output(None, request.handle, request.output_key, request.as_dict, names)
    path = request.model.path
    model_files = Files(
        path=path,
        tags=request.meta_graph.tags,
        has_objects=request.model.format is Format.TF2_SAVED_MODEL,
        is_mapped=is_mapped,
        stamp=files.stamp(path, request.variables_digest),
    )
    wanted = "its own __call__" if signature is None else f"signature {signature.name!r}"
    source = Source(request.handle, wanted, store_of(model_files), load_full, request.origin)
    model = Model(source)
    with saved_model_file(path) as file:
        meta_graph = model_files.meta_graph()
        # The stamp, which a later full load goes by, is that of this very content.
        file.check_unchanged()
    found = _signatures(meta_graph, model_files.has_objects)
    function = model.function(None if signature is None else signature.name, meta_graph)
    if signature is None:
        assert isinstance(function, LeveledCall)
        signatures = None if found is None else LeanSignatures(model, found)
        return LeanCallableObject(model, signatures, function, request.handle)
    assert isinstance(function, LeveledSignature)
    from unihub.apis.signature import SignatureFunction

    output_key = selection.choose_output(
        signature, request.handle, request.output_key, request.as_dict
    )
    return LeanSignatureObject(
        model,
        LeanSignatures(model, found or (), function),
        function,
        SignatureFunction(function, signature, request.handle, output_key),
        tuple(signature.inputs),
        output_key,
    )


def _signatures(meta_graph: Any, has_objects: bool) -> Optional[List[str]]:
    """The names of the signatures in TensorFlow's order; None where there is no such list."""
    if not has_objects:
        return [name for name in meta_graph.signature_def if name not in _NO_SIGNATURE]
    nodes = meta_graph.object_graph_def.nodes
    children = child_ids(nodes[0])
    return list(child_ids(nodes[children[_SIGNATURES]])) if _SIGNATURES in children else None
