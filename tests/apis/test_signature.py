from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS
from fixtures.expected import expected_file, read_cases

import unihub

pytestmark = pytest.mark.usefixtures("eager")


def loaded(name, **kwargs):
    return unihub.load(str(MODELS / name), api="load", **kwargs)


def inputs_of(name, signature):
    cases = {case.signature: case.inputs for case in read_cases(expected_file(name))}
    return cases[signature]


@pytest.fixture
def pair(eager):
    return loaded("tf1_hub_multi", signature="pair")


@pytest.fixture
def sides():
    arrays = inputs_of("tf1_hub_multi", "pair")
    return tf.constant(arrays["left"]), tf.constant(arrays["right"])


@pytest.mark.parametrize("convert", [tf.constant, np.asarray, np.ndarray.tolist])
def test_inputs_may_be_tensors_arrays_or_lists(convert):
    x = inputs_of("tf1_hub_scalar", "default")["default"]
    scalar = loaded("tf1_hub_scalar")
    np.testing.assert_array_equal(scalar(convert(x)), scalar(tf.constant(x)))


def test_inputs_may_be_named_or_in_a_dict(pair, sides):
    left, right = sides
    by_name = pair(left=left, right=right)
    np.testing.assert_array_equal(pair({"left": left, "right": right}), by_name)
    np.testing.assert_array_equal(pair({"left": left}, right=right), by_name)


def test_a_sole_output_comes_by_itself():
    score = loaded("tf1_hub_multi", signature="score")
    assert isinstance(score(tf.ones([1, 3])), tf.Tensor)


def test_the_default_output_comes_by_itself(pair, sides):
    left, right = sides
    assert isinstance(pair(left=left, right=right), tf.Tensor)


def test_several_outputs_come_as_a_dict():
    statistics = loaded("tf1_hub_multi", signature="statistics")
    assert sorted(statistics(tf.ones([1, 3]))) == ["largest", "mean"]


def test_output_key_and_as_dict(sides):
    left, right = sides
    larger = loaded("tf1_hub_multi", signature="pair", output_key="larger")
    both = loaded("tf1_hub_multi", signature="pair", as_dict=True)
    outputs = both(left=left, right=right)
    assert sorted(outputs) == ["default", "larger"]
    np.testing.assert_array_equal(larger(left=left, right=right), outputs["larger"])


@pytest.mark.skipif(tf.__version__[:3] in ("1.1", "2.0"), reason="TensorFlow loads no sparse ones")
def test_a_sparse_input():
    matmul = loaded("tf1_hub_sparse")
    sparse = tf.sparse.from_dense([[0.0, 2.0, 0.0, 0.0]])
    parts = {
        "default_indices": sparse.indices,
        "default_values": sparse.values,
        "default_dense_shape": sparse.dense_shape,
    }
    raw = matmul.signatures["default"](**parts)["default"]
    np.testing.assert_array_equal(matmul(sparse), raw)
    np.testing.assert_array_equal(matmul(tf.cast(sparse, tf.float64)), raw)
    layer = unihub.load(str(MODELS / "tf1_hub_sparse"), api="keras")
    for call, dense in (
        (matmul, [[1.0, 2.0]]),
        (matmul, tf.ones([1, 4])),
        (layer, tf.ones([1, 4])),
    ):
        with pytest.raises(ValueError, match=r"wrong-input-structure(.*\n)*.*from_dense\("):
            call(dense)
    with pytest.raises(ValueError, match="wrong-input-dtype"):
        matmul(tf.cast(sparse, tf.int32))


def test_a_wrong_inner_dimension_is_explained(sides):
    project = loaded("tf1_saved_model_pb", signature="project")
    with pytest.raises(ValueError, match=r"wrong-input-shape.*float32\[2,2\]"):
        project(tf.ones([2, 2]))


