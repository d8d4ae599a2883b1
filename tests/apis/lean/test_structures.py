"""Structures of inputs and outputs, beside TensorFlow's own reading of them."""

from __future__ import annotations

import pytest
import tensorflow as tf

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from unihub.apis.lean.plan import Declined
from unihub.apis.lean.structures import Literal, Tensor, decoded, fits, packer, tensors

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
        (Tensor(FLOAT, (2, 3), 0), SHAPED, True),
        (Tensor(FLOAT, (3,), 0), SHAPED, False),
        (Tensor(FLOAT, (2, 4), 0), SHAPED, False),
        (Tensor(INT, (2, 3), 0), SHAPED, False),
        (Tensor(FLOAT, (7,), 0), Tensor(FLOAT, None), True),
        (Literal(1.0), SHAPED, False),
        ([SHAPED], SHAPED, False),
        (SHAPED, [SHAPED], False),
        ((SHAPED,), [SHAPED], False),
        ([SHAPED, SHAPED], [SHAPED], False),
        ({"a": SHAPED}, {"b": SHAPED}, False),
        ({"b": SHAPED, "a": Literal(1)}, {"a": Literal(1), "b": SHAPED}, True),
        (Literal(None), Literal(None), True),
        (Literal(None), Literal(False), False),
        (Literal(True), Literal(True), True),
        (Literal(1), Literal(True), None),
        (Literal(1.0), Literal(1), None),
        (Literal(float("nan")), Literal(float("nan")), False),
        (SHAPED, Literal(None), False),
        ([], Literal(None), False),
        ([], [], True),
        ([], (), False),
        ((Literal(1), SHAPED), (Literal(True), Literal(2)), False),
        ((Literal(1), SHAPED), (Literal(True), SHAPED), None),
    ],
)
def test_fits(given, expected, verdict):
    assert fits(given, expected) is verdict


def test_packed():
    structure = {"b": [SHAPED, Literal(None)], "a": (SHAPED, {"c": SHAPED})}
    packed = packer(structure)([1, 2, 3])
    assert packed == {"b": [3, None], "a": (1, {"c": 2})}
    assert list(packed) == ["b", "a"]
    assert packer(SHAPED)([7]) == 7


def test_a_python_value_is_not_packed():
    with pytest.raises(Declined):
        packer([SHAPED, Literal(3)])
