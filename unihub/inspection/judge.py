"""One answer to what can be done with a model in a runtime: by which API and line, and why not.

inspect and its pages, `unihub.load`, the Keras layers, `unihub.convert` and `unihub.validate`
and `unihub check` ask here, so that none of them promises what another refuses. Told from the
model's files, and sharper where TensorFlow is imported: its registries say which ops it has.

Source: `unihub.matrix.ROWS`, and https://www.tensorflow.org/hub/reusable_saved_models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Optional, Tuple

from unihub import runtime as installation
from unihub.errors import MatrixRefusal, Message, UnihubError, in_template, listed
from unihub.formats import not_there, selection
from unihub.formats.model import DENSE, MetaGraph, SavedModel, Signature
from unihub.inspection.convertible import PYTHON, SignatureInputMissing, refused_ops
from unihub.inspection.graph_facts import GraphFacts, read_graph_facts
from unihub.matrix.rows import CELLS
from unihub.matrix.values import Cell, Format, Operation, Route, Runtime, Status

Code = Tuple[Tuple[str, str], ...]

# In the place of a conversion that may be refused.
_IN_GRAPH_MODE = (
    "with tf.Graph().as_default(): m = unihub.load({handle!r}, op='fine_tuning')  # in TF1 mode; "
    "or use a TF2 version of the model."
)
_MAY_CONVERT = (
    "print(unihub.convert({handle!r}, 'converted', dry_run=True))  # whether it converts; "
    f"or {_IN_GRAPH_MODE}"
)
_PYTHON_NOT_HELD = (
    "It calls Python functions, which it does not hold: what needs them fails, but in the "
    "process that made it."
)
_TRAINING = "training="
_ATTRIBUTES = (
    "TensorFlow 1.15 loads it if its ops have no attributes of TensorFlow {writer}, which wrote it."
)
_ONE_MODE = (
    "It was traced for training={mode} only: it trains and predicts in that one mode, and "
    "training= has to say so."
)
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
    do = "{remedy}; or save the model with its trainable_variables"


class MistypedSignature(UnihubError, ValueError, TypeError):
    """A SignatureDef says another dtype than the graph has, or a tensor that is not there."""

    code = "mistyped-signature"
    what = "the signature {signature!r} of {handle} describes the graph wrongly."
    why = "it says that its {kind} {key!r} is {difference}."
    do = "{remedy}"


class ReferenceOutput(UnihubError, ValueError, NotImplementedError):
    """A signature gives a variable itself, which no function of TF2 can."""

    code = "reference-output"
    what = "the signatures of {handle} work in TF1 mode only."
    why = (
        "the output {key!r} of {signature!r} is {dtype}, a variable itself and not its value, "
        "which a function does not return."
    )
    do = "{remedy}"


class CountingReference(UnihubError, ValueError):
    """A signature assigns to a reference variable of int32, which TensorFlow 2 does not place."""

    code = "counting-reference"
    what = "the signature {signature!r} of {handle} works in TF1 mode only."
    why = (
        "its op {node!r} assigns to a reference variable of int32, which TensorFlow 2 does not run "
        "inside of a function."
    )
    do = "{remedy}"


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
    facts: Optional[GraphFacts] = None,
) -> Verdict:
    """Judges what can be done with a model.

    Args:
        handle: as the caller wrote it, for lines and errors.
        model: what was read from its folder.
        runtime, operation: of the cell; INFERENCE or FINE_TUNING.
        graph: the MetaGraph to use; by default that of `likely_graph`.
        signature: that the caller names; None for none.
        facts: what its graph says; without them the judgement is by its interface alone.

    Returns:
        FULL where it works, LIMITED with the limit named, REFUSED with the error.

    Example:
        >>> judge("model", model, Runtime.TF2, Operation.FINE_TUNING).status
        <Status.FULL: 'full'>
    """
    cell = CELLS[model.format, runtime, operation]
    if graph is None:
        graph = likely_graph(model, operation)
    case = _Case(handle, model, runtime, operation, graph, signature, facts)
    refusal = _untrainable(case) or _lacking(case) or _unusable(case)
    if refusal is not None:
        return Verdict(cell, Status.REFUSED, refusal=refusal)
    return _limited(case, Verdict(cell, cell.status, _code(case, cell), cell.note))


def likely_graph(model: SavedModel, operation: Operation = Operation.INFERENCE) -> MetaGraph:
    """The evident MetaGraph of a model, or else the first that is none for training."""
    by_training = sorted(model.meta_graphs, key=lambda graph: "train" in graph.tags)
    return selection.evident_meta_graph(model, operation) or by_training[0]


def unloadable(
    handle: str, model: SavedModel, graph: MetaGraph, runtime: Runtime
) -> Optional[UnihubError]:
    """Why TensorFlow cannot load a MetaGraph with all its signatures; None where nothing is known.

    For those who have tried: it reads the graph.
    """
    case = _read_case(handle, model, graph, runtime)
    assert case.facts is not None
    for name in case.facts.references:
        return _reference_output(case, name)
    # TensorFlow makes functions of them, in a graph too.
    wrong = _wrong(replace(case, runtime=Runtime.TF2))
    return next(iter(wrong.values()), None) or _lacking(case)


def unconvertible(handle: str, model: SavedModel, graph: MetaGraph) -> Optional[UnihubError]:
    """Why a MetaGraph in a TF1 format cannot be converted; None where that is yet to be seen.

    It reads the graph. What gradients and values the graph has, only a conversion tells.
    """
    return _unconvertible(_read_case(handle, model, graph, Runtime.TF2))


def may_lack_attributes(runtime: Runtime, graph: MetaGraph) -> bool:
    """Whether the ops of a graph may have attributes that the TensorFlow of a runtime lacks."""
    return runtime is Runtime.TF1 and graph.tensorflow_version.startswith("2.")


def wrong_signatures(handle: str, model: SavedModel, graph: MetaGraph) -> Dict[str, UnihubError]:
    """Those signatures of a MetaGraph that are no functions of TF2, each with the error.

    They describe the graph wrongly, or not all that they need. It reads the graph.
    """
    return _wrong(_read_case(handle, model, graph, Runtime.TF2))


@dataclass(frozen=True)
class _Case:
    """The question that the judge is asked."""

    handle: str
    model: SavedModel
    runtime: Runtime
    operation: Operation
    graph: MetaGraph
    signature: Optional[str]
    facts: Optional[GraphFacts]

    @property
    def is_tf2_format(self) -> bool:
        return self.model.format is Format.TF2_SAVED_MODEL

    @property
    def parts(self) -> Tuple[str, ...]:
        return self.graph.object_graph.callables if self.graph.object_graph else ()

    @property
    def best_part(self) -> str:
        return self.graph.object_graph.best_callable if self.graph.object_graph else ""

    @property
    def own_inputs(self) -> Tuple[str, ...]:
        """The arguments of the model's own ``__call__``, as a line has them."""
        given = self.facts.inputs if self.facts is not None else None
        return ("inputs",) if given is None else tuple(given)

    @property
    def named_tags(self) -> str:
        """The tags as an argument, where no graph of the model is used without a word."""
        if selection.evident_meta_graph(self.model, self.operation) is not None:
            return ""
        return f", tags={sorted(self.graph.tags)!r}"

    def chosen(self) -> Optional[Signature]:
        """The signature that a call runs, where there is one; of several the first that works."""
        try:
            return selection.choose_signature(self.graph, self.handle, self.signature)
        except not_there.AmbiguousSignature:
            wrong = {*_wrong(self), *_counting(self)}
            return min(self.graph.signatures.values(), key=lambda one: one.name in wrong)
        except not_there.NothingToCall:
            return None


