"""What is said of a model happens to who does it, and nobody says otherwise.

Over every model at hand, in the runtimes that are here. `python tests/inspection/test_one_judge.py
FOLDER` does all of it, conversions too, and prints the table.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pytest
import tensorflow as tf
from conftest import MODELS, SHARED_MODELS

import unihub
from unihub.errors import UnihubError
from unihub.formats import read_saved_model, selection
from unihub.inspection.examples import tensor_code, value_code
from unihub.inspection.graph_facts import read_graph_facts
from unihub.inspection.judge import unconvertible
from unihub.inspection.structures import Spec
from unihub.matrix import Format, Operation, Runtime, Status
from unihub.runtime import current_runtime

ACTING = MODELS.parent / "acting"
FIXTURES = [*MODELS.iterdir(), *(ACTING / name for name in ("harmless_table", "unknown_op"))]
CASES = SHARED_MODELS.parent / "cases" / "models"
OTHERS = [path for folder in (SHARED_MODELS, CASES) if folder.is_dir() for path in folder.iterdir()]
AT_HAND = [str(path) for path in sorted(FIXTURES) + sorted(OTHERS) if path.is_dir()]
RUNTIMES = [Runtime.TF2, Runtime.TF1_COMPAT] if tf.executing_eagerly() else [Runtime.TF1]
# To write inputs for them takes more than their shapes.
INPUTS = {
    "tf1_hub_sparse": lambda: tf.sparse.from_dense([[1.0, 0.0, 2.0, 0.0]]),
    # It tells no shape, and a layer asks for that of the graph.
    "tf_serving__saved_model_half_plus_three": lambda: tf.zeros([1, 1]),
}
# What is larger is called once by a test, and in every way where all is asked for.
LARGEST = 1_000_000
# The conversion of the others is tested where conversions are.
QUICKLY_CONVERTED = ("control_flow", "mini", "counter", "half_plus_three", "tags", "mnist_lr")


def name_of(path):
    return os.path.basename(path)


def inputs_of(path, info, line):
    """What a line calls `inputs`: what the example of the same call is given."""
    if name_of(path) in INPUTS:
        return INPUTS[name_of(path)]()
    graph = chosen_graph(info, line)
    call = called_as(graph, line)
    if call is not None and call.args:
        return evaluated(call.args[0])
    # Of what may not run no example is printed.
    for one in graph.signatures:
        if one.inputs:
            codes = {name: tensor_code(info) for name, info in one.inputs.items()}
            made = {name: eval(code, {"tf": tf}) for name, code in codes.items()}
            return made if len(made) > 1 else next(iter(made.values()))
    return None


def chosen_graph(info, line):
    """The MetaGraph that a line loads: by tags, or the evident one."""
    named = [graph for graph in info.meta_graphs if f"tags={sorted(graph.tags)!r}" in line]
    usual = [graph for graph in info.meta_graphs if graph.tags in ((), ("serve",))]
    return [*named, *usual, *info.meta_graphs][0]


def called_as(graph, line):
    """The call in the example of what a line calls."""
    named = [one for one in graph.signatures if f"signature={one.name!r}" in line]
    usual = [one for one in graph.signatures if one.name in selection.PREFERRED_SIGNATURES]
    whole = [one for one in graph.callables if not one.path or f".{one.path}" in line]
    for one in [*named, *whole, *sorted(usual, key=lambda s: s.name), *graph.signatures]:
        call = ast.parse(one.example).body[-1].value if one.example else None
        if call is not None and (call.args or call.keywords):
            return call
    return None


def evaluated(node):
    return eval(compile(ast.Expression(node), "<example>", "eval"), {"tf": tf})


def names_in(path, info, line):
    """What a line has names for: its arguments are those of the example, in this order."""
    found = {"inputs": inputs_of(path, info, line)}
    last = ast.parse(line).body[-1]
    graph = chosen_graph(info, line)
    # Of what may not run no example is printed.
    for one in (one for one in graph.callables if not one.path and not one.example):
        for name, spec in one.accepted[0].arguments if one.accepted else ():
            if isinstance(spec, Spec) and name.isidentifier():
                code = value_code(spec.dtype, spec.shape, spec.type_spec)
                found[name] = eval(code, {"tf": tf})
    given, call = getattr(last, "value", None), called_as(graph, line)
    if call is not None and isinstance(given, ast.Call) and "m(" in line:
        pairs = [*zip(given.args, call.args)]
        keywords = {one.arg: one.value for one in call.keywords}
        pairs += [(one.value, keywords.get(one.arg)) for one in given.keywords]
        for place, value in pairs:
            if isinstance(place, ast.Name) and place.id not in ("inputs", "is_training"):
                found[place.id] = evaluated(value)
    return found


def error_of(action):
    """What an action raises, if anything; its warnings are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            action()
        except Exception as error:
            return error
    return None


