"""Which tags, signature and output of a SavedModel to use: as told, or evident.

Pure decisions over what `unihub.formats` read; nothing here needs TensorFlow.
"""

from __future__ import annotations

from typing import Iterable, Optional, Sequence, Tuple, Union

from unihub.errors import listed
from unihub.formats.model import MetaGraph, SavedModel, Signature
from unihub.matrix.values import Format, Operation

Tags = Union[str, Iterable[str]]

# Preferred when nobody names one: TF1 Hub's graph without tags and its default
# signature, then those that tf.saved_model and Estimators write.
_PREFERRED_TAGS: Sequence[Tuple[str, ...]] = ((), ("serve",))
PREFERRED_SIGNATURES = ("default", "serving_default")
_PREFERRED_OUTPUT = "default"
# Which call an error is to offer, up to the choice.
_LOAD = "unihub.load({handle!r}, "


def evident_meta_graph(
    model: SavedModel,
    operation: Operation = Operation.INFERENCE,
    training: Optional[bool] = None,
) -> Optional[MetaGraph]:
    """The MetaGraph to use where nobody names its tags; None where none is evident.

    For fine-tuning a TF1 format that is the one tagged "train" where there is
    one, unless ``training`` is False; else the one without tags, the one
    tagged "serve", or the only one.
    """
    variants = {frozenset(graph.tags): graph for graph in reversed(model.meta_graphs)}
    preferred = list(_PREFERRED_TAGS)
    has_train_graph = model.format is not Format.TF2_SAVED_MODEL
    if has_train_graph and operation is Operation.FINE_TUNING and training is not False:
        preferred.insert(0, ("train",))
    for candidate in preferred:
        if frozenset(candidate) in variants:
            return variants[frozenset(candidate)]
    return model.meta_graphs[0] if len(variants) == 1 else None


def choose_meta_graph(
    model: SavedModel,
    handle: str,
    operation: Operation = Operation.INFERENCE,
    training: Optional[bool] = None,
    tags: Optional[Tags] = None,
    call: str = _LOAD,
) -> MetaGraph:
    """The MetaGraph with the wanted tags, or the evident one.

    ``call`` is how the line begins that an error offers.

    Raises:
        UnknownTags: none has the wanted tags.
        AmbiguousTags: none are wanted, and none is evident.
    """
    if tags is None:
        evident = evident_meta_graph(model, operation, training)
        if evident is None:
            # Imported only here and below, for most models have what is asked for.
            from unihub.formats.not_there import AmbiguousTags, tags_to_choose

            raise AmbiguousTags(**tags_to_choose(model, handle, call))
        return evident
    # Of equal tags the first counts, as for TensorFlow.
    variants = {frozenset(graph.tags): graph for graph in reversed(model.meta_graphs)}
    try:
        wanted = frozenset((tags,) if isinstance(tags, str) else tags)
        if wanted in variants:
            return variants[wanted]
    except TypeError:
        pass
    from unihub.formats.not_there import unknown_tags

    raise unknown_tags(tags, model, handle, call)


def choose_signature(
    meta_graph: MetaGraph, handle: str, wanted: Optional[str] = None, call: str = _LOAD
) -> Optional[Signature]:
    """The wanted signature, or the evident one.

    Args:
        meta_graph: to choose from.
        handle: of the model, for errors.
        wanted: name of the signature; None for the evident one.
        call: how the line begins that an error offers.

    Returns:
        None when no signature is wanted and the model's own ``__call__`` serves.
    """
    signatures = meta_graph.signatures
    names = list(signatures)
    if wanted is not None:
        if wanted in signatures:
            return signatures[wanted]
        from unihub.formats.not_there import unknown_signature, without_signatures

        raise unknown_signature(
            handle,
            wanted,
            names,
            call=call.format(handle=handle).rstrip(", "),
            tags=meta_graph.tags,
            otherwise=without_signatures(meta_graph, handle),
        )
    if is_callable(meta_graph):
        return None
    if len(names) == 1:
        return signatures[names[0]]
    for name in PREFERRED_SIGNATURES:
        if name in signatures:
            return signatures[name]
    from unihub.formats.not_there import no_evident_signature

    raise no_evident_signature(meta_graph, handle, f"{call.format(handle=handle)}signature=")


def choose_output(
    signature: Optional[Signature],
    handle: str,
    output_key: Optional[str] = None,
    as_dict: Optional[bool] = None,
    signatures: Sequence[str] = (),
) -> Optional[str]:
    """The output to return by itself, or None for the dict of all of them.

    A sole output, and the one called "default", is returned by itself unless
    ``as_dict`` is True.
    """
    if signature is None:
        if output_key is None and not as_dict:
            return None
        from unihub.formats.not_there import OutputOfCallable

        wanted = "as_dict=True" if output_key is None else f"output_key={output_key!r}"
        remedy = (
            f"unihub.load({handle!r}, signature={signatures[0]!r}, {wanted})"
            if signatures
            else f"unihub.load({handle!r})(inputs)"
        )
        raise OutputOfCallable(
            argument="output_key" if output_key is not None else "as_dict",
            handle=handle,
            found=listed(signatures),
            remedy=remedy,
        )
    names = list(signature.outputs)
    if output_key is not None:
        if output_key in names:
            return output_key
        from unihub.formats.not_there import unknown_output_key

        raise unknown_output_key(
            handle, signature.name, output_key, names, call=f"unihub.load({handle!r}"
        )
    if as_dict:
        return None
    if _PREFERRED_OUTPUT in names:
        return _PREFERRED_OUTPUT
    return names[0] if len(names) == 1 else None


def is_callable(meta_graph: MetaGraph) -> bool:
    """Whether the loaded object has a ``__call__`` of its own."""
    return meta_graph.object_graph is not None and meta_graph.object_graph.callable
