"""Which cells of the compatibility matrix apply to one model, with its lines of code."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from typing import NamedTuple, Optional, Tuple

from unihub.formats.model import MetaGraph, SavedModel
from unihub.matrix.rows import CELLS
from unihub.matrix.values import Cell, Format, Operation, Runtime, Status

_EVIDENT_SIGNATURES = ("default", "serving_default")
_OPERATIONS = (Operation.INFERENCE, Operation.FINE_TUNING)
_NOT_REUSABLE = "It has no __call__, which fine-tuning goes through: it is no Reusable SavedModel."


class Use(NamedTuple):
    """What can be done with a model in one runtime.

    Attributes:
        code: pairs of the API and the line to write; none where it is refused.
        note: what to know beyond the code; of a refusal what to do instead.
    """

    runtime: Runtime
    operation: Operation
    status: Status
    code: Tuple[Tuple[str, str], ...]
    note: str


def uses_of(handle: str, model: SavedModel) -> Tuple[Use, ...]:
    """The cells for inference and fine-tuning of a model, in every runtime.

    Source: `unihub.matrix.ROWS`.
    """
    return tuple(
        _use(handle, model, CELLS[model.format, runtime, operation])
        for operation in _OPERATIONS
        for runtime in Runtime
    )


def _use(handle: str, model: SavedModel, cell: Cell) -> Use:
    graph = model.meta_graphs[0]
    code = tuple((route.api, _code(route.code, handle, graph)) for route in cell.routes)
    status, note = cell.status, cell.note
    if cell.refusal is not None:
        refusal = cell.refusal.filled(handle=handle, evidence=model.evidence)
        note = f"{refusal.why} Instead: {refusal.do}"
    elif cell.operation is Operation.FINE_TUNING and not _can_be_tuned(model, graph):
        parts = graph.object_graph.callables if graph.object_graph else ()
        note = _NOT_REUSABLE
        status, code = Status.REFUSED, ()
        if parts:
            target = f"unihub.load({handle!r}).{parts[0]}"
            note += f" Instead: unihub.KerasLayer({target}, trainable=True)"
    return Use(cell.runtime, cell.operation, status, code, note)


def _can_be_tuned(model: SavedModel, graph: MetaGraph) -> bool:
    if model.format is not Format.TF2_SAVED_MODEL:
        return True
    return graph.object_graph is not None and graph.object_graph.callable


def _code(template: str, handle: str, graph: MetaGraph) -> str:
    code = template.format(handle=handle)
    names = list(graph.signatures)
    for usual in _EVIDENT_SIGNATURES:
        if f'"{usual}"' in code and usual not in names and names:
            return code.replace(f'"{usual}"', repr(names[0]))
    return code


def present_runtime() -> Optional[Runtime]:
    """The runtime of this process; None where no TensorFlow is installed that will do."""
    if "tensorflow" not in sys.modules and _installed_release() >= 2:
        return Runtime.TF2
    from unihub.runtime import TensorFlowMissing, TensorFlowTooOld, current_runtime

    try:
        return current_runtime()
    except (TensorFlowMissing, TensorFlowTooOld):
        return None


def _installed_release() -> int:
    """The 2 of TensorFlow 2.x, from a name alone: metadata take longer than a whole inspection."""
    spec = find_spec("tensorflow")
    if spec is None or spec.origin is None:
        return 0
    names = os.listdir(os.path.dirname(os.path.dirname(spec.origin)))
    found = (re.match(r"tensorflow(?:_cpu|_intel|_gpu)?-(\d+)\..*\.dist-info", n) for n in names)
    return max((int(match.group(1)) for match in found if match), default=0)
