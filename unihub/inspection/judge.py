"""One answer to what can be done with a model in a runtime: by which API and line, and why not.

inspect and its pages, `unihub.load`, `unihub.validate` and the Keras layers ask here, so that
none of them promises what another refuses. Told from the model's files alone.

Source: `unihub.matrix.ROWS`, and https://www.tensorflow.org/hub/reusable_saved_models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from unihub.errors import MatrixRefusal, UnihubError, listed
from unihub.formats import selection
from unihub.formats.model import MetaGraph, SavedModel
from unihub.matrix.rows import CELLS
from unihub.matrix.values import Cell, Format, Operation, Route, Runtime, Status

Code = Tuple[Tuple[str, str], ...]

_SAVE_IT_CALLABLE = (
    "save the model with a @tf.function __call__ and its variables: "
    "https://www.tensorflow.org/hub/reusable_saved_models"
)


class NotReusable(UnihubError, ValueError):
    """A TF2 SavedModel without the interface that fine-tuning needs."""

    code = "not-reusable-saved-model"
    what = "{handle} cannot be fine-tuned{how}."
    why = (
        "fine-tuning goes through the __call__ of a Reusable SavedModel, which knows "
        "training mode, trainable variables and losses. (found: {found})"
    )
    do = "{remedy}"


class NothingToTrain(UnihubError, ValueError):
    """A TF2 SavedModel that is callable, and lists no trainable variables."""

    code = "nothing-to-train"
    what = "{handle} cannot be fine-tuned: it has nothing that can be trained."
    why = (
        "training changes what the model lists as trainable_variables, and it lists none. "
        "(its list variables: {variables})"
    )
    do = (
        "unihub.load({handle!r}, api='keras')  # for inference, below layers of yours that "
        "are trained; or save the model with its trainable_variables"
    )


@dataclass(frozen=True)
class Verdict:
    """The verdict on one cell of the matrix for one model.

    Attributes:
        code: pairs of the API and the line to write; none where it is refused.
        note: what limits it, or is to be known beyond the code.
        refusal: what `unihub.load` raises; None where it can be done.
    """

    cell: Cell
    status: Status
    code: Code = ()
    note: str = ""
    refusal: Optional[UnihubError] = None


def judge(
    handle: str,
    model: SavedModel,
    runtime: Runtime,
    operation: Operation,
    graph: Optional[MetaGraph] = None,
    signature: Optional[str] = None,
) -> Verdict:
    """Judges what can be done with a model.

    Args:
        handle: as the caller wrote it, for lines and errors.
        model: what was read from its folder.
        runtime, operation: of the cell; INFERENCE or FINE_TUNING.
        graph: the MetaGraph to use; the evident one, or else the first, by default.
        signature: that the caller names; None for none.

    Returns:
        FULL where it works, LIMITED with the limit named, REFUSED with the error.

    Example:
        >>> judge("model", model, Runtime.TF2, Operation.FINE_TUNING).status
        <Status.FULL: 'full'>
    """
    cell = CELLS[model.format, runtime, operation]
    if cell.refusal is not None:
        refusal = MatrixRefusal(cell.refusal, handle=handle, evidence=model.evidence)
        return Verdict(cell, Status.REFUSED, refusal=refusal)
    if graph is None:
        graph = selection.evident_meta_graph(model, operation) or model.meta_graphs[0]
    if operation is Operation.FINE_TUNING and model.format is Format.TF2_SAVED_MODEL:
        obstacle = _obstacle(handle, graph, signature)
        if obstacle is not None:
            return Verdict(cell, Status.REFUSED, refusal=obstacle)
    code = tuple((route.api, _line(route, handle, model, graph)) for route in cell.routes)
    return _of_what_is_called(handle, graph, Verdict(cell, cell.status, code, cell.note))


def _obstacle(handle: str, graph: MetaGraph, signature: Optional[str]) -> Optional[UnihubError]:
    """Why a TF2 SavedModel cannot be fine-tuned."""
    objects = graph.object_graph
    if objects is None or not objects.callable:
        return _not_callable(handle, graph, signature)
    if signature is not None:
        return NotReusable(
            handle=handle,
            how=f" through its signature {signature!r}",
            found="a __call__ beside the signatures",
            remedy=f'unihub.load({handle!r}, op="fine_tuning")',
        )
    if objects.trainable_variables == 0:
        return NothingToTrain(handle=handle, variables=objects.variables or "none")
    return None


def _not_callable(handle: str, graph: MetaGraph, signature: Optional[str]) -> UnihubError:
    parts = graph.object_graph.callables if graph.object_graph else ()
    remedy = _SAVE_IT_CALLABLE
    if graph.object_graph is not None and graph.object_graph.best_callable:
        part = graph.object_graph.best_callable
        remedy = f"unihub.KerasLayer(unihub.load({handle!r}).{part}, trainable=True)"
    if signature is not None:
        how, found = f" through its signature {signature!r}", "signature="
    else:
        how, found = "", f"no __call__; callable parts: {listed(parts)}"
    return NotReusable(handle=handle, how=how, found=found, remedy=remedy)


def _of_what_is_called(handle: str, graph: MetaGraph, verdict: Verdict) -> Verdict:
    """A verdict with the limit that a model sets which cannot be called as a whole."""
    try:
        selection.choose_signature(graph, handle)
    except selection.AmbiguousSignature:
        note = f"Name the signature to call: {listed(graph.signatures)}. {verdict.note}"
        return Verdict(verdict.cell, Status.LIMITED, verdict.code, note.strip())
    except selection.NothingToCall as error:
        parts = graph.object_graph.callables if graph.object_graph else ()
        if not parts:
            return Verdict(verdict.cell, Status.REFUSED, refusal=error)
        best = graph.object_graph.best_callable if graph.object_graph else ""
        load = f"unihub.load({handle!r}).{best or parts[0]}"
        code = (("load", f"m = {load}; m(inputs)"), ("keras", f"unihub.KerasLayer({load})"))
        note = f"The model itself cannot be called, its parts can: {listed(parts)}."
        return Verdict(verdict.cell, Status.LIMITED, code, note)
    return verdict


def _line(route: Route, handle: str, model: SavedModel, graph: MetaGraph) -> str:
    """A line of the matrix with the model's own tags, signature and arguments."""
    line = route.code.format(handle=handle)
    objects = graph.object_graph
    if objects is not None and not objects.has_training_argument:
        line = line.replace("m(inputs, training=is_training)", "m(inputs)")
    names = list(graph.signatures)
    for usual in selection.PREFERRED_SIGNATURES:
        if f'"{usual}"' in line and usual not in names and names:
            line = line.replace(f'"{usual}"', repr(names[0]))
    return line