def _read_case(handle: str, model: SavedModel, graph: MetaGraph, runtime: Runtime) -> _Case:
    facts = read_graph_facts(model, graph)
    return _Case(handle, model, runtime, Operation.INFERENCE, graph, None, facts)


def _lacking(case: _Case) -> Optional[UnihubError]:
    """Why its ops do not run in the TensorFlow that is here, if that is the one judged."""
    if case.facts is None:
        return None
    # Imported only here: a load finds out by itself.
    from unihub.inspection.lacking import lacking_ops

    try:
        error = lacking_ops(case.handle, case.facts.ops, case.graph.tensorflow_version)
        is_1 = installation.tensorflow_version().startswith("1.") if error else False
    except (installation.TensorFlowMissing, installation.TensorFlowTooOld):
        return None
    return error if is_1 is (case.runtime is Runtime.TF1) else None


def _untrainable(case: _Case) -> Optional[UnihubError]:
    """Why a model cannot be fine-tuned."""
    if case.operation is not Operation.FINE_TUNING:
        return None
    objects, handle = case.graph.object_graph, case.handle
    if case.is_tf2_format and (objects is None or not objects.callable):
        return _not_callable(case)
    if case.is_tf2_format and case.signature is not None:
        return NotReusable(
            handle=handle,
            how=f" through its signature {case.signature!r}",
            found="a __call__ beside the signatures",
            remedy=f'unihub.load({handle!r}, op="fine_tuning")',
        )
    if case.graph.trainable_variables == 0:
        remedy = f"unihub.load({handle!r})  # for inference"
        if "keras" in CELLS[case.model.format, case.runtime, Operation.INFERENCE].apis:
            remedy = (
                f"unihub.load({handle!r}, api='keras')  # for inference, below layers of yours "
                "that are trained"
            )
        variables = case.graph.variables or "none"
        return NothingToTrain(handle=handle, variables=variables, remedy=remedy)
    if objects is not None and objects.regularization_losses:
        facts = case.facts or read_graph_facts(case.model, case.graph)
        if facts.losses:
            return _losses_take_inputs(case, facts.losses)
    refusal = CELLS[case.model.format, case.runtime, case.operation].refusal
    if refusal is None:
        return None
    facts = case.facts or read_graph_facts(case.model, case.graph)
    if not facts.converts or _trains_another(case):
        known = _unconvertible(replace(case, facts=facts))
        refusal = replace(refusal, do=_MAY_CONVERT if known is None else _IN_GRAPH_MODE)
    if not case.graph.signatures:
        return _nothing_to_call(case)
    if not _is_evident(case) and case.signature is None:
        # A conversion does not choose one either.
        first = in_template(next(iter(case.graph.signatures)))
        do = refusal.do.replace("convert=True", f"convert=True, signature={first}")
        refusal = replace(refusal, do=do)
    if selection.evident_meta_graph(case.model) is None:
        tags = in_template(sorted(likely_graph(case.model).tags))
        do = refusal.do
        for converting in ("convert=True", "dry_run=True"):
            do = do.replace(converting, f"{converting}, tags={tags}")
        refusal = replace(refusal, do=do)
    return _refused(case, refusal)


