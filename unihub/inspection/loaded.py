"""Cards in a notebook for what `unihub.load` returned."""

from __future__ import annotations

from typing import Any, Iterable, Optional

from unihub.errors import UnihubError
from unihub.handles.parsing import shown
from unihub.inspection.at_hand import is_at_hand
from unihub.inspection.facts import MetaGraphInfo, ModelFacts
from unihub.inspection.inspector import inspect
from unihub.matrix.values import Operation, Status

Tags = Optional[Iterable[str]]


def card(
    handle: str,
    api: str,
    *,
    signature: Optional[str] = None,
    all_signatures: bool = False,
    tags: Tags = None,
    operation: Operation = Operation.INFERENCE,
    note: str = "",
) -> str:
    """The card of a loaded object: a fragment of HTML.

    Args:
        handle: that it was loaded from.
        api: that served it.
        signature: that a call runs; None for the object itself.
        all_signatures: whether the call chooses among them.
        tags: of its MetaGraph; None for the evident one.
        operation: that it was loaded for.
        note: what else to know.
    """
    from unihub.inspection.page import loaded_card

    served = f'api="{api}"'
    info = _info(handle)
    if info is None:
        return loaded_card(shown(handle), served, note or "its files are not here any more")
    if info.runtime is not None:
        place = f"{info.format.label} in {info.runtime.label}, {operation.label}"
        (use,) = (u for u in info.uses if (u.runtime, u.operation) == (info.runtime, operation))
        served = f"{place}: {use.status.value}, served by {served}"
        # What is refused and was made all the same, such as a layer that trains nothing.
        note = note or (use.note if use.status is Status.REFUSED else "")
    graph = _meta_graph(info, tags)
    chosen = tuple(one for one in graph.signatures if all_signatures or one.name == signature)
    callables = () if chosen else graph.callables
    return loaded_card(shown(handle), served, note, callables, chosen)


def object_card(text: str, api: str) -> str:
    """The card of what was made of an object rather than of a handle."""
    from unihub.inspection.page import loaded_card

    return loaded_card(text, f'api="{api}"', "it was made of an object")


def _info(handle: str) -> Optional[ModelFacts]:
    # To be shown, an object downloads nothing and fails for no reason.
    try:
        return inspect(handle) if is_at_hand(handle) else None
    except UnihubError:
        return None


def _meta_graph(info: ModelFacts, tags: Tags) -> MetaGraphInfo:
    wanted = None if tags is None else set(tags)
    same = [graph for graph in info.meta_graphs if wanted in (None, set(graph.tags))]
    return (same or list(info.meta_graphs))[0]


def card_of_proxy(wrapped: Any, call: Any) -> Optional[str]:
    """The card of an object that is called otherwise; None stands for the plain text.

    Args:
        wrapped: the object.
        call: a function of a signature, or what says why there is none.
    """
    error = getattr(call, "_error", None)
    if error is not None:
        return card(error.facts["handle"], "load", all_signatures=True, note=error.why)
    signature = getattr(call, "_signature", None)
    if signature is not None:
        return card(call._handle, "load", signature=signature.name)
    show = getattr(wrapped, "_repr_html_", None)
    return show() if show is not None else None
