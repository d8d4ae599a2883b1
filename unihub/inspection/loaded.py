"""What `unihub.load` returned, for its card in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Optional, Tuple

from unihub.errors import UnihubError
from unihub.inspection import remote
from unihub.inspection.inspector import inspect
from unihub.inspection.model_info import CallableInfo, MetaGraphInfo, ModelInfo, SignatureInfo
from unihub.matrix.rows import CELLS
from unihub.matrix.values import Cell, Operation

Tags = Optional[Iterable[str]]


@dataclass(frozen=True)
class Loaded:
    """A loaded object.

    Attributes:
        handle: without secrets.
        api: that served it, such as ``"load"``.
        info: None where its files are not to be read any more.
        cell: of the matrix, that served it; None with ``info``.
        callables: what a call of it runs, where that is the object itself.
        signatures: what a call of it can run, where that is a signature.
        note: what else to know; ``""`` for nothing.
    """

    handle: str
    api: str
    info: Optional[ModelInfo] = None
    cell: Optional[Cell] = None
    callables: Tuple[CallableInfo, ...] = ()
    signatures: Tuple[SignatureInfo, ...] = ()
    note: str = ""


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

    shown = remote.shown(handle)
    info = _info(handle)
    if info is None:
        return loaded_card(Loaded(shown, api, note=note or "its files are not here any more"))
    graph = _meta_graph(info, tags)
    chosen = tuple(one for one in graph.signatures if all_signatures or one.name == signature)
    runtime = info.runtime
    return loaded_card(
        Loaded(
            handle=shown,
            api=api,
            info=info,
            cell=None if runtime is None else CELLS[info.format, runtime, operation],
            callables=() if chosen else graph.callables,
            signatures=chosen,
            note=note,
        )
    )


def object_card(text: str, api: str) -> str:
    """The card of what was made of an object rather than of a handle."""
    from unihub.inspection.page import loaded_card

    return loaded_card(Loaded(text, api, note="it was made of an object"))


def _info(handle: str) -> Optional[ModelInfo]:
    # To be shown, an object downloads nothing and fails for no reason.
    try:
        return inspect(handle) if remote.is_at_hand(handle) else None
    except UnihubError:
        return None


def _meta_graph(info: ModelInfo, tags: Tags) -> MetaGraphInfo:
    wanted = None if tags is None else set(tags)
    same = [graph for graph in info.meta_graphs if wanted in (None, set(graph.tags))]
    return (same or list(info.meta_graphs))[0]
