"""The fixture models are what the other tests take them for, without unihub."""

from __future__ import annotations

import json
import re
from typing import Callable

import numpy as np
import pytest
import tensorflow as tf
from fixtures.expected import MODELS, expected_file, read_cases
from fixtures.publish import DEMO_MODELS, tree_size

IN_TF1 = tf.__version__.startswith("1.")
NAMES = sorted(path.name for path in MODELS.iterdir() if path.is_dir())
MADE_FOR_THIS_TF = [name for name in NAMES if name.startswith("tf1_") == IN_TF1]

MOST_BYTES = {"tf1": 30_000, "tf2": 30_000, "keras2": 80_000, "keras3": 80_000}
DEMOS = {
    "tf1_hub": "tf1_hub_image",
    "tf1_saved_model": "tf1_saved_model_resource",
    "tf2_saved_model": "tf2_reusable",
}


def answers_by_prefix() -> dict[str, Callable]:
    if IN_TF1:
        from fixtures.tf1_answers import hub_module_answers, saved_model_answers

        return {"tf1_hub_": hub_module_answers, "tf1_saved_model_": saved_model_answers}
    from fixtures.tf2_answers import answers

    return {"": answers}


@pytest.mark.parametrize("name", NAMES)
def test_is_small_and_has_expected_answers(name: str) -> None:
    assert tree_size(MODELS / name) <= MOST_BYTES[name.partition("_")[0]]
    assert expected_file(name).is_file()


def test_nothing_expected_of_a_missing_model() -> None:
    expected = [path.name.partition(".")[0] for path in MODELS.glob("*.expected.npz")]
    assert sorted(expected) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_keeps_no_path_of_the_machine_that_made_it(name: str) -> None:
    content = b"".join(path.read_bytes() for path in (MODELS / name).glob("saved_model.*"))
    assert re.findall(rb"/(?:work|tmp|opt|home|root|usr|Users)/[^\s\"]*", content) == []


@pytest.mark.parametrize("name", MADE_FOR_THIS_TF)
def test_answers_again(name: str) -> None:
    expected = read_cases(expected_file(name))
    answers = next(ask for prefix, ask in answers_by_prefix().items() if name.startswith(prefix))
    given = answers(str(MODELS / name), {case.signature: case.inputs for case in expected})
    assert len(expected) > 0
    for got, wanted in zip(given, expected):
        assert sorted(got.outputs) == sorted(wanted.outputs)
        for output, value in wanted.outputs.items():
            assert got.outputs[output].dtype == value.dtype
            np.testing.assert_allclose(got.outputs[output], value, rtol=1e-5, atol=1e-7)


def test_second_tag_set_negates_the_projection() -> None:
    projected = {}
    for tags in (("serve",), ("serve", "gpu")):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            path = str(MODELS / "tf1_saved_model_tags")
            signature = tf.compat.v1.saved_model.load(session, tags, path).signature_def["project"]
            feeds = {signature.inputs["x"].name: [[1.0, 2.0, 3.0]]}
            projected[tags] = session.run(signature.outputs["projected"].name, feeds)
    np.testing.assert_array_equal(projected["serve", "gpu"], -projected["serve",])


@pytest.mark.parametrize("demo", sorted(DEMOS))
def test_demo_model_is_the_fixture(demo: str) -> None:
    fixture = MODELS / DEMOS[demo]
    files = sorted(path.relative_to(fixture) for path in fixture.rglob("*") if path.is_file())
    copied = DEMO_MODELS / demo
    copies = sorted(path.relative_to(copied) for path in copied.rglob("*") if path.is_file())
    assert copies == files
    assert [(copied / f).read_bytes() for f in files] == [(fixture / f).read_bytes() for f in files]


@pytest.mark.parametrize("demo", sorted(DEMOS))
def test_demo_answers_in_json_are_the_expected_ones(demo: str) -> None:
    text = (DEMO_MODELS / f"{demo}.expected.json").read_text(encoding="utf-8")
    cases = read_cases(expected_file(DEMOS[demo]))
    signatures = json.loads(text)
    assert list(signatures) == [case.signature for case in cases]
    for case in cases:
        for direction, tensors in (("inputs", case.inputs), ("outputs", case.outputs)):
            written = signatures[case.signature][direction]
            assert sorted(written) == sorted(tensors)
            for name, value in tensors.items():
                read = np.array(written[name]["values"], written[name]["dtype"])
                np.testing.assert_array_equal(read, value)
