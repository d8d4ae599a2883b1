"""Module on models that real TF 1.15 and the real hub.Module made."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import tensorflow as tf
from apis.module import module_fns as fns
from fixtures.expected import MODELS, expected_file, read_cases

import unihub as hub

v1 = tf.compat.v1

TF1_MODELS = sorted(path.name for path in MODELS.glob("tf1_*") if path.is_dir())
SERVED = {"serve"}


NOT_IN_TRAINING = (
    "Module(..., trainable=True) uses the graph variant set(), in which batch norm and dropout "
    "are in inference mode. To train, pass tags={'train'}."
)


def spec_of(name: str) -> hub.ModuleSpec:
    folder = MODELS / name
    if (folder / "tfhub_module.pb").exists():
        return hub.load_module_spec(folder)
    return hub.create_module_spec_from_saved_model(folder)


def as_inputs(arrays: Dict[str, np.ndarray]) -> Dict[str, Any]:
    """Tensors of the inputs; three arrays ``x/...`` are the sparse input x."""
    sparse = {name.partition("/")[0] for name in arrays if name.endswith("/indices")}
    inputs = {name: array for name, array in arrays.items() if "/" not in name}
    for name in sparse:
        parts = (arrays[f"{name}/{part}"] for part in ("indices", "values", "dense_shape"))
        inputs[name] = tf.SparseTensor(*parts)
    return inputs


def run(fetches: Any) -> Any:
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        return session.run(fetches)


@pytest.mark.parametrize("name", TF1_MODELS)
def test_answers_of_fixtures(name: str, graph: tf.Graph) -> None:
    spec = spec_of(name)
    tags = SERVED if SERVED in spec.get_tags() else None
    module = hub.Module(spec, tags=tags)
    for case in read_cases(expected_file(name)):
        outputs = run(module(as_inputs(case.inputs), case.signature, as_dict=True))
        for output, expected in case.outputs.items():
            found = outputs[output]
            if found.dtype == object:
                assert found.tolist() == expected.tolist()
            else:
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


REFERENCES = (
    "deepmind_research__DM21",
    "cosmic_rim__likelihood_1569678366",
    "tensorflow_hub__half_plus_two_v1",
    "tensorflow_hub__hub_module_v1_mini",
)


@pytest.mark.parametrize("name", REFERENCES)
def test_answers_of_models_that_others_made(
    name: str, shared_models: Path, graph: tf.Graph
) -> None:
    module = hub.Module(shared_models / name)
    with np.load(str(shared_models / f"{name}.reference.npz")) as arrays:
        inputs = {key.split("|")[2]: arrays[key] for key in arrays if key.startswith("in|")}
        expected = {key.split("|")[2]: arrays[key] for key in arrays if key.startswith("out|")}
    outputs = module(inputs, as_dict=True)
    found = run({output: outputs[output] for output in expected})
    for output, values in expected.items():
        largest = np.abs(values).max()
        np.testing.assert_allclose(found[output], values, rtol=1e-5, atol=1e-5 * largest)


@pytest.mark.parametrize(
    ("spec_tags", "options", "warnings"),
    [
        (["", "train"], {"trainable": True}, 1),
        (["", "train"], {"trainable": True, "tags": {"train"}}, 0),
        (["", "train"], {}, 0),
        ([""], {"trainable": True}, 0),
    ],
)
def test_says_once_that_the_train_graph_is_not_used(
    spec_tags: Any, options: Any, warnings: int, graph: tf.Graph, caplog: Any
) -> None:
    variants = [({tag} if tag else set(), {}) for tag in spec_tags]
    spec = fns.spec(hub, fns.scale, tags_and_args=variants)
    with caplog.at_level(logging.WARNING, "unihub"):
        hub.Module(spec, **options)
        hub.Module(spec, **options)
    said = [
        record.getMessage() for record in caplog.records if record.name == "unihub.apis.module.spec"
    ]
    assert said == [NOT_IN_TRAINING] * warnings


def test_a_path_may_be_a_path_object(tmp_path: Path, graph: tf.Graph) -> None:
    fns.exported(hub, fns.spec(hub, fns.scale), tmp_path / "m")
    assert run(hub.Module(tmp_path / "m")(3.0)) == 6.0


def test_building_adds_no_saver_for_other_variables(graph: tf.Graph) -> None:
    v1.get_variable("other", initializer=1.0)
    hub.Module(fns.spec(hub, fns.scale))(1.0)
    saved = [op for op in graph.get_operations() if op.type == "SaveV2"]
    assert len(saved) == 1
    assert run(saved[0].inputs[1]).tolist() == [b"w"]


def test_variable_is_an_input(graph: tf.Graph) -> None:
    variable = v1.get_variable("x", initializer=3.0)
    assert run(hub.Module(fns.spec(hub, fns.scale))(variable)) == 6.0


def test_evaluation_leaves_the_default_graph_alone(graph: tf.Graph) -> None:
    spec = fns.spec(hub, fns.signatures)
    with hub.eval_function_for_module(spec) as evaluate:
        assert v1.get_default_graph() is graph
        assert evaluate([[1.0, 2.0]]).tolist() == [[1.0, 20.0]]
        both = evaluate({"a": [[1, 2]], "b": [[3, 4]]}, signature="sum", as_dict=True)
    assert both["difference"].tolist() == [[-2.0, -2.0]]


@pytest.mark.parametrize(
    ("handle", "error"),
    [
        ("", OSError),
        ("~/there/is/no/such/folder", OSError),
        (b"bytes", OSError),
        ("nosuchscheme://folder", OSError),
    ],
)
def test_handles_that_lead_nowhere(handle: Any, error: type) -> None:
    with pytest.raises(error):
        hub.load_module_spec(handle)