def _nothing_to_call(case: _Case) -> UnihubError:
    line = not_there.without_signatures(case.graph, case.handle)
    return not_there.nothing_to_call(case.handle, (), line)


def _trains_another(case: _Case) -> bool:
    """Whether the graph to train has another signature than the one for inference."""
    used = likely_graph(case.model)
    if used.tags == case.graph.tags:
        return False
    try:
        chosen = selection.choose_signature(used, case.handle, case.signature)
    except UnihubError:
        return False
    other = None if chosen is None else case.graph.signatures.get(chosen.name)
    return chosen is not None and (other is None or _told(chosen) != _told(other))


def _told(signature: Signature) -> Tuple[Tuple[str, str, object], ...]:
    named = (*signature.inputs.items(), *signature.outputs.items())
    return tuple((name, info.dtype, info.shape) for name, info in named)


def _refused(case: _Case, refusal: Message) -> MatrixRefusal:
    return MatrixRefusal(refusal, handle=case.handle, evidence=case.model.evidence)


def _not_callable(case: _Case) -> UnihubError:
    # Keras 3's exports have a part that takes inputs, and whose variables are elsewhere.
    remedy = _SAVE_IT_CALLABLE
    objects = case.graph.object_graph
    if objects is not None and objects.trainable_callable:
        part = objects.trainable_callable
        remedy = f"unihub.KerasLayer(unihub.load({case.handle!r}).{part}, trainable=True)"
    if case.signature is not None:
        how, found = f" through its signature {case.signature!r}", "signature="
    else:
        how, found = "", f"no __call__; callable parts: {listed(case.parts)}"
    return NotReusable(handle=case.handle, how=how, found=found, remedy=remedy)


def _losses_take_inputs(case: _Case, taken: str) -> NotReusable:
    return NotReusable(
        handle=case.handle,
        how="",
        found=f"a function in its regularization_losses that takes {taken}, which nobody gives",
        remedy=f"m = unihub.load({case.handle!r})  # for a loop of yours that calls "
        "m.regularization_losses; or save the model with losses that take nothing",
    )


def _unusable(case: _Case) -> Optional[UnihubError]:
    """Why nothing of a model can be called."""
    cell = CELLS[case.model.format, case.runtime, case.operation]
    if cell.refusal is not None:
        return _refused(case, cell.refusal)
    chosen = case.chosen()
    if chosen is None and not selection.is_callable(case.graph) and not case.parts:
        return _nothing_to_call(case)
    if case.facts is None or chosen is None:
        return None
    wrong = _wrong(case)
    if chosen.name in wrong:
        return wrong[chosen.name]
    if case.facts.references and case.runtime is Runtime.TF2:
        return _reference_output(case, next(iter(case.facts.references)))
    return _counting(case).get(chosen.name)


