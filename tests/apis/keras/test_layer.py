"""What the layers of all Kerases have in common."""

from __future__ import annotations

import shutil

import pytest
import tensorflow as tf

import unihub
from unihub.apis.keras.errors import SavedModelMoved
from unihub.apis.layers import keras_layer_class


def test_the_folder_of_a_config_that_moved_can_be_pointed_to(models, tmp_path, monkeypatch):
    layer_class = keras_layer_class()
    old = str(tmp_path / "model")
    shutil.copytree(str(models / "tf2_reusable"), old)
    config = layer_class(old).get_config()
    (tmp_path / "path" / "to" / "the").mkdir(parents=True)
    shutil.move(old, str(tmp_path / "path" / "to" / "the" / "model"))
    with pytest.raises(SavedModelMoved) as refused:
        layer_class.from_config(config)
    assert isinstance(refused.value, FileNotFoundError)
    monkeypatch.chdir(tmp_path)
    take_back = eval(refused.value.do, {"unihub": unihub})
    try:
        layer = layer_class.from_config(config)
        # What is saved again says the same.
        assert layer.get_config() == config
        assert layer(tf.ones([2, 3])).shape == (2, 2)
    finally:
        take_back()


# The call of a layer `layer` on rows `x`, and the line that the error offers in its place.
REFUSED_CALLS = {
    "a name": ("layer(x, momentum=0.9)", "layer(x)"),
    "nearly its own": ("layer(x, traning=True)", "layer(x, training=True)"),
    "two inputs": ("layer(x, x)", "layer(x)"),
}


@pytest.mark.parametrize("case", REFUSED_CALLS)
def test_a_call_with_more_than_inputs_is_refused_in_three_lines(case, models):
    call, line = REFUSED_CALLS[case]
    names = {"layer": keras_layer_class()(str(models / "tf2_reusable")), "unihub": unihub}
    names["x"] = tf.ones([2, 3])
    with pytest.raises(TypeError) as refused:
        eval(call, names)
    assert refused.value.code == "wrong-arguments"
    assert line in refused.value.do
    exec(refused.value.do, names)
    assert names["layer"](names["x"], False).shape == (2, 2)


@pytest.mark.usefixtures("eager")
def test_what_takes_no_inputs_or_several_is_called_outside_of_a_layer(tmp_path):
    obj = tf.Module()
    spec = tf.TensorSpec([None])
    obj.__call__ = tf.function(lambda x, y: x + y, input_signature=[spec, spec])
    tf.saved_model.save(obj, str(tmp_path / "two"))
    x = tf.ones([2])
    with pytest.raises((TypeError, ValueError)) as refused:
        keras_layer_class()(str(tmp_path / "two"))([x, x])
    assert refused.value.do.endswith("(*inputs)")
    assert eval(refused.value.do, {"unihub": unihub, "inputs": [x, x]}).shape == (2,)


@pytest.mark.usefixtures("eager")
def test_an_output_that_is_not_there_is_told(models, tmp_path):
    obj = tf.Module()
    obj.__call__ = tf.function(lambda x: {"a": x}, input_signature=[tf.TensorSpec([None, 3])])
    tf.saved_model.save(obj, str(tmp_path / "m"))
    for path, code in (
        (models / "tf2_reusable", "keras-layer-output-key-without-dict"),
        (tmp_path / "m", "unknown-output-key"),
    ):
        layer = keras_layer_class()(str(path), output_key="y")
        with pytest.raises(ValueError) as refused:
            layer(tf.ones([2, 3]))
        assert refused.value.code == code
        layer = eval(refused.value.do, {"unihub": unihub})
        assert layer(tf.ones([2, 3])).shape[0] == 2


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("dtype", ["int8", "bool"])
def test_inputs_of_a_dtype_that_keras_has_no_weights_of(dtype, tmp_path):
    obj = tf.Module()
    obj.__call__ = tf.function(lambda x: tf.identity(x))
    obj.__call__.get_concrete_function(tf.TensorSpec([None], dtype))
    tf.saved_model.save(obj, str(tmp_path / "m"))
    x = tf.cast([0, 1], dtype)
    assert keras_layer_class()(str(tmp_path / "m"))(x).dtype == x.dtype


@pytest.mark.usefixtures("eager")
def test_a_signature_takes_lists_and_variables(tmp_path):
    root = tf.Module()
    root.call = tf.function(
        lambda x: {"n": tf.strings.length(x)}, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    root.twice = tf.function(
        lambda x: {"y": 2.0 * x}, input_signature=[tf.TensorSpec([None], tf.float32)]
    )
    path = str(tmp_path / "m")
    tf.saved_model.save(root, path, signatures={"lengths": root.call, "twice": root.twice})
    lengths = keras_layer_class()(path, signature="lengths", output_key="n")
    assert lengths(["a", "bcd"]).numpy().tolist() == [1, 3]
    assert lengths({"x": ["a", "bcd"]}).numpy().tolist() == [1, 3]
    twice = keras_layer_class()(path, signature="twice", output_key="y")
    assert twice(tf.Variable([1.0, 2.0])).numpy().tolist() == [2.0, 4.0]
    assert twice([1.0, 2.0]).numpy().tolist() == [2.0, 4.0]
    for given in (None, ["a", "b"]):
        with pytest.raises(ValueError, match="wrong-input"):
            twice(given)