def run(line, path, info):
    names = {"tf": tf, "unihub": unihub, "is_training": False, **names_in(path, info, line)}
    exec(line if "; " in line else f"m = {line}", names)
    if "m(" not in line and "api=" in line:
        names["m"](names["inputs"])


def is_written_by_2(path):
    return read_saved_model(path).meta_graphs[0].tensorflow_version.startswith("2.")


def is_excused(error, path, runtime, api):
    """What no file tells: a graph mode that Keras 3 has not, attributes that 1.15 does not know."""
    code = getattr(error, "code", "")
    if runtime is Runtime.TF1_COMPAT and api == "keras":
        return code == "keras-layer-graph-mode"
    if runtime is Runtime.TF1 and is_written_by_2(path):
        return code in ("load-failed", "module-attributes-missing", "missing-ops")
    return code == "reference-variables" and api == "load"


def contradictions(path, thorough=True):
    for runtime in RUNTIMES:
        for operation in (Operation.INFERENCE, Operation.FINE_TUNING):
            # A cell of graph mode is judged where it is run: what is here is asked, too.
            with contextlib.ExitStack() as modes:
                if runtime is not Runtime.TF2:
                    modes.enter_context(tf.Graph().as_default())
                info = unihub.inspect(path)
                (use,) = [u for u in info.uses if (u.runtime, u.operation) == (runtime, operation)]
                if not thorough and (operation, runtime) != (Operation.INFERENCE, RUNTIMES[0]):
                    continue
                yield from of_use(path, info, use, thorough)


def of_use(path, info, use, thorough):
    where = f"{use.operation.value} in {use.runtime.value}"
    if use.status is not Status.REFUSED:
        if not use.code:
            yield f"{where}: {use.status.value} without a line"
        for api, line in use.code if thorough else use.code[:1]:
            error = error_of(lambda line=line: run(line, path, info))
            if error is not None and not is_excused(error, path, use.runtime, api):
                yield f"{where}: {line} raised {type(error).__name__}: {error}"
        return
    if use.operation is Operation.INFERENCE:
        error = error_of(lambda: unihub.load(path)(inputs_of(path, info, "")))
    else:
        error = error_of(lambda: unihub.load(path, op="fine_tuning"))
    if not isinstance(error, UnihubError) or not use.note.startswith(error.why):
        yield f"{where}: it is refused with {use.note!r}, and load raises {error!r}"


