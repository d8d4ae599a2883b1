"""The layer of Keras 2 and tf_keras: what it adds to tensorflow_hub's."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from unihub.runtime.installed import Keras, current_keras

if current_keras() is Keras.KERAS3:
    pytest.importorskip("tf_keras", reason="tf_keras is not installed")

import tensorflow as tf
from golden import check_golden

import unihub
from unihub.apis.keras import errors
from unihub.apis.keras.kerases import keras_module
from unihub.apis.keras2.layer import KerasLayer
from unihub.apis.layers import keras_layer_class
from unihub.apis.tensorflow_hub import import_tensorflow_hub
from unihub.errors import UnihubError
from unihub.formats.not_there import UnknownSignature
from unihub.runtime.installed import hub_release

IN_TF1 = tf.__version__.startswith("1.")
X = np.ones((4, 3), np.float32)


def reusable(models, **kwargs):
    return KerasLayer(str(models / "tf2_reusable"), **kwargs)


def test_it_is_tensorflow_hubs():
    assert issubclass(KerasLayer, import_tensorflow_hub().KerasLayer)


@pytest.mark.skipif(current_keras() is Keras.KERAS3, reason="tf.keras is Keras 3 in this stack")
def test_it_is_what_unihub_gives():
    assert keras_layer_class() is KerasLayer


def test_a_path_becomes_text(models):
    layer = KerasLayer(models / "tf2_reusable")
    assert layer.get_config()["handle"] == str(models / "tf2_reusable")


def test_the_dtype_is_that_of_the_inputs_unless_told(models):
    assert KerasLayer(str(models / "tf2_text")).dtype == "string"
    assert reusable(models).dtype == "float32"
    assert reusable(models, dtype="float64").dtype == "float64"


@pytest.mark.skipif(IN_TF1, reason="TensorFlow 1.15 has no mixed precision in graph mode")
def test_a_mixed_policy_in_a_config_is_overruled(models):
    policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    layer = KerasLayer.from_config({**reusable(models).get_config(), "dtype": policy})
    assert layer.compute_dtype == "float32"


@pytest.mark.usefixtures("eager")
def test_inputs_of_two_float_dtypes_are_not_cast():
    @tf.function(
        input_signature=[[tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.float64)]]
    )
    def add(pair):
        return tf.cast(pair[0], tf.float64) + pair[1]

    layer = KerasLayer(add)
    assert layer([tf.ones([2], tf.float32), tf.ones([2], tf.float64)]).dtype == tf.float64


def test_the_evident_tags_are_taken(models):
    layer = KerasLayer(
        str(models / "tf1_saved_model_tags"),
        signature="serving_default",
        signature_outputs_as_dict=True,
    )
    assert "tags" not in layer.get_config()


def test_an_output_shape_is_for_each_output(models):
    layer = KerasLayer(str(models / "tf2_dict"), output_shape={"scores": [], "total": [2]})
    shapes = layer.compute_output_shape({"ids": (7,), "weights": (7,)})
    assert {name: tuple(map(int, shape)) for name, shape in shapes.items()} == {
        "scores": (7,),
        "total": (7, 2),
    }


@pytest.mark.usefixtures("eager")
def test_other_sizes_than_the_signatures_are_logged_once(models, caplog):
    # TensorFlow runs it, and so does tensorflow_hub's layer.
    layer = KerasLayer(str(models / "tf1_hub_image"))
    with caplog.at_level(logging.WARNING, "unihub"):
        layer(tf.zeros([1, 8, 8, 3]))
        layer({"images": tf.zeros([1, 8, 8, 3])})
        assert caplog.records == []
        for size in (16, 8, 32):
            assert layer(tf.zeros([1, size, size, 3])).shape[0] == 1
    (record,) = caplog.records
    assert "is float32[1,16,16,3].\n  why: it is to be float32[?,8,8,3]" in record.getMessage()


def test_an_output_shape_that_the_model_does_not_give(models):
    with pytest.raises(ValueError, match="keras-layer-other-output-shape") as refused:
        reusable(models, output_shape=[7])(tf.constant(X))
    assert "output_shape=(7,)" in refused.value.what


def test_an_unknown_signature(models):
    with pytest.raises(UnknownSignature) as refused:
        KerasLayer(str(models / "tf2_signatures_only"), signature="statistic")
    handle = str(models / "tf2_signatures_only")
    assert eval(refused.value.do, {"unihub": unihub, "handle": handle}) is not None


def test_an_error_of_the_model_itself_passes():
    def failing(x):
        raise ValueError("the model says so")

    with pytest.raises(ValueError, match="the model says so"):
        KerasLayer(failing)(tf.constant(X))


@pytest.mark.usefixtures("eager")
def test_sparse_inputs_by_name(models):
    sparse = tf.SparseTensor([[0, 0], [1, 3]], [1.0, 2.0], [2, 4])
    layer = KerasLayer(str(models / "tf1_hub_sparse"))
    np.testing.assert_array_equal(layer(sparse), layer({"default": sparse}))


def of_kind(spec, tmp_path):
    """A layer of a model that takes one input, and one of its signature."""
    module = tf.Module()
    module.call = module.__call__ = tf.function(
        lambda x: tf.identity(x.values if hasattr(x, "values") else x), input_signature=[spec]
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.call})
    by_signature = KerasLayer(
        str(tmp_path), signature="serving_default", signature_outputs_as_dict=True
    )
    return KerasLayer(str(tmp_path)), by_signature


@pytest.mark.usefixtures("eager")
@pytest.mark.skipif(IN_TF1, reason="TensorFlow 1.15 saves no composite tensors")
@pytest.mark.parametrize(
    ("spec", "given", "line"),
    [
        (tf.TensorSpec([None, 3]), [[1, 2.0, 3]], ""),
        (tf.TensorSpec([None, 3]), [1.0, 2.0, 3.0], "layer(tf.expand_dims(x, axis=0))"),
        (tf.TensorSpec([None, 2], tf.int64), [[1, 2], [3]], "to_tensor())"),
        (tf.SparseTensorSpec([None, 3], tf.float32), [[1, 0, 0]], "tf.constant(x, tf.float32)"),
        (tf.RaggedTensorSpec([None, None], tf.int64), [[1, 2], [3]], "layer(tf.ragged.constant("),
        (tf.TensorSpec([None], tf.string), ["a", 1], "str(one) for one in x"),
        (tf.TensorSpec([None], tf.string), np.array(["a", None], object), "one is None"),
    ],
    ids=["fits", "no batch", "of different lengths", "sparse", "ragged", "mixed", "objects"],
)
def test_lists_of_numbers_are_one_tensor_each_in_errors_as_well(spec, given, line, tmp_path):
    for layer in of_kind(spec, tmp_path):
        names = {"layer": layer, "x": given, "tf": tf}
        if not line or (layer._signature and isinstance(given[0], float)):
            # Signatures run on fewer axes, and log it.
            assert tf.nest.flatten(layer(given))[0].shape[-1] == 3
            continue
        with pytest.raises((ValueError, TypeError)) as refused:
            layer(given)
        if layer._signature is None:
            assert line in refused.value.do
        for code in refused.value.do.partition("; in a model")[0].split("; "):
            exec(code, names)


@pytest.mark.skipif(
    current_keras() is Keras.KERAS2, reason="this stack has no second Keras installed"
)
@pytest.mark.usefixtures("eager")
def test_refuses_tensors_of_keras_3(models):
    import keras

    with pytest.raises(errors.OtherKeras) as refused:
        reusable(models)(keras.Input((3,), name="x"))
    assert isinstance(refused.value, (ValueError, TypeError))
    assert refused.value.do.startswith("import tf_keras as keras")
    if current_keras() is Keras.TF_KERAS:
        check_golden(refused.value.code, str(refused.value))


@pytest.mark.skipif(
    current_keras() is Keras.KERAS2, reason="this stack has no second Keras installed"
)
@pytest.mark.usefixtures("eager")
def test_keras_3_names_both_kerases_when_it_refuses_the_layer(models):
    import keras

    for use in (keras.layers.TimeDistributed, lambda layer: keras.Sequential([layer])):
        with pytest.raises(ValueError, match="KerasLayer") as refused:
            use(reusable(models))
        text = str(refused.value)
        assert "of tf_keras (Keras 2), not of keras (Keras 3)" in text
        assert "import tf_keras as keras" in text


@pytest.mark.skipif(
    current_keras() is not Keras.TF_KERAS, reason="only where both are installed and used"
)
@pytest.mark.usefixtures("eager")
def test_a_line_that_the_error_advises_works(models):
    import tf_keras as keras

    assert reusable(models)(keras.Input((3,))).shape == (None, 2)


@pytest.mark.usefixtures("eager")
def test_a_loss_is_saved_without_a_word_of_autograph(models, tmp_path, caplog):
    keras = (
        keras_module() if current_keras() is not Keras.KERAS3 else pytest.importorskip("tf_keras")
    )
    with unihub.install(), caplog.at_level(logging.WARNING, "tensorflow"):
        layer = reusable(models, trainable=True)
        model = keras.Sequential([keras.layers.InputLayer((3,)), layer])
        tf.saved_model.save(model, str(tmp_path / "m"))
    assert [r for r in caplog.records if "AutoGraph" in r.getMessage()] == []
    assert len(tf.saved_model.load(str(tmp_path / "m")).regularization_losses) == 1


def test_needs_a_release_of_tensorflow_hub():
    assert hub_release() is not None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("tf2_signatures_only", "keras-layer-signature-required"),
        ("tf1_saved_model_resource", "keras-layer-signature-required"),
        ("tf2_sub_objects", "nothing-to-call"),
    ],
)
def test_what_cannot_be_called_is_told_as_in_keras_3(models, name, code):
    with pytest.raises(ValueError, match="has no __call__") as refused:
        KerasLayer(str(models / name))
    assert refused.value.code == code


def test_a_module_without_a_default_signature_asks_for_one(tmp_path):
    def module_fn():
        x = tf.compat.v1.placeholder(tf.float32, [None])
        unihub.add_signature("twice", x, x * 2.0)

    with tf.Graph().as_default():
        unihub.save(module_fn, tmp_path / "m")
        with pytest.raises(errors.SignatureRequired, match="signatures: 'twice'"):
            unihub.KerasLayer(str(tmp_path / "m"))


def test_what_signature_outputs_are_asked_of_is_said(models):
    with pytest.raises(UnihubError, match="output-key-without-signature"):
        KerasLayer(str(models / "tf2_reusable"), signature_outputs_as_dict=True)
    with pytest.raises(errors.SignatureOutputNotChosen, match="needs one of output_key="):
        KerasLayer(str(models / "tf2_reusable"), signature="serving_default")
