"""fine_tuning as training scripts use it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS, ROOT
from golden import check_golden

import unihub
from unihub.apis.keras.kerases import keras_module
from unihub.apis.layers import keras_layer_class
from unihub.apis.surroundings import StrategyNotSupported
from unihub.runtime.installed import Keras, current_keras

v1 = tf.compat.v1
IN_TF1 = tf.__version__.startswith("1.")
HAS_ESTIMATOR = hasattr(v1, "estimator")
X = np.random.RandomState(0).uniform(-1, 1, (16, 3)).astype(np.float32)
Y = np.random.RandomState(1).uniform(-1, 1, (16, 2)).astype(np.float32)
ONES = np.ones(4, np.float32)


def test_keras_fit():
    if IN_TF1:
        v1.keras.backend.clear_session()
    keras = keras_module()
    layer = unihub.load(MODELS / "tf2_reusable", op="fine_tuning")
    model = keras.Sequential([keras.layers.InputLayer((3,)), layer, keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = layer.get_weights() if not IN_TF1 else None
    model.fit(X, Y, epochs=5, verbose=0)
    # Dropout makes the loss uneven; in TensorFlow 1.15 the values before are a session's.
    if before is not None:
        moved = [not np.array_equal(*pair) for pair in zip(before, layer.get_weights())]
        assert moved[0] and moved[2]
    assert isinstance(layer, keras_layer_class())
    assert len(model.trainable_weights) == 4


@pytest.mark.skipif(current_keras() is Keras.KERAS3, reason="Keras 3 has no sessions")
@pytest.mark.usefixtures("graph")
def test_a_modules_variables_as_the_weights_of_a_layer_of_ones_own():
    """As scripts did for Keras before there was a KerasLayer."""
    keras = keras_module()

    class Embedding(keras.layers.Layer):
        def build(self, shape):
            self.module = unihub.Module(str(MODELS / "tf1_hub_scalar"), trainable=True)
            self._trainable_weights += v1.trainable_variables()
            super().build(shape)

        def call(self, inputs):
            return self.module(inputs)

        def compute_output_shape(self, shape):
            return shape

    inputs = keras.Input(batch_shape=(4,))
    model = keras.Model(inputs, Embedding()(inputs))
    # It asks each variable for its distribution strategy.
    model.compile("adam", "mse")
    with v1.Session() as session:
        v1.keras.backend.set_session(session)
        unihub.initialize(session)
        weights = model.trainable_weights
        before = session.run(weights)
        model.train_on_batch(ONES, ONES)
        assert [b for b, a in zip(before, session.run(weights)) if b != a]


@pytest.mark.usefixtures("eager")
def test_a_loop_with_gradient_tape():
    m = unihub.load(MODELS / "tf2_reusable", op="fine_tuning", api="load")
    kernel, statistics = m.trainable_variables[0].numpy(), m.variables[2].numpy()
    losses = []
    for _ in range(20):
        with tf.GradientTape() as tape:
            error = tf.reduce_mean((m(X, training=True) - Y) ** 2)
            loss = error + tf.add_n([penalty() for penalty in m.regularization_losses])
        gradients = tape.gradient(loss, m.trainable_variables)
        for variable, gradient in zip(m.trainable_variables, gradients):
            variable.assign_sub(0.1 * gradient)
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    assert not np.array_equal(m.trainable_variables[0].numpy(), kernel)
    assert not np.array_equal(m.variables[2].numpy(), statistics)


@pytest.mark.usefixtures("graph")
def test_a_loop_with_a_session():
    images = np.random.RandomState(0).uniform(size=(8, 8, 8, 3)).astype(np.float32)
    features = unihub.load(MODELS / "tf1_hub_image", op="fine_tuning")(images)
    penalties = v1.losses.get_regularization_losses()
    loss = tf.reduce_mean((features - 1.0) ** 2) + tf.add_n(penalties)
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(updates):
        step = v1.train.AdamOptimizer(0.1).minimize(loss)
    assert (len(penalties), len(updates)) == (1, 2)
    with v1.Session() as session:
        unihub.initialize(session)
        losses = [session.run([loss, step])[0] for _ in range(30)]
    # Dropout makes single losses uneven.
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def images_fn():
    return tf.data.Dataset.from_tensors(({"x": X}, Y)).repeat()


def keras_model_fn(features, labels, mode):
    training = mode == tf.estimator.ModeKeys.TRAIN
    layer = unihub.load(MODELS / "tf2_reusable", op="fine_tuning")
    model = tf.keras.Sequential([tf.keras.layers.InputLayer((3,)), layer])
    predictions = model(features["x"], training=training)
    loss = tf.reduce_mean((predictions - labels) ** 2) + tf.add_n(model.losses)
    return specification(mode, loss, model.updates, model.trainable_variables)


def module_fn(features, labels, mode):
    layer = unihub.load(MODELS / "tf1_hub_multi", op="fine_tuning")
    predictions = v1.layers.dense(layer(features["x"]), 2)
    loss = tf.reduce_mean((predictions - labels) ** 2)
    return specification(mode, loss, [], v1.trainable_variables())


def specification(mode, loss, updates, variables):
    assert variables
    optimizer = v1.train.GradientDescentOptimizer(0.1)
    with tf.control_dependencies(updates):
        step = v1.train.get_or_create_global_step()
        train_op = optimizer.minimize(loss, global_step=step, var_list=variables)
    return v1.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


@pytest.mark.skipif(not HAS_ESTIMATOR, reason="Estimator left TensorFlow with 2.16")
@pytest.mark.parametrize("model_fn", [keras_model_fn, module_fn])
def test_an_estimator(model_fn, tmp_path):
    config = v1.estimator.RunConfig(save_summary_steps=None, log_step_count_steps=None)
    estimator = v1.estimator.Estimator(model_fn, str(tmp_path), config)
    estimator.train(images_fn, steps=1)
    before = {name: estimator.get_variable_value(name) for name in estimator.get_variable_names()}
    estimator.train(images_fn, steps=5)
    after = {name: estimator.get_variable_value(name) for name in before}
    assert estimator.evaluate(images_fn, steps=1)["loss"] > 0
    moved = [name for name in before if not np.array_equal(before[name], after[name])]
    assert "global_step" in moved
    assert len(moved) > 1


UNDER_A_STRATEGY = """
import sys
import numpy as np
import tensorflow as tf
import unihub
from unihub.apis.keras.kerases import keras_module