def _wrong(case: _Case) -> Dict[str, UnihubError]:
    """By name the errors of the signatures that work in no runtime, or not in this one."""
    if case.facts is None:
        return {}
    found: Dict[str, UnihubError] = {n: _mistyped(case, n) for n in case.facts.mistyped}
    if case.runtime is Runtime.TF2:
        for name, missing in case.facts.unfed.items():
            facts = {"signature": name, "placeholders": listed(missing)}
            found.setdefault(name, SignatureInputMissing(handle=case.handle, **facts))
    return found


def _counting(case: _Case) -> Dict[str, UnihubError]:
    """By name the errors of the signatures that count in what TensorFlow 2 does not place."""
    if case.facts is None or case.runtime is not Runtime.TF2:
        return {}
    return {
        name: CountingReference(
            handle=case.handle, signature=name, node=node, remedy=_in_graph_mode(case, name)
        )
        for name, node in case.facts.counting.items()
    }


def _unconvertible(case: _Case) -> Optional[UnihubError]:
    assert case.facts is not None
    for name, used in case.facts.unconverted.items():
        error = refused_ops(case.handle, name, case.graph.tags, used)
        if error is not None:
            return error
    return next(iter(_wrong(replace(case, runtime=Runtime.TF2)).values()), None)


def _mistyped(case: _Case, name: str) -> MistypedSignature:
    assert case.facts is not None
    wrong = case.facts.mistyped[name]
    others = [other for other in case.graph.signatures if other not in case.facts.mistyped]
    remedy = "save the model anew, with signatures of its own tensors"
    if others:
        remedy = f"unihub.load({case.handle!r}, signature={others[0]!r})  # what is read of it fits"
    return MistypedSignature(handle=case.handle, signature=name, remedy=remedy, **wrong._asdict())


def _reference_output(case: _Case, name: str) -> ReferenceOutput:
    assert case.facts is not None
    key, info = case.facts.references[name]
    chosen = case.chosen()
    remedy = _in_graph_mode(case, None if chosen is None else chosen.name)
    return ReferenceOutput(
        handle=case.handle, signature=name, key=key, dtype=info.dtype, remedy=remedy
    )


def _in_graph_mode(case: _Case, signature: Optional[str]) -> str:
    named = "" if signature is None else f", signature={signature!r}"
    return f"with tf.Graph().as_default(): m = unihub.load({case.handle!r}{named})  # in TF1 mode"


def _limited(case: _Case, verdict: Verdict) -> Verdict:
    """A verdict with the limits that the model sets."""
    for name, error in {**_counting(case), **_wrong(case)}.items():
        note = f"Without the signature {name!r}: {error.why}"
        verdict = replace(verdict, status=Status.LIMITED, note=note)
        break
    chosen = case.chosen()
    if case.facts is not None and case.runtime is not Runtime.TF2 and chosen is not None:
        missing = case.facts.unfed.get(chosen.name)
        if missing:
            note = f"A feed_dict has to give {listed(missing)} as well. {verdict.note}".strip()
            code = tuple((api, line) for api, line in verdict.code if api == "module")
            verdict = replace(verdict, status=Status.LIMITED, note=note, code=code)
    if case.facts is not None and any(op.startswith(PYTHON) for op in case.facts.ops):
        note = f"{_PYTHON_NOT_HELD} {verdict.note}".strip()
        verdict = replace(verdict, status=Status.LIMITED, note=note)
    if case.facts is not None and may_lack_attributes(case.runtime, case.graph):
        note = _ATTRIBUTES.format(writer=case.graph.tensorflow_version)
        verdict = replace(verdict, status=Status.LIMITED, note=f"{verdict.note} {note}".strip())
    mode = _only_mode(case)
    if mode is not None and case.operation is Operation.FINE_TUNING:
        note = f"{_ONE_MODE.format(mode=mode)} {verdict.note}".strip()
        verdict = replace(verdict, status=Status.LIMITED, note=note)
    inputs = [one for sig in case.graph.signatures.values() for one in sig.inputs.values()]
    if case.runtime is Runtime.TF1 and any(one.kind != DENSE for one in inputs):
        # 1.15 makes no function of a signature with a sparse tensor.
        code = tuple((api, line) for api, line in verdict.code if api == "module")
        verdict = replace(verdict, code=code or verdict.code)
    is_by_reference = case.facts is not None and (case.facts.references or case.facts.counting)
    if is_by_reference and case.runtime is not Runtime.TF2:
        # Out of a graph, api="load" fails as in TF2.
        code = tuple((api, line) for api, line in verdict.code if api == "module")
        verdict = replace(verdict, code=code)
    if case.named_tags:
        tags = listed(sorted(one) for one in case.model.tags)
        note = f"Name the tags of the graph to use: {tags}. {verdict.note}".strip()
        verdict = replace(verdict, status=Status.LIMITED, note=note)
    try:
        selection.choose_signature(case.graph, case.handle, case.signature)
    except not_there.AmbiguousSignature:
        note = f"Name the signature to call: {listed(case.graph.signatures)}. {verdict.note}"
        return replace(verdict, status=Status.LIMITED, note=note.strip())
    except not_there.NothingToCall:
        load = f"unihub.load({case.handle!r}).{case.best_part or case.parts[0]}"
        code = (("load", f"m = {load}; m(inputs)"), ("keras", f"unihub.KerasLayer({load})"))
        note = f"The model itself cannot be called, its parts can: {listed(case.parts)}."
        return replace(verdict, status=Status.LIMITED, code=code, note=note)
    return verdict


