"""What is trained: it loads the functions that are called, and gives what the full load gives."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

import numpy as np
import pytest
import tensorflow as tf

if tf.__version__.startswith("1."):
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.layers import Layers

import unihub
from unihub.apis.keras.kerases import keras_module
from unihub.apis.lean.frozen import FrozenObject, TrainedObject

keras = keras_module()
INPUTS = np.linspace(-1, 1, 6 * 5, dtype=np.float32).reshape(6, 5)
TARGETS = np.linspace(0, 1, 6 * 2, dtype=np.float32).reshape(6, 2)


@tf.custom_gradient
def clipped(x: Any) -> Any:
    return tf.identity(x), lambda dx: tf.clip_by_value(dx, -0.01, 0.01)


class Normalized(Layers):
    """A dense layer, a batch norm and a dropout, with the Reusable SavedModel interface."""

    @tf.function
    def __call__(self, x: Any, training: bool = False) -> Any:
        y = clipped(self.inner(x))
        if training:
            self.mean.assign(0.9 * self.mean + 0.1 * tf.reduce_mean(y, 0))
            y = tf.nn.dropout(y, 0.5, seed=3)
        return tf.tanh((y - self.mean) * self.scale)


@pytest.fixture(scope="module")
def path(tmp_path_factory: Any) -> str:
    model = Normalized()
    for training in (True, False):
        model.__call__.get_concrete_function(tf.TensorSpec([None, 5], name="x"), training=training)
    folder = str(tmp_path_factory.mktemp("models") / "normalized")
    tf.saved_model.save(model, folder)
    return folder


def model_of(held: Any) -> Any:
    return object.__getattribute__(held, "_lean_model")


def held_by(layer: Any) -> Any:
    """What a layer holds in the place of the full object."""
    return layer._loaded if hasattr(layer, "_loaded") else vars(layer)["_func"]


def traces_of(held: Any) -> List[int]:
    """How many functions each part that was loaded has of the call."""
    loaded = (part.function for part in model_of(held)._pruned)
    return [len(function.concrete_functions) for function in loaded if callable(function)]


def bits(nest: Any) -> Any:
    return [np.asarray(one).tobytes() for one in tf.nest.flatten(nest)]


def steps(model: Any) -> Any:
    """Losses, gradients and variables of two steps of one's own."""
    found = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            y = model(tf.constant(INPUTS), training=True)
            losses = [loss() for loss in model.regularization_losses]
            total = tf.add_n([tf.reduce_sum(y**2), *losses])
        gradients = tape.gradient(total, list(model.trainable_variables))
        for variable, gradient in zip(model.trainable_variables, gradients):
            variable.assign_sub(0.1 * gradient)
        found += [total, *gradients, *(v.read_value() for v in model.variables)]
    return found


def in_a_function(model: Any) -> Any:
    """The same of steps that tf.function traces."""
    optimizer = [tf.Variable(tf.zeros_like(v)) for v in model.trainable_variables]

    @tf.function(autograph=False)
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(model(x, training=True) ** 2) + tf.reduce_sum(model(x))
        gradients = tape.gradient(total, list(model.trainable_variables))
        for slot, variable, gradient in zip(optimizer, model.trainable_variables, gradients):
            variable.assign_sub(0.1 * slot.assign(0.9 * slot + gradient))
        return total, gradients

    return [step(tf.constant(INPUTS[:rows])) for rows in (3, 4, 3)] + [list(model.variables)]


def tuned(path: str, fast: bool) -> Any:
    tf.random.set_seed(1)
    return unihub.load(path, op="fine_tuning", api="load", fast=fast)


@pytest.mark.parametrize("run", [steps, in_a_function])
def test_steps_are_those_of_the_full_load(path, run):
    lean = tuned(path, fast=True)
    assert bits(run(lean)) == bits(run(tuned(path, fast=False)))
    assert type(lean) is TrainedObject
    assert not model_of(lean).is_full


def test_a_trace_is_loaded_when_it_is_first_called(path):
    model = tuned(path, fast=True)
    x = tf.constant(INPUTS)
    model(x)
    assert traces_of(model) == []
    with tf.GradientTape():
        model(x, training=True)
        assert traces_of(model) == [1]
        model(x, training=True)
        assert traces_of(model) == [1]
        model(x, training=False)
        assert traces_of(model) == [1, 1]
    assert len(model.__call__.concrete_functions) == 2
    assert not model_of(model).is_full