models, keras = sys.argv[1], keras_module()
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
x, y = np.ones((16, 3), np.float32), np.ones((16, 2), np.float32)
with strategy.scope():
    layer = unihub.load(models + "/tf2_reusable", op="fine_tuning")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layer(inputs))
    model.compile("sgd", "mse")
    for name in ("tf1_hub_text", "tf1_saved_model_table"):
        try:
            unihub.load(models + "/" + name)
        except NotImplementedError as error:
            print(error)
before = layer.get_weights()
model.fit(x, y, batch_size=8, verbose=0)
# What the refusal advises.
embed = unihub.load(models + "/tf1_hub_text")
texts = tf.data.Dataset.from_tensor_slices(["hub", "fox", "of", "the"]).batch(4).map(embed)
for row in strategy.experimental_distribute_dataset(texts):
    shapes = [tuple(part.shape) for part in strategy.experimental_local_results(row)]
assert shapes == [(2, 4), (2, 4)], shapes
print("replicas", strategy.num_replicas_in_sync)
print("trained", not np.array_equal(before[0], layer.get_weights()[0]))
"""


@pytest.mark.usefixtures("eager")
def test_under_a_mirrored_strategy_of_two_devices():
    run = subprocess.run(
        [sys.executable, "-c", UNDER_A_STRATEGY, str(MODELS)],
        cwd=str(ROOT),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    refusals, _, results = run.stdout.partition("replicas ")
    assert results.split() == ["2", "trained", "True"]
    refused = refusals.replace(str(MODELS), "<models>")
    assert refused.count("strategy-not-supported: ") == 2


@pytest.mark.usefixtures("graph")
def test_a_tf1_format_is_not_trained_under_a_strategy():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        with pytest.raises(StrategyNotSupported) as refused:
            unihub.load(MODELS / "tf1_hub_scalar", op="fine_tuning")
        inferred = unihub.load(MODELS / "tf1_hub_scalar")(ONES)
    assert isinstance(refused.value, (ValueError, RuntimeError))
    # TensorFlow 1.15 calls the strategy of a graph by another name.
    text = str(refused.value).replace("MirroredStrategyV1", "MirroredStrategy")
    check_golden(refused.value.code, text, models=MODELS)
    with v1.Session() as session:
        unihub.initialize(session)
        assert session.run(inferred).shape == (4,)


@pytest.mark.usefixtures("eager")
def test_one_replica_takes_a_tf1_format():
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        assert unihub.load(MODELS / "tf1_hub_scalar")(ONES).shape == (4,)
        layer = unihub.load(MODELS / "tf1_hub_scalar", api="keras")
    assert layer(ONES).shape == (4,)
