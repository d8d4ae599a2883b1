"""How far a SavedModel keeps the Reusable SavedModel interface."""

from __future__ import annotations

import os
from typing import Any, List, Optional, Tuple

import tensorflow as tf

from unihub.apis.saved_model import load_meta_graph
from unihub.conversion.conversion import check_runtime
from unihub.conversion.report import FINE_TUNING, Point, ValidationReport
from unihub.errors import first_line, listed
from unihub.formats import selection
from unihub.formats.model import MetaGraph, SavedModel, open_saved_model
from unihub.handles import resolving
from unihub.inspection import before_loading
from unihub.inspection.graph_facts import read_graph_facts
from unihub.inspection.judge import Verdict, judge
from unihub.matrix.values import Format, Operation, Runtime

_CALL, _TRAINING = "__call__", "training argument"
_VARIABLES, _TRAINABLE = "variables", "trainable_variables"
_LOSSES, _FORMAT = "regularization_losses", "TF2 SavedModel"
_NO_CALL = "there is no __call__"


def validate(handle: str) -> ValidationReport:
    """Does what `unihub.validate` says."""
    check_runtime("unihub.validate", f"print(unihub.validate({handle!r}))")
    # Open until all is said: what is searched is what is run.
    with open_saved_model(resolving.resolve(handle)) as (model, _):
        if model.format is not Format.TF2_SAVED_MODEL:
            return _of_tf1_format(handle, model)
        before_loading.check(handle, model, call="")
        graph = selection.choose_meta_graph(model, handle)
        loaded = load_meta_graph(handle, model, graph, None)
        points = [
            Point(_FORMAT, True, model.evidence),
            _call(loaded, graph),
            _training_argument(model, graph),
            _variables(loaded),
            _trainable_variables(loaded),
            _losses(loaded),
            _assets(model, graph),
        ]
        return ValidationReport(handle, tuple(points), _uses(handle, model, points, graph, loaded))


def _of_tf1_format(handle: str, model: SavedModel) -> ValidationReport:
    graph = selection.evident_meta_graph(model) or model.meta_graphs[0]
    return ValidationReport(
        handle,
        (Point(_FORMAT, False, f"{model.format.label} ({model.evidence})"),),
        (
            _call_use(handle, model, graph),
            _signature_use(handle, model, graph),
            _refused(_verdict(handle, model, Operation.FINE_TUNING, None)),
        ),
    )


def _verdict(
    handle: str,
    model: SavedModel,
    operation: Operation,
    graph: Optional[MetaGraph],
    signature: Optional[str] = None,
) -> Verdict:
    """The verdict of the judge, who reads the graph as well."""
    if graph is None:
        graph = selection.evident_meta_graph(model, operation) or model.meta_graphs[0]
    facts = read_graph_facts(model, graph)
    return judge(handle, model, Runtime.TF2, operation, graph, signature, facts)


def _refused(verdict: Verdict) -> Point:
    error = verdict.refusal
    assert error is not None
    return Point(FINE_TUNING, False, f"{error.code}: {error.why} Instead: {error.do}")


def _call_use(handle: str, model: SavedModel, graph: MetaGraph) -> Point:
    name = "m = unihub.load(path); m(inputs)"
    verdict = _verdict(handle, model, Operation.INFERENCE, graph)
    if verdict.refusal is not None:
        return Point(name, False, f"{verdict.refusal.code}: {verdict.refusal.why}")
    line = dict(verdict.code)["load"]
    kept = line.startswith(f"m = unihub.load({handle!r}); ")
    return Point(name, kept, verdict.note if kept else f"instead: {line}")


def _signature_use(handle: str, model: SavedModel, graph: MetaGraph) -> Point:
    names = list(graph.signatures)
    if not names:
        return Point("KerasLayer(path, signature=...)", None, "signatures: none")
    # A layer takes inputs, of which a signature may have several.
    verdicts = (_verdict(handle, model, Operation.INFERENCE, graph, name) for name in names)
    kept = any("keras" in dict(verdict.code) for verdict in verdicts)
    return Point("KerasLayer(path, signature=...)", kept, f"signatures: {listed(names)}")


def _call(loaded: Any, graph: MetaGraph) -> Point:
    parts = graph.object_graph.callables if graph.object_graph else ()
    if not callable(loaded):
        return Point(_CALL, False, f"the root object has none; callable parts: {listed(parts)}")
    functions = _functions(loaded)
    if not functions:
        return Point(_CALL, False, "a function that was never traced, which cannot be called")
    shown = dict.fromkeys(str(_inputs(one)) for one in functions)
    return Point(_CALL, True, f"takes {' or '.join(shown)}")


def _training_argument(model: SavedModel, graph: MetaGraph) -> Point:
    if not selection.is_callable(graph):
        return Point(_TRAINING, None, _NO_CALL)
    if graph.object_graph is None or not graph.object_graph.has_training_argument:
        return Point(_TRAINING, None, "none: a call is the same in training and inference")
    modes = read_graph_facts(model, graph).modes
    # A tensor stands for both.
    if modes is not None and not modes >= {True, False}:
        return Point(_TRAINING, False, f"traced for {listed(sorted(map(str, modes)))} only")
    return Point(_TRAINING, True, "traced for True and False")