def test_what_is_asked_of_it(path, tmp_path):
    """Attributes, lists, copies and files, after a step of training."""
    found: List[Dict[str, Any]] = []
    for fast in (True, False):
        model = tuned(path, fast)
        ran = bits(steps(model))
        losses = model.regularization_losses
        told = {
            "ran": ran,
            "lists": [type(v) for v in (model.variables, model.trainable_variables, losses)],
            "kinds": [type(losses[0]).__name__, len(losses), isinstance(losses, list)],
            "names": [(v.name, v.trainable, v.shape) for v in model.variables],
            "attributes": [name for name in dir(model) if not name.startswith("_")],
            "none": hasattr(model, "nothing"),
        }
        tf.train.Checkpoint(model=model).save(str(tmp_path / f"{fast}" / "c"))
        told["saved"] = tf.train.list_variables(str(tmp_path / f"{fast}"))
        tf.saved_model.save(model, str(tmp_path / f"model{fast}"))
        again = tf.saved_model.load(str(tmp_path / f"model{fast}"))
        told["loaded"] = bits([again(INPUTS), again.variables, again.regularization_losses[0]()])
        told["full"] = bits([model(INPUTS), model.variables, model.mean, losses[0]()])
        found.append(told)
    assert found[0] == found[1]


def trained(make: Callable[[], Any]) -> Any:
    layer = make()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5,)), layer, keras.layers.Dense(2)])
    found = []
    # All of it, the head alone, and all again.
    for trainable in (True, False, True):
        layer.trainable = trainable
        model.compile("adam", "mse")
        choices: Dict[str, Any] = {"batch_size": 4, "shuffle": False, "verbose": 0}
        found.append(model.fit(INPUTS, TARGETS, epochs=2, **choices).history["loss"])
        found.append(model.evaluate(INPUTS, TARGETS, verbose=0))
        found.append([np.array(weight) for weight in model.weights])
        found.append([len(layer.trainable_weights), [np.array(loss) for loss in layer.losses]])
    return layer, bits(found)


@pytest.mark.parametrize("fast", [True, False])
def test_a_list_that_was_given_out_is_the_full_object_s_later(path, tmp_path, fast):
    loaded = unihub.load(path, op="fine_tuning", api="load", fast=fast)
    trained, losses = loaded.trainable_variables, loaded.regularization_losses
    added = tf.Variable(5.0)
    trained.append(added)
    losses.append(tf.function(lambda: added * 2.0, input_signature=[]))
    loaded.other = added
    assert loaded.trainable_variables is trained
    assert loaded.regularization_losses is losses
    before = [loss().numpy() for loss in losses]
    tf.saved_model.save(loaded, str(tmp_path / "saved"))
    saved = tf.saved_model.load(str(tmp_path / "saved"))
    assert saved.trainable_variables[-1].numpy() == 5.0
    assert [loss().numpy() for loss in saved.regularization_losses] == before


def test_a_layer_is_trained_as_one_of_the_full_object(path):
    layer, found = trained(lambda: unihub.KerasLayer(path, trainable=True))
    assert type(held_by(layer)) is FrozenObject
    assert not model_of(held_by(layer)).is_full
    assert set(traces_of(held_by(layer))) == {1}
    for make in (
        lambda: unihub.KerasLayer(path, trainable=True, fast=False),
        lambda: unihub.KerasLayer(tf.saved_model.load(path), trainable=True),
    ):
        assert trained(make)[1] == found


def test_traces_that_differ_in_shapes_alone_are_loaded_together(tmp_path):
    model = Normalized()
    for size in (2, None):
        model.__call__.get_concrete_function(tf.TensorSpec([size, 5]), training=True)
    model.__call__.get_concrete_function(tf.TensorSpec([None, 5]), training=False)
    tf.saved_model.save(model, str(tmp_path))
    lean = tuned(str(tmp_path), fast=True)
    assert bits(steps(lean)) == bits(steps(tuned(str(tmp_path), fast=False)))
    assert traces_of(lean) == [3]
