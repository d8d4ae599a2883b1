"""Which cells of the compatibility matrix apply to one model, with its lines of code."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from typing import NamedTuple, Optional, Sequence, Tuple

from unihub.formats.model import MetaGraph, SavedModel
from unihub.inspection.convertible import PYTHON
from unihub.inspection.graph_facts import GraphFacts
from unihub.inspection.judge import judge, likely_graph, may_lack_attributes
from unihub.matrix.values import Operation, Runtime, Status

_OPERATIONS = (Operation.INFERENCE, Operation.FINE_TUNING)


class Use(NamedTuple):
    """The uses of a model in one runtime.

    Attributes:
        code: pairs of the API and the line to write; none where it is refused.
        note: what to know beyond the code; of a refusal what to do instead.
    """

    runtime: Runtime
    operation: Operation
    status: Status
    code: Tuple[Tuple[str, str], ...]
    note: str


def uses_of(handle: str, model: SavedModel, facts: Sequence[GraphFacts]) -> Tuple[Use, ...]:
    """The cells for inference and fine-tuning of a model, in every runtime.

    Args:
        handle: for lines of code.
        model: what was read of it.
        facts: what the graph of each of its MetaGraphs says.

    Source: `unihub.matrix.ROWS`.
    """
    return tuple(
        _use(handle, model, facts, runtime, operation)
        for operation in _OPERATIONS
        for runtime in Runtime
    )


def _use(
    handle: str,
    model: SavedModel,
    facts: Sequence[GraphFacts],
    runtime: Runtime,
    operation: Operation,
) -> Use:
    graph = likely_graph(model, operation)
    of_graph = facts[model.meta_graphs.index(graph)]
    verdict = judge(handle, model, runtime, operation, graph, facts=of_graph)
    note = verdict.note
    if verdict.refusal is not None:
        note = f"{verdict.refusal.why} Instead: {verdict.refusal.do}"
    return Use(runtime, operation, verdict.status, verdict.code, note)


def runs_as_shown(
    handle: str,
    model: SavedModel,
    graph: MetaGraph,
    runtime: Optional[Runtime],
    facts: GraphFacts,
    signature: Optional[str],
) -> bool:
    """Whether a line that calls a signature, or the model itself for None, surely runs here.

    Args:
        runtime: that is here; None for none, of which nothing is known.
    """
    if any(op.startswith(PYTHON) for op in facts.ops):
        # It calls what only the process has that made it.
        return False
    if runtime is None:
        return True
    if may_lack_attributes(runtime, graph):
        return False
    verdict = judge(handle, model, runtime, Operation.INFERENCE, graph, signature, facts)
    return verdict.refusal is None


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
