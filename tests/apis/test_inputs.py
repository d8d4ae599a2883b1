"""What does not fit is named, and the line that the error advises makes it fit."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from unihub.apis import inputs
from unihub.apis.inputs import Call, mismatch
from unihub.apis.signature import size_test

ROWS = tf.TensorSpec([None, 3], tf.float32, "rows")
TEXTS = tf.TensorSpec([None], tf.string, "texts")
IMAGES = tf.TensorSpec([None, 8, 8, 3], tf.float32, "images")
PAIR = {"left": ROWS, "right": tf.TensorSpec([None, 1], tf.int32)}
M = Call("the model")
BY_KEYWORD = Call("the model", by_keyword=True)


def ones(*shape, dtype=tf.float32):
    return tf.ones(shape, dtype)


def words(*shape):
    return tf.fill(shape, "hub")


# What is given, what is taken, the class of the error, and the line.
CASES = {
    "no batch": (lambda: ones(3), ROWS, "Shape", "m(tf.expand_dims(x, axis=0))"),
    "a column": (lambda: words(2, 1), TEXTS, "Shape", "m(tf.squeeze(x, axis=1))"),
    "one text": (lambda: "hub", TEXTS, "Shape", "m(tf.expand_dims(x, axis=0))"),
    "nested texts": (lambda: [["a", "b"]], TEXTS, "Shape", "m(tf.reshape(x, (-1,)))"),
    "a flat one": (lambda: ones(6, 1, 1), ROWS, "Shape", "m(tf.reshape(x, (-1, 3)))"),
    "an image": (lambda: ones(1, 16, 9, 3), IMAGES, "Shape", "m(tf.image.resize(x, (8, 8)))"),
    "a grey image": (lambda: ones(1, 8, 8, 1), IMAGES, "Shape", "m(tf.repeat(x, 3, axis=-1))"),
    "a grey image of another size": (
        lambda: ones(1, 9, 9, 1),
        IMAGES,
        "Shape",
        "m(tf.repeat(tf.image.resize(x, (8, 8)), 3, axis=-1))",
    ),
    "one image of another size": (
        lambda: ones(9, 9, 3),
        IMAGES,
        "Shape",
        "m(tf.expand_dims(tf.image.resize(x, (8, 8)), axis=0))",
    ),
    "a see-through image": (lambda: ones(1, 8, 8, 4), IMAGES, "Shape", "m(x[..., :3])"),
    "channels first": (
        lambda: ones(1, 3, 8, 8),
        IMAGES,
        "Shape",
        "m(tf.transpose(x, (0, 2, 3, 1)))",
    ),
    "the file of an image": (
        lambda: __file__,
        IMAGES,
        "Dtype",
        "m(tf.image.resize(tf.io.decode_image(tf.io.read_file(x), 3, tf.float32, ",
    ),
    "wide rows that are no rows of these": (
        lambda: ones(2, 28, 56),
        tf.TensorSpec([None, 28, 28]),
        "Shape",
        "m(tf.zeros([1, 28, 28]))",
    ),
    "flat images": (
        lambda: ones(2, 4, 4),
        tf.TensorSpec([None, 16]),
        "Shape",
        "m(tf.reshape(x, (-1, 16)))",
    ),
    "several where one is taken": (
        lambda: np.ones((3, 2), np.float32),
        tf.TensorSpec([1, 2]),
        "Shape",
        "[m(x[i:i + 1]) for i in range(len(x))]",
    ),
    "a picture of 0 to 1 where bytes are taken": (
        lambda: np.full([1, 2, 2, 3], 0.5),
        tf.TensorSpec([1, None, None, 3], tf.uint8),
        "Dtype",
        "m(tf.image.convert_image_dtype(x, tf.uint8))",
    ),
    "fractions where whole numbers are taken": (
        lambda: [[1.5, 2.0, 3.0]],
        tf.TensorSpec([None, 3], tf.int32),
        "Dtype",
        'm(tf.cast(tf.round(x), "int32"))',
    ),
    "a number of another kind without its axis": (
        lambda: 1,
        tf.TensorSpec([None], tf.int64),
        "Shape",
        "m(tf.expand_dims(tf.constant(x, tf.int64), axis=0))",
    ),
    "whole numbers that a layer has made a tensor of": (
        lambda: tf.constant([1], tf.int64),
        tf.TensorSpec([None, None], tf.int64),
        "Shape",
        'm(tf.expand_dims(tf.cast(x, "int64"), axis=0))',
    ),
    "an array of another kind without its axis": (
        lambda: np.ones([], np.int32),
        tf.TensorSpec([None], tf.int64),
        "Dtype",
        'm(tf.expand_dims(tf.cast(x, "int64"), axis=0))',
    ),
    "another width": (lambda: ones(8, 2), ROWS, "Shape", "m(tf.zeros([1, 3]))"),
    "whole numbers": (
        lambda: ones(2, 3, dtype=tf.int64),
        ROWS,
        "Dtype",
        'm(tf.cast(x, "float32"))',
    ),
    "numbers as texts": (lambda: [1, 2], TEXTS, "Dtype", "m(tf.strings.as_string(x))"),
    "texts as numbers": (
        lambda: [["1", "2", "3"]],
        ROWS,
        "Dtype",
        "m(tf.strings.to_number(x, tf.float32))",
    ),
    "texts that are no numbers": (lambda: ["a"], ROWS, "Dtype", "m(tf.zeros([1, 3]))"),
    "nothing": (lambda: None, ROWS, "Value", "m(tf.zeros([1, 3]))"),
    "texts and numbers": (
        lambda: ["a", 1],
        TEXTS,
        "Value",
        "m(tf.constant([str(one) for one in x]))",
    ),
    "a generator": (lambda: iter(["a", "b"]), TEXTS, "Value", "m(list(x))"),
    "a table with holes": (
        lambda: [[1.0, 2.0, 3.0], [4.0]],
        ROWS,
        "Value",
        "m(tf.ragged.constant(x, tf.float32).to_tensor())",
    ),
    "texts in lists of different lengths": (
        lambda: [["a", "b"], ["c"]],
        TEXTS,
        "Value",
        "m(tf.ragged.constant(x, tf.string).flat_values)",
    ),
    "texts of which some are missing": (
        lambda: np.array(["a", float("nan"), None], object),
        TEXTS,
        "Value",
        'm(tf.constant(["" if one is None or one != one else str(one) for one in x]))',
    ),
    "a list of tensors of several sizes": (
        lambda: [tf.ones([2]), tf.ones([3])],
        TEXTS,
        "Structure",
        'm(tf.constant(["text"]))',
    ),
    "one tensor in a list": (lambda: [tf.ones([2, 3])], ROWS, "Structure", "m(x[0])"),
    "a set": (lambda: {"a"}, TEXTS, "Value", "m(list(x))"),
    "a dataset": (
        lambda: tf.data.Dataset.from_tensors(tf.ones([2, 3])),
        ROWS,
        "Value",
        "x.map(m)",
    ),
    "a dict": (lambda: {"rows": ones(2, 3)}, ROWS, "Structure", "m(inputs['rows'])"),
    "ragged rows": (
        lambda: tf.RaggedTensor.from_row_lengths(tf.ones([6]), [3, 3]),
        ROWS,
        "Structure",
        "m(x.to_tensor())",
    ),
    "ragged whole numbers of another size": (
        lambda: tf.ragged.constant([[1, 2], [3]]),
        tf.TensorSpec([None, None], tf.int64),
        "Structure",
        'm(tf.cast(x.to_tensor(), "int64"))',
    ),
    "a list of whole numbers, not sparse": (
        lambda: [[1, 0, 0]],
        tf.SparseTensorSpec([None, 3], tf.float32),
        "Structure",
        "m(tf.sparse.from_dense(tf.constant(x, tf.float32)))",
    ),
    "sparse rows": (
        lambda: tf.sparse.from_dense(tf.ones([2, 3])),
        ROWS,
        "Structure",
        "m(tf.sparse.to_dense(x))",
    ),
    "dense, not sparse": (
        lambda: ones(2, 3),
        tf.SparseTensorSpec([None, 3], tf.float32),
        "Structure",
        "m(tf.sparse.from_dense(x))",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_line_makes_it_fit(case):
    make, accepted, kind, line = CASES[case]
    given = make()
    found = mismatch(given, accepted, M)
    assert type(found).__name__ == f"WrongInput{kind}"
    assert isinstance(found, (ValueError, TypeError))
    assert found.do.startswith(line)
    if case in ("a table with holes", "the file of an image"):
        # They are of other sizes, and of another kind.
        return
    is_eager = isinstance(given, tf.Tensor) and tf.executing_eagerly()
    for x in (given, given.numpy()) if is_eager else (given,):
        now = eval(line, {"tf": tf, "m": lambda x: x, "x": x, "inputs": x})
        if case == "a dataset":
            now = tf.zeros(tf.compat.v1.data.get_output_shapes(now))
        for one in now if case == "several where one is taken" else [now]:
            assert mismatch(one, accepted, M) is None


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (M, "m({'left': left, 'right': tf.cast(right, \"int32\")})"),
        (BY_KEYWORD, 'm(left=left, right=tf.cast(right, "int32"))'),
    ],
)
def test_the_line_names_each_of_several_inputs(call, line):
    found = mismatch({"left": ones(2, 3), "right": ones(2, 1)}, PAIR, call)
    assert found.do == line
    assert found.what == "input 'right' of the model is float32[2,1]."


def test_inputs_in_a_list_are_named_by_place():
    found = mismatch([ones(2, 3), [ones(2, 3, dtype=tf.int32)]], [ROWS, [ROWS]], M)
    assert found.what == "input 1[0] of the model is int32[2,3]."
    assert found.do == 'm([x[0], [tf.cast(x[1][0], "float32")]])'


SPARSE_PARTS = {
    "s": tf.TensorSpec([None, 2], tf.int64),
    "s_1": tf.TensorSpec([None], tf.float32),
    "s_2": tf.TensorSpec([2], tf.int64),
}
RAGGED_PARTS = {"r": tf.TensorSpec([None], tf.int64), "r_1": tf.TensorSpec([None], tf.int64)}


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        ([[1.0, 0.0]], SPARSE_PARTS),
        ([[1, 0]], SPARSE_PARTS),
        (np.eye(2, dtype="f"), SPARSE_PARTS),
        (tf.sparse.from_dense([[1.0, 0.0]]), SPARSE_PARTS),
        (tf.ragged.constant([[1, 2], [3]], tf.int64), RAGGED_PARTS),
        ([[1, 2], [3]], RAGGED_PARTS),
        (np.ones((2, 2), np.int64), RAGGED_PARTS),
    ],
)
@pytest.mark.parametrize("call", [M, BY_KEYWORD], ids=["dict", "keywords"])
def test_what_a_signature_takes_apart_is_taken_apart(given, accepted, call):
    found = mismatch(given, accepted, call)
    before, _, line = found.do.rpartition("; ")
    names = {"tf": tf, "m": lambda x=None, **named: x or named, "x": given}
    exec(before, names)
    assert mismatch(eval(line, names), accepted, call) is None


def test_other_names():
    found = mismatch({"lefft": 1, "right": 2}, PAIR, M)
    assert found.facts["missing"] == "'left'"
    assert found.do == "m({'left': lefft, 'right': right})  # 'lefft' is named 'left'"


# What a line is to be run with beside the inputs by their names.
NESTED = {"a": [ROWS, ROWS], "b-1": (ROWS,)}


@pytest.mark.parametrize(
    "given",
    [
        {"a": (ones(2, 3), ones(2, 3)), "b-1": [ones(2, 3)]},
        {"a": [ones(2, 3), ones(2, 2)], "b-1": (ones(2, 3),)},
        {"a": [ones(2, 3)], "b-1": (ones(2, 3),)},
        {"a": ones(2, 3), "b-1": {}},
        {"a": [ones(2, 3), ones(2, 3)]},
        ones(2, 3),
        [ones(2, 3)],
        None,
    ],
    ids=["lists and tuples", "a size", "too few", "one", "missing", "a tensor", "a list", "None"],
)
@pytest.mark.parametrize("call", [M, BY_KEYWORD], ids=["dict", "keywords"])
def test_the_line_for_a_nest_runs_on_what_was_given(given, call):
    found = mismatch(given, NESTED, call)
    line = call.line(NESTED, given=given) if found is None else found.do
    names = given if isinstance(given, dict) else {}
    now = eval(line, {"tf": tf, "m": lambda x: x, "x": given, "inputs": given, **names})
    assert mismatch(now, NESTED, call) is None
    assert inputs.same_classes(now, NESTED)


def test_names_that_python_keeps_are_in_a_dict():
    found = mismatch({"class": 1}, {"class": ROWS, "x": ROWS}, BY_KEYWORD)
    assert found.do == "m({'class': inputs['class'], 'x': tf.zeros([1, 3])})"


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        (np.ones((2, 3)), ROWS),
        (np.ones((2, 3), np.float16), ROWS),
        ([[1.0, 2.0, 3.0]], ROWS),
        (["a", "b"], TEXTS),
        ((np.ones((2, 3)), "a"), [ROWS, tf.TensorSpec(None, tf.string)]),
    ],
)
def test_what_fits(given, accepted):
    assert mismatch(given, accepted, M) is None


@pytest.mark.parametrize(
    ("nest", "text"),
    [
        (PAIR, "{'left': float32[?,3], 'right': int32[?,1]}"),
        ([1, 2.0], "list of 2 float, int"),
        (("a",), "tuple of 1 str"),
        (None, "NoneType"),
        (tf.TensorSpec(None, tf.int64), "int64[...]"),
        (tf.SparseTensorSpec([None, 2], tf.int64), "sparse int64[?,2]"),
        ((ROWS, 3), "(float32[?,3], int)"),
    ],
)
def test_described(nest, text):
    assert inputs.described(nest) == text


SHAPES = [None, [], [None], [2], [None, 3], [2, None], [None, None, 3], [2, 3, None], [5, 2, 3]]


@pytest.mark.parametrize("accepted", SHAPES)
def test_the_cheap_test_of_sizes_lets_nothing_through(accepted):
    accepted = tf.TensorShape(accepted)
    test = size_test(accepted)
    for given in map(tf.TensorShape, SHAPES):
        if given.is_fully_defined():
            assert test(given) == accepted.is_compatible_with(given)
        elif test(given):
            assert accepted.is_compatible_with(given)