def test_a_wrong_rank_never_passes(sides):
    # TensorFlow itself lets it through, and answers something else.
    scalar = loaded("tf1_hub_scalar")
    raw = scalar.signatures["default"](default=tf.ones([2, 2]))["default"]
    assert raw.shape == (2, 2)
    with pytest.raises(ValueError, match="wrong-input-shape"):
        scalar(tf.ones([2, 2]))


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("shape", [(1, 16, 16, 3), (2, 8, 4, 3), (8, 8, 3), (1, 8, 8, 1)])
def test_known_sizes_never_differ(shape, fast):
    image = loaded("tf1_hub_image", fast=fast)
    with pytest.raises(ValueError, match=r"wrong-input-shape.*\n.*float32\[\?,8,8,3\]"):
        image(tf.zeros(shape))
    assert image(tf.zeros([2, 8, 8, 3])).shape[0] == 2


def test_known_sizes_never_differ_in_a_tf_function():
    image = loaded("tf1_hub_image")
    traced = tf.function(image, input_signature=[tf.TensorSpec([None, None, None, 3])])
    assert traced(tf.zeros([2, 8, 8, 3])).shape[0] == 2
    other = tf.function(image, input_signature=[tf.TensorSpec([None, None, 9, 3])])
    with pytest.raises(ValueError, match="wrong-input-shape"):
        other(tf.zeros([2, 8, 9, 3]))


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_floats_of_another_precision_are_cast_as_in_a_layer(dtype):
    scalar = loaded("tf1_hub_scalar")
    x = np.array([1.0, 2.0], dtype)
    for given in (x, tf.constant(x)):
        np.testing.assert_array_equal(scalar(given), scalar(x.astype(np.float32)))


@pytest.fixture
def bytes_of(tmp_path):
    root = tf.Module()
    root.call = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None], tf.uint8)])
    tf.saved_model.save(root, str(tmp_path / "m"), signatures={"bytes": root.call})
    return lambda fast: unihub.load(tmp_path / "m", signature="bytes", fast=fast)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("given", [[0.5], [float("nan")], [256], [-1]])
def test_numbers_are_not_cut_to_whole_ones_in_silence(given, fast, bytes_of):
    for x in (np.array(given), given):
        with pytest.raises(ValueError, match="wrong-input-dtype"):
            bytes_of(fast)(x)


@pytest.mark.parametrize("fast", [True, False])
def test_imaginary_parts_are_not_left_out_in_silence(fast):
    scalar = loaded("tf1_hub_scalar", fast=fast)
    x = inputs_of("tf1_hub_scalar", "default")["default"]
    for given in (x + 1j, (x + 1j).tolist()):
        with pytest.raises(ValueError, match="wrong-input"):
            scalar(given)


def test_numbers_that_tensorflow_does_not_cast_to_text_are_told(tmp_path):
    root = tf.Module()
    root.call = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(root, str(tmp_path / "m"), signatures={"texts": root.call})
    texts = unihub.load(tmp_path / "m", signature="texts")
    for given in ((tf.zeros([2]), tf.zeros([2])), [tf.zeros([])], None):
        with pytest.raises(ValueError, match="wrong-input"):
            texts(given)


@pytest.mark.parametrize("given", [np.array([3.0]), np.array([3]), [3], np.array([True])])
def test_whole_numbers_of_another_dtype_are_exact(given, bytes_of):
    for fast in (True, False):
        assert bytes_of(fast)(given).numpy().tolist() == [int(given[0])]


def test_errors_that_inputs_do_not_explain_stay_tensorflows(tmp_path):
    root = tf.Module()
    root.call = tf.function(
        lambda x: tf.debugging.check_numerics(x, "not a number"),
        input_signature=[tf.TensorSpec([None], tf.float32)],
    )
    tf.saved_model.save(root, str(tmp_path / "m"), signatures={"check": root.call})
    check = unihub.load(tmp_path / "m")
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a number"):
        check(tf.constant([float("nan")]))


def test_a_signature_without_inputs(tmp_path):
    root = tf.Module()
    root.weight = tf.Variable(3.0)
    root.call = tf.function(lambda: root.weight + 0.0, input_signature=[])
    tf.saved_model.save(root, str(tmp_path / "m"), signatures={"weight": root.call})
    assert float(unihub.load(tmp_path / "m")()) == 3.0


def test_in_a_tf_function_with_unknown_rank():
    scalar = loaded("tf1_hub_scalar")
    traced = tf.function(scalar, input_signature=[tf.TensorSpec(None, tf.float32)])
    x = tf.constant([1.0, 2.0])
    np.testing.assert_array_equal(traced(x), scalar(x))
