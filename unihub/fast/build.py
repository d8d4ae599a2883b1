"""Puts a lean object together from a model's files."""

from __future__ import annotations

import os
import weakref
from typing import Any, Callable, MutableMapping, Sequence, Tuple

from unihub import selection
from unihub.fast import files, graphs, objects
from unihub.fast.direct import Captured, DirectFunction
from unihub.fast.lean import LeanObject
from unihub.fast.levels import LeveledFunction, Source
from unihub.fast.plan import Declined, Plan
from unihub.fast.private import DecodeError, SavedModel
from unihub.fast.weights import captured_tensors, read_values
from unihub.formats import Signature
from unihub.matrix import Format
from unihub.request import Request
from unihub.routes.signature import SignatureFunction

# What is in use, so that loading the same again shares its weights: none of those
# who hold it writes to them.
_LOADED: MutableMapping[Tuple[Any, ...], Captured] = weakref.WeakValueDictionary()


def build(
    request: Request,
    signature: Signature,
    load_full: Callable[..., Any],
    suffix: str,
    is_mapped: bool = False,
) -> LeanObject:
    """Loads one signature of a model.

    Args:
        request: what was asked for.
        signature: that it comes to.
        load_full: loads the full object.
        suffix: to make names unique.
        is_mapped: whether the weights are mapped from a file that processes share.

    Raises:
        Declined: the signature needs more than variables and constants.
        tf.errors.OpError: the files are damaged.
    """
    path = request.model.path
    has_objects = request.model.format is Format.TF2_SAVED_MODEL
    stamp = files.stamp(path)
    key = (os.path.realpath(path), stamp, request.meta_graph.tags, signature.name, is_mapped)
    captured = _LOADED.get(key)
    if captured is None:
        plan = _plan(request, signature.name, suffix, has_objects)
        values = _values(plan, files.checkpoint_prefix(path), stamp, is_mapped)
        tensors = captured_tensors(plan, values)
        captured = _LOADED[key] = Captured(DirectFunction(plan), tensors)
    source = Source(
        handle=request.handle,
        path=path,
        tags=request.meta_graph.tags,
        signature=signature.name,
        has_objects=has_objects,
        stamp=stamp,
        load_full=load_full,
    )
    function = LeveledFunction(captured, source)
    output_key = selection.choose_output(
        signature, request.handle, request.output_key, request.as_dict
    )
    call = SignatureFunction(function, signature, request.handle, output_key)
    return LeanObject(function, call, tuple(signature.inputs), output_key)


def _values(plan: Plan, prefix: str, stamp: files.Stamp, is_mapped: bool) -> Sequence[Any]:
    if not is_mapped:
        return read_values(plan.variables, prefix)
    from unihub.fast.mapped import mapped_values

    return mapped_values(plan.variables, prefix, stamp)


def _plan(request: Request, signature: str, suffix: str, has_objects: bool) -> Plan:
    path = request.model.path
    try:
        with open(files.graph_file(path), "rb") as file:
            saved_model = SavedModel.FromString(file.read())
    except DecodeError:
        raise Declined("saved_model.pb is damaged") from None
    tags = set(request.meta_graph.tags)
    found = [g for g in saved_model.meta_graphs if set(g.meta_info_def.tags) == tags]
    if len(found) != 1:
        raise Declined("several MetaGraphs have the same tags")
    (meta_graph,) = found
    if has_objects:
        return objects.plan_signature(meta_graph, signature, files.checkpoint_prefix(path), suffix)
    return graphs.plan_signature(meta_graph, signature, suffix)