def _code(case: _Case, cell: Cell) -> Code:
    handle, tags = repr(case.handle), case.named_tags
    return tuple(
        (route.api, _in_mode(case, route, _line(case, route).replace(handle, f"{handle}{tags}", 1)))
        for route in cell.routes
        if _serves(case, route)
    )


def _in_mode(case: _Case, route: Route, line: str) -> str:
    """A line with ``training`` set to what the model was traced for, where that is not both."""
    mode = _only_mode(case)
    if mode is None:
        return line
    if route.api != "keras":
        return line.replace("training=is_training", f"training={mode}")
    return f"{line[:-1]}, arguments={{'training': {mode}}})"


def _only_mode(case: _Case) -> Optional[str]:
    """The ``training`` that a layer has to have, in Python; None where it passes it on."""
    modes = case.facts.modes if case.facts is not None and case.chosen() is None else None
    is_tuned = case.operation is Operation.FINE_TUNING
    if modes is None or modes >= ({False, True} if is_tuned else {False}):
        return None
    return repr(min(modes, key=(False, True, None).index))


def _serves(case: _Case, route: Route) -> bool:
    """Whether a route of the matrix is one for this model: a layer takes inputs."""
    chosen = case.chosen()
    # It passes training on by itself.
    given = [one for one in case.own_inputs if not one.startswith(_TRAINING)]
    takes_one = given == ["inputs"] if chosen is None else bool(chosen.inputs)
    return route.api != "keras" or takes_one


def _line(case: _Case, route: Route) -> str:
    """A line of the matrix with the model's own tags, signature and arguments."""
    line = route.code.format(handle=case.handle)
    objects = case.graph.object_graph
    if objects is not None and not objects.has_training_argument:
        line = line.replace("m(inputs, training=is_training)", "m(inputs)")
    if ("train",) not in case.model.tags:
        line = line.replace(', tags={"train"} if is_training else None', "")
    if case.operation is Operation.FINE_TUNING:
        own = ", ".join(one for one in case.own_inputs if not one.startswith(_TRAINING))
        return line.replace("m(inputs", f"m({own}").replace("m(, ", "m(")
    own = ", ".join(case.own_inputs)
    chosen = case.chosen()
    named = "" if chosen is None or _is_evident(case) else f", signature={chosen.name!r}"
    call = f"m({own})" if chosen is None else "m(inputs)" if chosen.inputs else "m()"
    if route.api == "keras":
        return f'unihub.load({case.handle!r}, api="keras"{named})'
    if "unihub.Module(" in line and chosen is not None:
        signature = "" if chosen.name == "default" else f", signature={chosen.name!r}"
        # By itself a Module gives the output of that name.
        as_dict = "" if "default" in chosen.outputs else ", as_dict=True"
        inputs = "inputs" if chosen.inputs else "None" if signature or as_dict else ""
        return line.replace("m(inputs)", f"m({inputs}{signature}{as_dict})")
    api = ', api="load"' if 'api="load"' in line else ""
    return f"m = unihub.load({case.handle!r}{api}{named}); {call}"


def _is_evident(case: _Case) -> bool:
    """Whether a call finds its signature without a word."""
    try:
        selection.choose_signature(case.graph, case.handle)
    except UnihubError:
        return False
    return case.signature is None