def _variables(loaded: Any) -> Point:
    variables, problem = _list_of_variables(loaded, _VARIABLES)
    if problem:
        return Point(_VARIABLES, False, problem)
    used = {id(v.handle): v.name for one in _functions(loaded) for v in one.graph.variables}
    for one in variables:
        used.pop(id(one.handle), None)
    if used:
        names = listed(sorted(used.values()))
        return Point(_VARIABLES, False, f"not listed, and used by __call__: {names}")
    if not callable(loaded):
        return Point(_VARIABLES, None, f"{len(variables) or 'none'} listed; {_NO_CALL}")
    if not hasattr(loaded, _VARIABLES):
        return Point(_VARIABLES, None, "none, and __call__ uses none")
    return Point(_VARIABLES, True, f"{len(variables)}, all that __call__ uses")


def _trainable_variables(loaded: Any) -> Point:
    variables, problem = _list_of_variables(loaded, _TRAINABLE)
    if problem:
        return Point(_TRAINABLE, False, problem)
    if not callable(loaded):
        return Point(_TRAINABLE, None, f"{len(variables) or 'none'} listed; {_NO_CALL}")
    if not variables:
        return Point(_TRAINABLE, None, "none: there is nothing to fine-tune")
    known = {id(one) for one in _list_of_variables(loaded, _VARIABLES)[0]}
    strange = [one.name for one in variables if id(one) not in known]
    if strange:
        return Point(_TRAINABLE, False, f"not among variables: {listed(strange)}")
    return Point(_TRAINABLE, True, str(len(variables)))


def _losses(loaded: Any) -> Point:
    losses = getattr(loaded, _LOSSES, ())
    if not isinstance(losses, (list, tuple)):
        return Point(_LOSSES, False, "not a list of functions")
    if not losses:
        return Point(_LOSSES, None, "none")
    for place, loss in enumerate(losses):
        if not callable(loss):
            return Point(_LOSSES, False, f"number {place} is no function without arguments")
        try:
            value = loss()
        # A restored function raises TypeError or ValueError, and its ops anything.
        except Exception as error:
            return Point(_LOSSES, False, f"number {place} fails: {first_line(error)}")
        if not (tf.is_tensor(value) and value.dtype.is_floating and value.shape.rank == 0):
            return Point(_LOSSES, False, f"number {place} gives no floating-point scalar")
    return Point(_LOSSES, True, f"{len(losses)} functions without arguments")


def _assets(model: SavedModel, graph: MetaGraph) -> Point:
    if not graph.assets:
        return Point("assets", None, "none")
    folder = os.path.join(model.path, "assets")
    missing = [name for name in graph.assets if not os.path.exists(os.path.join(folder, name))]
    if missing:
        return Point("assets", False, f"missing in assets/: {listed(missing)}")
    return Point("assets", True, listed(graph.assets))


def _uses(
    handle: str, model: SavedModel, points: List[Point], graph: MetaGraph, loaded: Any
) -> Tuple[Point, ...]:
    kept = {point.name: point.kept for point in points}
    call, serve = _call_use(handle, model, graph), _signature_use(handle, model, graph)
    code = dict(_verdict(handle, model, Operation.INFERENCE, graph).code)
    layer = Point("KerasLayer(path)", kept[_CALL], "inference")
    if kept[_CALL] and "keras" not in code:
        layer = Point("KerasLayer(path)", False, f"takes one input; instead: {code['load']}")
    verdict = _verdict(handle, model, Operation.FINE_TUNING, graph)
    # What a mode that was not traced is to training, the judge says.
    broken = [name for name, value in kept.items() if value is False and name != _TRAINING]
    if verdict.refusal is not None:
        tune = _refused(verdict)
    elif broken:
        tune = Point(FINE_TUNING, False, f"broken: {listed(broken)}")
    elif kept[_TRAINING] is False:
        tune = Point(FINE_TUNING, True, verdict.note)
    else:
        mode = "with a training mode" if kept[_TRAINING] else "without a training mode"
        count = len(getattr(loaded, _LOSSES, ()))
        tune = Point(FINE_TUNING, True, f"{mode}; fit() adds {count} regularization losses")
    return (call, layer, serve, tune)


def _list_of_variables(loaded: Any, name: str) -> Tuple[List[Any], str]:
    found = getattr(loaded, name, ())
    if isinstance(found, (list, tuple)) and all(isinstance(one, tf.Variable) for one in found):
        return list(found), ""
    return [], "not a list of tf.Variable"


def _functions(loaded: Any) -> List[Any]:
    call = getattr(loaded, _CALL, None)
    # A concrete function may stand in the place of the tf.function.
    own = [call] if hasattr(call, "structured_input_signature") else []
    return list(getattr(call, "concrete_functions", own))


def _inputs(function: Any) -> Any:
    positional, named = function.structured_input_signature
    first = positional[0] if positional else named
    return tf.nest.map_structure(_shown, first)


def _shown(spec: Any) -> Any:
    if not isinstance(spec, tf.TensorSpec):
        return type(spec).__name__
    sizes = (
        "..."
        if spec.shape.rank is None
        else ",".join("?" if size is None else str(size) for size in spec.shape.as_list())
    )
    return f"{spec.dtype.name}[{sizes}]"
