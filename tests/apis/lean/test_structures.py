"""Structures of inputs and outputs, beside TensorFlow's own reading of them."""

from __future__ import annotations

import pytest
import tensorflow as tf

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from unihub.apis.lean.plan import Declined
from unihub.apis.lean.structures import (
    Fit,
    Literal,
    Tensor,
    converted,
    decoded,
    fits,
    packer,
    tensors,
)

FLOAT, INT = tf.float32.as_datatype_enum, tf.int32.as_datatype_enum


@pytest.fixture(scope="module")
def coder():
    return pytest.importorskip("tensorflow.python.saved_model.nested_structure_coder")


def test_decoded(coder):
    written = {
        "a": [tf.TensorSpec([None, 2]), None, True, 1, 1.5, "text"],
        "b": (tf.TensorSpec(None, tf.int32), {}),
    }
    found = decoded(coder.encode_structure(written))
    assert found == {
        "a": [
            Tensor(FLOAT, (None, 2)),
            Literal(None),
            Literal(True),
            Literal(1),
            Literal(1.5),
            Literal("text"),
        ],
        "b": (Tensor(INT, None), {}),
    }
    assert [type(leaf.value) for leaf in found["a"][1:]] == [type(None), bool, int, float, str]


@pytest.mark.parametrize(
    "value",
    [
        tf.RaggedTensorSpec([None, None]),
        [tf.SparseTensorSpec([None])],
        tf.TensorShape([1]),
        tf.float32,
        tf.TensorSpec([], tf.variant),
    ],
    ids=str,
)
def test_declined(coder, value):
    with pytest.raises(Declined):
        decoded(coder.encode_structure(value))


def test_tensors_are_in_the_order_of_tensorflow():
    written = {"b": [1, (2, {"z": 3, "y": 4})], "a": 5}
    structure = tf.nest.map_structure(lambda n: Tensor(FLOAT, (n,)), written)
    assert [tensor.shape for tensor in tensors(structure)] == [
        (n,) for n in tf.nest.flatten(written)
    ]


SHAPED = Tensor(FLOAT, (None, 3))


@pytest.mark.parametrize(
    ("given", "expected", "verdict"),
    [
        (Tensor(FLOAT, (2, 3), 0), SHAPED, Fit.YES),
        (Tensor(FLOAT, (3,), 0), SHAPED, Fit.NO),
        (Tensor(FLOAT, (2, 4), 0), SHAPED, Fit.NO),
        (Tensor(INT, (2, 3), 0), SHAPED, Fit.NO),
        (Tensor(FLOAT, (7,), 0), Tensor(FLOAT, None), Fit.YES),
        (Literal(1.0), SHAPED, Fit.NO),
        ([SHAPED], SHAPED, Fit.NO),
        (SHAPED, [SHAPED], Fit.NO),
        ((SHAPED,), [SHAPED], Fit.NO),
        ([SHAPED, SHAPED], [SHAPED], Fit.NO),
        ({"a": SHAPED}, {"b": SHAPED}, Fit.NO),
        ({"b": SHAPED, "a": Literal(1)}, {"a": Literal(1), "b": SHAPED}, Fit.YES),
        (Literal(None), Literal(None), Fit.YES),
        (Literal(None), Literal(False), Fit.NO),
        (Literal(True), Literal(True), Fit.YES),
        (Literal(1), Literal(True), Fit.UNSURE),
        (Literal(1.0), Literal(1), Fit.UNSURE),
        (Literal(float("nan")), Literal(float("nan")), Fit.NO),
        (SHAPED, Literal(None), Fit.NO),
        ([], Literal(None), Fit.NO),
        ([], [], Fit.YES),
        ([], (), Fit.NO),
        ((Literal(1), SHAPED), (Literal(True), Literal(2)), Fit.NO),
        ((Literal(1), SHAPED), (Literal(True), SHAPED), Fit.UNSURE),
    ],
)
def test_fits(given, expected, verdict):
    assert fits(given, expected) is verdict


@pytest.mark.parametrize("fit", list(Fit))
def test_a_verdict_is_never_taken_for_a_bool(fit):
    for use in (bool, lambda fit: not fit, lambda fit: fit and 1, lambda fit: 1 if fit else 2):
        with pytest.raises(TypeError):
            use(fit)


@pytest.mark.parametrize(
    ("given", "expected", "verdict"),
    [
        (Literal(2.5), Tensor(FLOAT, ()), Fit.YES),
        (Literal(2), Tensor(FLOAT, ()), Fit.YES),
        (Literal(True), Tensor(FLOAT, ()), Fit.YES),
        (Literal(2.5), Tensor(INT, ()), Fit.NO),
        (Literal(None), Tensor(FLOAT, None), Fit.NO),
        ([Literal(1.0), Literal(2)], Tensor(FLOAT, (None,)), Fit.YES),
        ([Literal(1.0), [Literal(2)]], Tensor(FLOAT, None), Fit.NO),
        ([Literal(1.0), Tensor(FLOAT, (), 0)], Tensor(FLOAT, (None,)), Fit.UNSURE),
        ([Tensor(FLOAT, (), 0), Tensor(FLOAT, (), 1)], Tensor(FLOAT, (None,)), Fit.UNSURE),
        ([Literal(1.0), Tensor(FLOAT, (), 0)], [Tensor(FLOAT, ())] * 2, Fit.YES),
        ([Literal(1), SHAPED], [Literal(True), SHAPED], Fit.UNSURE),
        ((Literal(1.0), Literal(1)), (Tensor(FLOAT, ()), Literal(True)), Fit.UNSURE),
        ((Literal("a"), Literal(1)), (Tensor(FLOAT, ()), Literal(True)), Fit.NO),
        (Tensor(INT, (), 0), Tensor(FLOAT, ()), Fit.NO),
    ],
)
def test_converted(given, expected, verdict):
    assert converted(given, expected)[0] is verdict


def test_packed():
    structure = {"b": [SHAPED, Literal(None)], "a": (SHAPED, {"c": SHAPED})}
    packed = packer(structure)([1, 2, 3])
    assert packed == {"b": [3, None], "a": (1, {"c": 2})}
    assert list(packed) == ["b", "a"]
    assert packer(SHAPED)([7]) == 7


def test_a_python_value_is_not_packed():
    with pytest.raises(Declined):
        packer([SHAPED, Literal(3)])
