"""The layer on Keras' JAX and PyTorch backends, beside TensorFlow in the same process."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import MODELS
from golden import check_golden

from unihub.runtime.installed import Keras, current_keras

if os.environ.get("KERAS_BACKEND") not in ("jax", "torch") or current_keras() is not Keras.KERAS3:
    pytest.skip("KERAS_BACKEND is neither jax nor torch: see nox -s jax", allow_module_level=True)

import keras
import tensorflow as tf
from apis.functional import hand_made
from click.testing import CliRunner

import unihub
from unihub.apis.functional.errors import CutTo32Bits, NotCompiled
from unihub.apis.keras.layer import NothingToTrainWarning
from unihub.cli.cells import demo

BACKEND = keras.config.backend()
X = np.random.RandomState(0).uniform(-1, 1, (8, 3)).astype(np.float32)
Y = np.random.RandomState(1).uniform(-1, 1, (8, 2)).astype(np.float32)
# Dropout and a moving mean; batch normalization.
DROPPING, NORMALIZING = str(MODELS / "tf2_reusable"), str(MODELS / "keras2_saved_model")
SGD = {"optimizer": "sgd", "loss": "mse"}


def array(value):
    return keras.ops.convert_to_numpy(value)


def built(layer, *more):
    model = keras.Sequential([keras.Input((3,)), layer, *more])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def test_a_layer_that_is_not_trained():
    layer = unihub.KerasLayer(DROPPING)
    expected = unihub.load(DROPPING, fast=False)(tf.constant(X))
    np.testing.assert_allclose(array(layer(X)), expected, atol=1e-6)
    np.testing.assert_allclose(built(layer).predict(X, verbose=0), expected, atol=1e-6)
    assert not layer.trainable_weights and layer.count_params() == 10
    np.testing.assert_allclose(array(layer(X, training=True)), expected, atol=1e-6)


def test_fit_does_what_tensorflow_does():
    loaded = unihub.load(NORMALIZING, fast=False)
    shape = loaded(tf.constant(X), training=False).shape
    targets = np.ones(shape, np.float32)
    expected = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            outputs = loaded(tf.constant(X), training=True)
            loss = tf.reduce_mean((outputs - targets) ** 2)
            loss += tf.add_n([each() for each in loaded.regularization_losses])
        gradients = tape.gradient(loss, loaded.trainable_variables)
        for variable, gradient in zip(loaded.trainable_variables, gradients):
            variable.assign_sub(0.1 * gradient)
        expected.append(float(loss))
    layer = unihub.load(NORMALIZING, op="fine_tuning")
    history = built(layer).fit(X, targets, epochs=3, verbose=0).history
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    names = [variable.name[:-2].replace("/", "_") for variable in loaded.variables]
    own = {weight.name: array(weight) for weight in layer.weights}
    assert set(own) == set(names)
    for name, variable in zip(names, loaded.variables):
        np.testing.assert_allclose(own[name], variable.numpy(), rtol=1e-4, atol=1e-6)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.layer = unihub.KerasLayer(DROPPING, trainable=True)
        self.head = keras.layers.Dense(2)

    def call(self, x, training=False):
        return self.head(self.layer(x, training=training))


@pytest.mark.parametrize("kind", ["sequential", "functional", "subclassed"])
def test_models_of_every_kind(kind, tmp_path):
    if kind == "sequential":
        model = built(unihub.KerasLayer(DROPPING, trainable=True), keras.layers.Dense(2))
    elif kind == "functional":
        given = keras.Input((3,))
        layer = unihub.KerasLayer(DROPPING, trainable=True)
        model = keras.Model(given, keras.layers.Dense(2)(layer(given)))
    else:
        model = Subclassed()
    model.compile(**SGD)
    model.fit(X, Y, epochs=1, verbose=0)
    before = model.get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    # The model's bias is gone in training, with the mean.
    moved = [not np.array_equal(*each) for each in zip(before, model.get_weights())]
    assert sum(moved) == 4
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    # The moving mean is not trained; SGD counts its steps.
    assert "Trainable params: 14" in lines[0]
    model.save_weights(tmp_path / "model.weights.h5")
    expected = model.predict(X, verbose=0)
    model.fit(X, Y, epochs=1, verbose=0)
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, atol=1e-6)
    if kind != "subclassed":
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras", safe_mode=False)
        np.testing.assert_allclose(again.predict(X, verbose=0), expected, atol=1e-6)


def test_dropout_differs_from_step_to_step_and_is_repeatable():
    def dropped():
        keras.utils.set_random_seed(3)
        layer = unihub.KerasLayer(DROPPING, trainable=True)
        return [array(layer(X, training=True)) for _ in range(2)]

    first, second = dropped()
    assert not np.array_equal(first == 0, second == 0)
    for one, other in zip((first, second), dropped()):
        np.testing.assert_array_equal(one, other)


def test_a_layer_that_is_trained_later_drops_as_well():
    layer = unihub.KerasLayer(DROPPING)
    model = built(layer, keras.layers.Dense(2))
    layer.trainable = True
    one, other = (array(layer(X, training=True)) for _ in range(2))
    assert 2 < np.count_nonzero(one) < 14 and not np.array_equal(one == 0, other == 0)
    model.compile(**SGD)
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_a_model_that_lists_nothing_is_not_trained(tmp_path):
    tf.saved_model.save(hand_made.Looking(), str(tmp_path / "looking"))
    with pytest.warns(NothingToTrainWarning):
        layer = unihub.KerasLayer(str(tmp_path / "looking"), trainable=True)
    np.testing.assert_array_equal(array(layer(np.array([1, 5]))), [[2.0, 3.0], [10.0, 11.0]])
    assert layer.count_params() == 12 and not layer.trainable_weights


def test_generators_keep_their_64_bits_or_are_refused(tmp_path):
    path = str(tmp_path / "generating")
    tf.saved_model.save(hand_made.Generating(), path)
    if BACKEND == "jax":
        with pytest.raises(CutTo32Bits):
            unihub.KerasLayer(path)
        return
    layer, (f, weights, state) = unihub.KerasLayer(path), unihub.functional(path)
    for _ in range(2):
        expected, state = f(weights, state, X)
        np.testing.assert_allclose(array(layer(X)), expected, rtol=1e-6)
    kept = {weight.name: array(weight) for weight in layer.weights}
    np.testing.assert_array_equal(kept["StateVar"], state["StateVar"])


def test_losses_are_the_layer_s_while_it_is_trained():
    layer = unihub.KerasLayer(DROPPING, trainable=True)
    (loss,) = layer.losses
    kernel = array(layer.weights[0])
    np.testing.assert_allclose(array(loss), 0.01 * (kernel**2).sum(), rtol=1e-6)
    layer.trainable = False
    assert array(layer.losses[0]) == 0 and not layer.trainable_weights
    layer.trainable = True
    assert len(layer.trainable_weights) == 2


def test_nests_and_signatures():
    one, other = X, X[::-1].copy()
    signature = {"signature": "serving_default", "signature_outputs_as_dict": True}
    layer = unihub.KerasLayer(str(MODELS / "tf2_signatures_only"), **signature)
    loaded = unihub.load(str(MODELS / "tf2_signatures_only"), signature="serving_default")
    given = {"left": one, "right": other}
    expected = loaded({name: tf.constant(value) for name, value in given.items()})
    outputs = layer({name: keras.ops.convert_to_tensor(value) for name, value in given.items()})
    np.testing.assert_allclose(array(outputs["product"]), expected["product"], rtol=1e-6)
    np.testing.assert_array_equal(array(outputs["larger"]), expected["larger"])
    spec = layer({name: keras.Input((3,)) for name in given})
    assert spec["product"].shape == (None, 3)


@pytest.mark.parametrize("text", [np.array(["a text"]), keras.Input((), dtype="string")])
def test_text_is_for_tf_data(text):
    path = str(MODELS / "tf2_text")
    layer = unihub.KerasLayer(path)
    with pytest.raises(NotCompiled) as caught:
        layer(text)
    at_hand = {"data": tf.data.Dataset.from_tensors(["a text"])}
    replacements = {"path": path, "backend": BACKEND}
    check_golden("functional-not-compiled", str(caught.value), at_hand, **replacements)


def test_text_goes_through_tf_data_into_fit():
    texts = tf.data.Dataset.from_tensors((["a text", "another"], [[0.0], [1.0]]))
    embed = unihub.load(str(MODELS / "tf2_text"))
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(**SGD)
    losses = model.fit(texts.map(lambda x, y: (embed(x), y)).repeat(3), epochs=2, verbose=0)
    assert losses.history["loss"][1] < losses.history["loss"][0]


def test_tf_data_takes_the_loaded_object():
    layer = unihub.KerasLayer(DROPPING)
    data = tf.data.Dataset.from_tensors(X)
    with pytest.raises(NotCompiled, match="a tensor of TensorFlow's graph"):
        data.map(layer)


def test_wrong_inputs_are_explained():
    layer = unihub.KerasLayer(DROPPING)
    for wrong, code in (
        (X[:, :2], "wrong-input-shape"),
        (X[0], "wrong-input-shape"),
        (X.astype(int), "wrong-input-dtype"),
        ("text", "wrong-input-dtype"),
        (None, "wrong-input-value"),
        ({"x": X}, "wrong-input-structure"),
        (tf.ragged.constant([[1.0], [2.0, 3.0]]), "wrong-input-structure"),
        (keras.Input((2,)), "wrong-input-shape"),
    ):
        with pytest.raises(unihub.UnihubError) as caught:
            layer(wrong)
        assert caught.value.code == code and "layer(" in caught.value.do
    for wrong in ({"trainin": True}, {"mask_": None}):
        with pytest.raises(TypeError) as caught:
            layer(X, **wrong)
        assert caught.value.code == "wrong-arguments"


def test_the_demo_shows_every_cell():
    result = CliRunner().invoke(demo, [])
    assert result.exit_code == 0, result.output
    assert f"tf.keras is keras3 on {BACKEND}," in result.output
    assert re.search(r"(\d+) of \1 as the matrix says", result.output)


@pytest.mark.skipif(BACKEND != "jax", reason="keras.distribution is JAX's")
def test_data_parallel():
    devices = keras.distribution.list_devices()
    if len(devices) < 2:
        pytest.skip("one device: XLA_FLAGS=--xla_force_host_platform_device_count=2 makes two")

    def losses():
        layer = unihub.KerasLayer(NORMALIZING, trainable=True)
        shape = (8, *layer(X).shape[1:])
        return built(layer).fit(X, np.ones(shape), epochs=3, verbose=0).history["loss"]

    alone = losses()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    try:
        np.testing.assert_allclose(losses(), alone, rtol=1e-5)
    finally:
        keras.distribution.set_distribution(None)


def test_another_backend_is_refused():
    pytest.importorskip("jax", reason="Keras' numpy backend imports JAX")
    code = "import unihub; unihub.KerasLayer('model')"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.returncode == 1
    assert "keras-layer-backend: KerasLayer cannot run model on Keras' numpy backend." in run.stderr
