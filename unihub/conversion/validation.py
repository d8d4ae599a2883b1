"""How far a SavedModel keeps the Reusable SavedModel interface."""

from __future__ import annotations

import os
from typing import Any, List, Tuple

import tensorflow as tf

from unihub.apis.loading import load_meta_graph
from unihub.conversion.conversion import check_runtime
from unihub.conversion.report import FINE_TUNING, Point, ValidationReport
from unihub.errors import first_line, listed
from unihub.formats import selection
from unihub.formats.model import MetaGraph, SavedModel, read_saved_model
from unihub.handles import resolving
from unihub.inspection import safety
from unihub.inspection.judge import judge
from unihub.matrix.values import Format, Operation, Runtime

_CALL, _TRAINING = "__call__", "training argument"
_VARIABLES, _TRAINABLE = "variables", "trainable_variables"
_LOSSES, _FORMAT = "regularization_losses", "TF2 SavedModel"


def validate(handle: str) -> ValidationReport:
    """Does what `unihub.validate` says."""
    check_runtime("unihub.validate", f"print(unihub.validate({handle!r}))")
    model = read_saved_model(resolving.resolve(handle))
    if model.format is not Format.TF2_SAVED_MODEL:
        return _of_tf1_format(handle, model)
    safety.check(handle, model, call="")
    graph = selection.choose_meta_graph(model, handle)
    loaded = load_meta_graph(handle, model, graph, None)
    points = [
        Point(_FORMAT, True, model.evidence),
        _call(loaded, graph),
        _training_argument(loaded, graph),
        _variables(loaded),
        _trainable_variables(loaded),
        _losses(loaded),
        _assets(model, graph),
    ]
    return ValidationReport(handle, tuple(points), _uses(handle, model, points, graph, loaded))


def _of_tf1_format(handle: str, model: SavedModel) -> ValidationReport:
    signatures = sorted({name for graph in model.meta_graphs for name in graph.signatures})
    convert = f"no: first unihub.convert({handle!r}, path)"
    return ValidationReport(
        handle,
        (Point(_FORMAT, False, f"{model.format.label} ({model.evidence})"),),
        (
            Point("m = unihub.load(path); m(inputs)", True, f"signatures: {listed(signatures)}"),
            Point("KerasLayer(path, signature=...)", True, f"signatures: {listed(signatures)}"),
            Point(FINE_TUNING, False, convert),
        ),
    )


def _call(loaded: Any, graph: MetaGraph) -> Point:
    parts = graph.object_graph.callables if graph.object_graph else ()
    if not callable(loaded):
        return Point(_CALL, False, f"the root object has none; callable parts: {listed(parts)}")
    functions = _functions(loaded)
    if not functions:
        return Point(_CALL, False, "a function that was never traced, which cannot be called")
    shown = dict.fromkeys(str(_inputs(one)) for one in functions)
    return Point(_CALL, True, f"takes {' or '.join(shown)}")


def _training_argument(loaded: Any, graph: MetaGraph) -> Point:
    if graph.object_graph is None or not graph.object_graph.has_training_argument:
        return Point(_TRAINING, None, "none: a call is the same in training and inference")
    modes = {_training_mode(function) for function in _functions(loaded)}
    # An argument left out is the default, and a tensor stands for both.
    if modes <= {True} or modes <= {False}:
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
    if not hasattr(loaded, _VARIABLES):
        return Point(_VARIABLES, None, "none, and __call__ uses none")
    return Point(_VARIABLES, True, f"{len(variables)}, all that __call__ uses")


def _trainable_variables(loaded: Any) -> Point:
    variables, problem = _list_of_variables(loaded, _TRAINABLE)
    if problem:
        return Point(_TRAINABLE, False, problem)
    if not variables:
        return Point(_TRAINABLE, None, "none: there is nothing to fine-tune")
    known = {id(one) for one in getattr(loaded, _VARIABLES, ())}
    strange = [one.name for one in variables if id(one) not in known]
    if strange:
        return Point(_TRAINABLE, False, f"not among variables: {listed(strange)}")
    return Point(_TRAINABLE, True, str(len(variables)))


def _losses(loaded: Any) -> Point:
    losses = getattr(loaded, _LOSSES, ())
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
    signatures = list(graph.signatures)
    serve = Point(
        "KerasLayer(path, signature=...)",
        True if signatures else None,
        f"signatures: {listed(signatures)}",
    )
    call = Point("m = unihub.load(path); m(inputs)", bool(kept[_CALL] or signatures), "")
    layer = Point("KerasLayer(path)", kept[_CALL], "inference")
    broken = [name for name, value in kept.items() if value is False]
    verdict = judge(handle, model, Runtime.TF2, Operation.FINE_TUNING, graph)
    if verdict.refusal is not None:
        tune = Point(FINE_TUNING, False, f"{verdict.refusal.code}: {verdict.refusal.why}")
    elif broken:
        tune = Point(FINE_TUNING, False, f"broken: {listed(broken)}")
    elif not kept[_TRAINABLE]:
        tune = Point(FINE_TUNING, False, "no trainable variables")
    else:
        mode = "with a training mode" if kept[_TRAINING] else "without a training mode"
        count = len(getattr(loaded, _LOSSES, ()))
        tune = Point(FINE_TUNING, True, f"{mode}; fit() adds {count} regularization losses")
    return (call, layer, serve, tune)


def _list_of_variables(loaded: Any, name: str) -> Tuple[List[Any], str]:
    found = list(getattr(loaded, name, ()))
    if all(isinstance(one, tf.Variable) for one in found):
        return found, ""
    return [], "not a list of tf.Variable"


def _functions(loaded: Any) -> List[Any]:
    call = getattr(loaded, _CALL, None)
    return list(getattr(call, "concrete_functions", ()))


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


def _training_mode(function: Any) -> Any:
    positional, named = function.structured_input_signature
    if "training" in named:
        return _plain(named["training"])
    flags = [one for one in positional[1:] if isinstance(one, bool)]
    return flags[0] if flags else None


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool) else None
