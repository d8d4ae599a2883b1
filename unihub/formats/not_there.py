"""Tags, signatures and outputs that a SavedModel does not have, or that are not evident."""

from __future__ import annotations

from typing import Dict, Iterable, Optional, Sequence, Union

from unihub.errors import NotEvident, UnihubError, listed, nearest
from unihub.errors.arguments import tag_set
from unihub.formats.model import MetaGraph, SavedModel

# Of a graph whose tensors nothing names but the graph.
_IN_A_SESSION = (
    "s = tf.compat.v1.Session(graph=tf.Graph()); "
    "tf.compat.v1.saved_model.load(s, {tags!r}, unihub.resolve({handle!r}))  "
    "# then s.run('output:0', {{'input:0': x}}), by the names of s.graph.get_operations()"
)
_SAVE_WITH_SIGNATURE = (
    "tf.saved_model.save(obj, path, signatures=obj.call)  # to save it with a signature"
)


class UnknownTags(UnihubError, ValueError, RuntimeError):
    """No MetaGraph has the wanted tags."""

    code = "unknown-tags"
    what = "{handle} has no MetaGraph with the tags {wanted}."
    why = "a MetaGraph is chosen by all of its tags. (found: {found})"
    do = "{remedy}"


class AmbiguousTags(UnihubError, ValueError, RuntimeError):
    """Several MetaGraphs, none of them the usual one."""

    code = "ambiguous-tags"
    what = "{handle} has several MetaGraphs, and none is taken by default."
    why = "neither an empty set of tags nor 'serve' is among them. (found: {found})"
    do = "{remedy}"


class UnknownSignature(UnihubError, ValueError):
    """The model has no signature of that name."""

    code = "unknown-signature"
    what = "{handle} has no signature {wanted!r}."
    why = "it has these signatures: {found}.{tags}"
    do = "{remedy}"


class UnknownOutputKey(UnihubError, ValueError):
    """There is no output of that name."""

    code = "unknown-output-key"
    what = "{model} has no output {wanted!r}."
    why = "it has these outputs: {found}."
    do = "{remedy}"


class OutputOfCallable(UnihubError, ValueError):
    """An output was chosen where the model's own __call__ decides what comes out."""

    code = "output-key-without-signature"
    what = "{argument} needs a signature, and {handle} is called directly."
    why = (
        "only signatures name their outputs; the model's own __call__ returns what it "
        "likes. (signatures: {found})"
    )
    do = "{remedy}"


class AmbiguousSignature(NotEvident):
    """Several signatures, none of them the usual one."""

    code = "ambiguous-signature"
    what = "{handle} can be called by several signatures, and none is taken by default."
    why = "neither 'default' nor 'serving_default' is among them. (found: {found})"
    do = "{remedy}"


class NothingToCall(NotEvident):
    """The root object is not callable and there are no signatures."""

    code = "nothing-to-call"
    what = "{handle} has nothing that can be called as a whole."
    why = "its root object has no __call__ and it has no signatures. (callable parts: {parts})"
    do = "{remedy}"


def unknown_signature(
    handle: str,
    wanted: str,
    names: Sequence[str],
    *,
    call: str,
    further: str = "",
    tags: Optional[Iterable[str]] = None,
    otherwise: str = "",
) -> UnknownSignature:
    """The error for a signature that is not among ``names``.

    Args:
        call: what to call instead, up to its further arguments.
        further: arguments that go with a signature.
        tags: of the MetaGraph that has these signatures, where that is known.
        otherwise: the line for a model that has no signatures; by default ``call``.
    """
    example = f"{call}, signature={nearest(wanted, names)!r}{further})"
    return UnknownSignature(
        handle=handle,
        wanted=wanted,
        found=listed(names),
        tags="" if tags is None else f" (tags: {_shown(tags)})",
        remedy=example if names else otherwise or f"{call})",
    )


def unknown_output_key(
    handle: str, signature: Optional[str], wanted: str, names: Sequence[str], *, call: str
) -> UnknownOutputKey:
    """The error for an output key that is not among ``names``.

    Args:
        signature: that gives the outputs; None for the model's own ``__call__``.
        call: what to call instead, up to its further arguments.
    """
    chosen = "" if signature is None else f", signature={signature!r}"
    return UnknownOutputKey(
        model=handle if signature is None else f"signature {signature!r} of {handle}",
        wanted=wanted,
        found=listed(names),
        remedy=f"{call}{chosen}, output_key={nearest(wanted, names)!r})",
    )


def unknown_tags(
    wanted: Union[str, Iterable[str]], model: SavedModel, handle: str, call: str
) -> UnihubError:
    """The error for tags that no MetaGraph has, or that are none."""
    facts = tags_to_choose(model, handle, call)
    return UnknownTags(wanted=repr(sorted(tag_set(wanted, facts["remedy"]))), **facts)


def tags_to_choose(model: SavedModel, handle: str, call: str) -> Dict[str, str]:
    """The facts of an error about tags."""
    return {
        "handle": handle,
        "found": ", ".join(_shown(tags) for tags in model.tags),
        "remedy": f"{call.format(handle=handle)}tags={_shown(model.tags[0])})",
    }


def _shown(tags: Iterable[str]) -> str:
    return repr(sorted(tags))


def no_evident_signature(meta_graph: MetaGraph, handle: str, call: str) -> UnihubError:
    """The error for a model that is neither callable nor has one evident signature.

    Args:
        call: the line that it offers, up to the signature's name.
    """
    names = list(meta_graph.signatures)
    if names:
        return AmbiguousSignature(handle=handle, found=listed(names), remedy=f"{call}{names[0]!r})")
    parts = meta_graph.object_graph.callables if meta_graph.object_graph else ()
    return nothing_to_call(handle, parts, line=without_signatures(meta_graph, handle))


def nothing_to_call(handle: str, parts: Sequence[str], line: str = "") -> NothingToCall:
    """The error for a model without a ``__call__`` and without signatures.

    Args:
        parts: names of what can be called in it.
        line: the one to paste; by default how a model is saved that can be called.
    """
    return NothingToCall(handle=handle, parts=listed(parts), remedy=line or _SAVE_WITH_SIGNATURE)


def without_signatures(meta_graph: MetaGraph, handle: str) -> str:
    """The line for a model that has no signatures."""
    objects = meta_graph.object_graph
    if objects is None:
        return _IN_A_SESSION.format(tags=sorted(meta_graph.tags), handle=handle)
    if objects.callable:
        return f"unihub.load({handle!r})(inputs)"
    part = objects.best_callable or next(iter(objects.callables), "")
    if part:
        return f"unihub.load({handle!r}).{part}(inputs)"
    return _SAVE_WITH_SIGNATURE