def of_layer(path, info):
    """A trainable KerasLayer and the judge."""
    runtime = current_runtime()
    (use,) = [u for u in info.uses if (u.runtime, u.operation) == (runtime, Operation.FINE_TUNING)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            lines = " ".join([use.note, *(line for one in info.uses for _, line in one.code)])
            layer = unihub.KerasLayer(path, trainable=True, tags=chosen_in(lines).get("tags"))
        except UnihubError as error:
            in_graph_mode = use.status is not Status.REFUSED and path in error.do
            notes = [one.note for one in info.uses if one.runtime is runtime]
            if not in_graph_mode and not any(error.why in note for note in notes):
                yield f"KerasLayer refuses with {error.why!r}, and {notes} are said"
            return
    texts = " ".join(str(one.message) for one in said)
    if use.status is Status.REFUSED:
        if use.note.partition(" Instead: ")[0] not in texts:
            yield f"KerasLayer is silent, and {use.note!r} is said"
    elif not layer.trainable_weights:
        yield "KerasLayer has nothing to train, and nobody says so"


def of_validation(path, info):
    report = unihub.validate(path)
    uses = {point.name: point for point in report.uses}
    told = {use.operation: use for use in info.uses if use.runtime is Runtime.TF2}
    tuning = uses["KerasLayer(path, trainable=True)"]
    if bool(tuning.kept) is (told[Operation.FINE_TUNING].status is Status.REFUSED):
        yield f"validate says {tuning} of fine-tuning, inspect {told[Operation.FINE_TUNING]}"
    call = uses["m = unihub.load(path); m(inputs)"]
    if call.kept and told[Operation.INFERENCE].status is Status.REFUSED:
        yield f"validate says {call}, inspect {told[Operation.INFERENCE]}"


def others(path, info):
    """What a layer and validate say, where the ops are here."""
    if any("ops that" in use.note or "lacks" in use.note for use in info.uses):
        error = error_of(lambda: unihub.KerasLayer(path))
        if not isinstance(error, UnihubError):
            yield f"KerasLayer says {error!r} of ops that are not here"
        return
    yield from of_layer(path, info)
    if current_runtime() is Runtime.TF2 and info.uses[2].status is not Status.REFUSED:
        yield from of_validation(path, info)


def of_conversion(path, info, folder):
    """convert is offered where it converts, and not where it refuses."""
    notes = [use.note for use in info.uses if use.runtime is Runtime.TF2]
    offered = any("convert=True" in note for note in notes)
    choices = chosen_in(" ".join(notes))
    error = error_of(lambda: unihub.convert(path, folder, dry_run=True, **choices))
    if error is not None and not isinstance(error, UnihubError):
        yield f"convert raises {error!r}"
    if offered and error is not None:
        yield f"convert is offered, and refuses: {error}"
    model = read_saved_model(path)
    graph = selection.evident_meta_graph(model) or model.meta_graphs[0]
    facts = read_graph_facts(model, graph)
    known = unconvertible(path, model, graph)
    if known is not None and str(known) != str(error):
        yield f"the judge says {known}, and convert {error}"
    if error is None and not facts.converts:
        yield "convert works, and the judge doubts it"


def chosen_in(text):
    """The tags that lines name, and the signature to convert."""
    told = {
        "tags": re.search(r", tags=(\[.*?\])", text),
        "signature": re.search(r"convert=True, signature=('.*?')", text),
    }
    return {name: ast.literal_eval(one.group(1)) for name, one in told.items() if one is not None}


SMALL = [path for path in AT_HAND if unihub.inspect(path).bytes <= LARGEST]


@pytest.mark.parametrize("path", AT_HAND, ids=name_of)
def test_what_is_said_happens(path):
    assert list(contradictions(path, thorough=path in SMALL)) == []


@pytest.mark.parametrize("path", SMALL, ids=name_of)
def test_layers_and_validation_say_the_same(path):
    if current_runtime() is Runtime.TF1 and is_written_by_2(path):
        pytest.skip("1.15 loads it or not, and its layer says so in TensorFlow's words")
    assert list(others(path, unihub.inspect(path))) == []


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "path", [path for path in AT_HAND if name_of(path).endswith(QUICKLY_CONVERTED)], ids=name_of
)
def test_convert_is_offered_where_it_converts(path, tmp_path):
    info = unihub.inspect(path)
    if info.format is Format.TF2_SAVED_MODEL:
        pytest.skip("it is in TF2 already")
    assert list(of_conversion(path, info, tmp_path / "converted")) == []


def test_models_of_others_are_there():
    if not OTHERS:
        pytest.skip(f"no models at {SHARED_MODELS}: set UNIHUB_SHARED_MODELS to their folder")
    assert len(AT_HAND) > len(FIXTURES) // 2


def main(folder):
    print(f"TensorFlow {tf.__version__}, tf.keras is {unihub.environment().keras.value}")
    total = 0
    for path in AT_HAND:
        info = unihub.inspect(path)
        found = list(contradictions(path))
        if not (current_runtime() is Runtime.TF1 and is_written_by_2(path)):
            found += others(path, info)
        if RUNTIMES[0] is Runtime.TF2 and info.format is not Format.TF2_SAVED_MODEL:
            found += of_conversion(path, info, folder)
        told = {(u.runtime, u.operation): u.status.value for u in info.uses}
        shown = [told[r, o] for r in RUNTIMES for o in (Operation.INFERENCE, Operation.FINE_TUNING)]
        print("|", " | ".join([name_of(path), info.format.value, *shown, str(len(found))]), "|")
        print("".join(f"    {one}\n" for one in found), end="", flush=True)
        total += len(found)
    print(f"{len(AT_HAND)} models, {total} contradictions")


if __name__ == "__main__":
    main(sys.argv[1])
