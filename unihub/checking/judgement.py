"""The judge's verdicts on a model that a script names and that is at hand."""

from __future__ import annotations

from typing import Any, Optional

from unihub.checking.models import Model
from unihub.errors import UnihubError
from unihub.formats import not_there, selection
from unihub.formats.model import FormatError
from unihub.inspection.convertible import SignatureInputMissing
from unihub.inspection.graph_facts import read_graph_facts
from unihub.inspection.judge import (
    MistypedSignature,
    NothingToTrain,
    ReferenceOutput,
    Verdict,
    judge,
)
from unihub.matrix.values import Format, Operation, Runtime


def of_fine_tuning(handle: str, model: Model, runtime: Runtime) -> Verdict:
    """The verdict on fine-tuning a model that was read."""
    assert model.saved is not None
    return judge(handle, model.saved, runtime, Operation.FINE_TUNING)


def trains_nothing(error: UnihubError) -> bool:
    """Whether tensorflow_hub makes a layer all the same, which trains nothing, without a word."""
    return isinstance(error, NothingToTrain)


def unusable(handle: Any, model: Model, signature: Any) -> Optional[UnihubError]:
    """Why TF2 runs nothing of a model, or not the signature that is named.

    By its graph; what packages it needs, and whether it can be read, is told elsewhere.
    """
    if model.saved is None or model.format is Format.TF2_SAVED_MODEL:
        return None
    graph = selection.evident_meta_graph(model.saved) or model.saved.meta_graphs[0]
    if signature is not None and signature not in graph.signatures:
        return None
    try:
        facts = read_graph_facts(model.saved, graph)
    except FormatError:
        return None
    operation = Operation.INFERENCE
    error = judge(handle, model.saved, Runtime.TF2, operation, graph, signature, facts).refusal
    return (
        error
        if isinstance(error, (MistypedSignature, ReferenceOutput, SignatureInputMissing))
        else None
    )


def part_to_call(handle: Any, model: Model) -> str:
    """The line where neither a model itself nor a signature of it can be called."""
    assert model.saved is not None
    graph = selection.evident_meta_graph(model.saved) or model.saved.meta_graphs[0]
    return not_there.without_signatures(graph, handle)
