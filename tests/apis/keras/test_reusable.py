"""What is saved of Keras layers and models: loaded again in each way, and fine-tuned."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS
from golden import check_golden

import unihub
from unihub.apis.keras.kerases import keras_module
from unihub.apis.keras.reusable import reusable
from unihub.apis.layers import keras_layer_class
from unihub.apis.saving import (
    LossesNotSavedWarning,
    SavedWithoutCall,
    SaveFailed,
    WrongThingToSave,
    losses_left_out,
)
from unihub.apis.tensorflow_hub import TensorFlowHubUnusable, import_tensorflow_hub
from unihub.formats.model import read_saved_model
from unihub.runtime.installed import Keras, current_keras

KERAS_3 = current_keras() is Keras.KERAS3
X = np.random.RandomState(0).uniform(-1, 1, (8, 3)).astype(np.float32)
keras = keras_module()
only_keras_3 = pytest.mark.skipif(not KERAS_3, reason="Keras 2 writes SavedModels by itself")


def small_model():
    return keras.Sequential(
        [
            keras.layers.InputLayer((3,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2, kernel_regularizer="l2"),
        ]
    )


def layer(fixture="tf2_reusable", **kwargs):
    return keras_layer_class()(str(MODELS / fixture), **kwargs)


def subclassed():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.body = layer(trainable=True)

        def call(self, inputs, training=False):
            return self.body(inputs, training=training)

    model = Model()
    model(X)
    return model


# How it is made, and its variables, those to train and its losses.
SAVED = {
    "layer": (lambda: layer(trainable=True), (3, 2, 1)),
    "frozen layer": (layer, (3, 0, 0)),
    "model": (small_model, (6, 4, 1)),
    # What it has of them is 0 until it is trainable.
    "model with a layer": (
        lambda: keras.Sequential([keras.Input((3,)), layer()]),
        (3, 0, 0 if KERAS_3 else 1),
    ),
    "subclassed model": (subclassed, (3, 2, 1)),
}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", SAVED)
def test_what_is_saved_has_the_whole_interface(name, tmp_path):
    make, counts = SAVED[name]
    obj = make()
    (graph,) = unihub.save(obj, tmp_path / "m").meta_graphs
    assert graph.object_graph.callable and graph.object_graph.has_training_argument
    found = (graph.variables, graph.trainable_variables, graph.regularization_losses)
    assert found == counts
    expected = np.array(obj(X))
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    np.testing.assert_allclose(loaded(X, training=False), expected, rtol=1e-5)
    np.testing.assert_allclose(unihub.load(tmp_path / "m")(X), expected, rtol=1e-5)
    (signature,) = graph.signatures.values()
    (given,) = signature.inputs
    outputs = loaded.signatures["serving_default"](**{given: tf.constant(X)})
    np.testing.assert_allclose(next(iter(outputs.values())), expected, rtol=1e-5)


def step(call, variables, losses):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(call(X))) + sum(loss() for loss in losses)
    before = [v.numpy().copy() for v in variables]
    for variable, gradient in zip(variables, tape.gradient(loss, variables)):
        variable.assign_sub(0.1 * gradient)
    return [np.abs(b - v.numpy()).max() for b, v in zip(before, variables)]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", ["layer", "model", "subclassed model"])
def test_what_is_saved_is_fine_tuned(name, tmp_path):
    make, (_, trained, losses) = SAVED[name]
    unihub.save(make(), tmp_path / "m")
    for loaded in (
        tf.saved_model.load(str(tmp_path / "m")),
        unihub.load(tmp_path / "m", op="fine_tuning", api="load"),
    ):
        assert len(loaded.regularization_losses) == losses
        moved = step(
            lambda x, m=loaded: m(x, training=True),
            loaded.trainable_variables,
            loaded.regularization_losses,
        )
        # The fixture subtracts the batch's mean: its bias has no gradient in training.
        assert len(moved) == trained and max(moved) > 0
    again = unihub.load(tmp_path / "m", op="fine_tuning")
    model = keras.Sequential([keras.Input((3,)), again])
    model.compile("sgd", "mse")
    before = again.get_weights()
    model.fit(X, np.zeros((8, 2), np.float32), verbose=0)
    assert any((b != a).any() for b, a in zip(before, again.get_weights()))
    assert len(again.losses) == losses
    unihub.save(model, tmp_path / "again")
    np.testing.assert_allclose(
        unihub.load(tmp_path / "again")(X), model.predict(X, verbose=0), rtol=1e-4, atol=1e-6
    )


@pytest.mark.skipif(KERAS_3, reason="Keras 3 has no graph mode")
def test_a_layer_is_saved_in_graph_mode(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        saved = layer(trainable=True)
        unihub.initialize(session)
        (graph,) = unihub.save(saved, tmp_path / "m", session=session).meta_graphs
        assert (graph.object_graph.callable, graph.trainable_variables) == (True, 2)
        expected = saved(X)
        unihub.initialize(session)
        expected = session.run(expected)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        outputs = unihub.load(tmp_path / "m", api="load")(X)
        unihub.initialize(session)
        np.testing.assert_allclose(session.run(outputs), expected, rtol=1e-5)


@pytest.mark.usefixtures("eager")
def test_the_layer_of_tensorflow_hub_trains_it_too(tmp_path):
    unihub.save(layer(trainable=True), tmp_path / "m")
    try:
        hub = import_tensorflow_hub()
    except TensorFlowHubUnusable:
        pytest.skip("tensorflow_hub does not import here")
    theirs = hub.KerasLayer(str(tmp_path / "m"), trainable=True)
    assert len(theirs.trainable_variables) == 2 and len(theirs.losses) == 1
    assert max(step(lambda x: theirs(x, training=True), theirs.trainable_variables, [])) > 0


@pytest.mark.usefixtures("eager")
def test_training_moves_the_averages_of_a_saved_model(tmp_path):
    unihub.save(small_model(), tmp_path / "m")
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    trained = {v.ref() for v in loaded.trainable_variables}
    averages = [v for v in loaded.variables if v.ref() not in trained]
    before = [v.numpy().copy() for v in averages]
    loaded(X, training=False)
    assert all((b == v.numpy()).all() for b, v in zip(before, averages))
    loaded(X, training=True)
    assert all((b != v.numpy()).any() for b, v in zip(before, averages))


@pytest.mark.usefixtures("eager")
def test_tables_and_files_go_along(tmp_path):
    texts = tf.constant(["the quick fox", "hub"])
    saved = layer("tf2_text")
    unihub.save(saved, tmp_path / "m")
    np.testing.assert_allclose(unihub.load(tmp_path / "m")(texts), saved(texts), rtol=1e-6)


@only_keras_3
def test_tables_of_keras_go_along(tmp_path):
    lookup = keras.layers.StringLookup(vocabulary=["a", "b"])
    inputs = keras.Input((), dtype="string")
    unihub.save(keras.Model(inputs, lookup(inputs)), tmp_path / "m")
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    assert loaded(tf.constant(["b", "c"])).numpy().tolist() == [2, 0]


@pytest.mark.usefixtures("eager")
def test_several_inputs_and_outputs(tmp_path):
    saved = layer("tf2_dict")
    (graph,) = unihub.save(saved, tmp_path / "m").meta_graphs
    (signature,) = graph.signatures.values()
    assert list(signature.inputs) == ["ids", "weights"]
    assert list(signature.outputs) == ["scores", "total"]


@pytest.mark.usefixtures("eager")
def test_a_layer_of_a_signature(tmp_path):
    saved = layer("tf1_hub_scalar", signature="default", output_key="default")
    unihub.save(saved, tmp_path / "m")
    x = tf.constant([1.0, 2.0])
    np.testing.assert_allclose(unihub.load(tmp_path / "m")(x), saved(x))


class Plain(tf.Module):
    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(2.0)

    def __call__(self, x):
        return x * self.factor


class Traced(Plain):
    __call__ = tf.function(Plain.__call__)


HOLLOW = {
    "saved-without-call": lambda: keras.layers.Dense(2),
    "saved-without-call-of-model": lambda: keras.Sequential([keras.layers.Dense(2)]),
    "saved-without-call-of-function": Traced,
    "saved-without-call-of-python": Plain,
}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("case", HOLLOW)
def test_what_would_be_hollow_is_refused_and_the_line_writes_it(case, tmp_path):
    obj, path = HOLLOW[case](), str(tmp_path / "m")
    with pytest.raises(SavedWithoutCall) as refused:
        unihub.save(obj, path)
    assert isinstance(refused.value, ValueError)
    check_golden(case, str(refused.value), path=path)
    assert not (tmp_path / "m").exists()
    exec(refused.value.do, {"unihub": unihub, "tf": tf, "obj": obj, "inputs": tf.constant(X)})
    np.testing.assert_allclose(unihub.load(path)(X), obj(X), rtol=1e-5)


@pytest.mark.usefixtures("eager")
def test_a_loaded_model_keeps_its_signatures(tmp_path):
    (graph,) = unihub.save(unihub.load(MODELS / "tf1_hub_multi"), tmp_path / "m").meta_graphs
    (source,) = read_saved_model(MODELS / "tf1_hub_multi").meta_graphs
    assert set(graph.signatures) == set(source.signatures)


@pytest.mark.usefixtures("eager")
def test_what_holds_nothing_is_no_thing_to_save(tmp_path):
    f = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([None])])
    path = str(tmp_path / "m")
    for thing in (3, {"v": tf.Variable(1.0)}, f, f.get_concrete_function()):
        with pytest.raises(WrongThingToSave) as refused:
            unihub.save(thing, path)
    exec(refused.value.do, {"tf": tf, "unihub": unihub, "f": f})
    assert unihub.load(path)(tf.constant([3.0])).numpy() == [6.0]


def with_a_loss_of_its_outputs():
    return keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, activity_regularizer="l2", name="told")]
    )


def with_a_model_in_it():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, kernel_regularizer="l2")])
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2)(inner(inputs)))


def left_out(model, path):
    return losses_left_out(model, path, reusable(model)[0] if KERAS_3 else model)


@pytest.mark.usefixtures("eager")
def test_losses_that_are_left_out_are_told(tmp_path):
    model = with_a_loss_of_its_outputs()
    model(X)
    path = str(tmp_path / "m")
    with pytest.warns(LossesNotSavedWarning, match="was written without 1 of the losses"):
        (graph,) = unihub.save(model, path).meta_graphs
    assert graph.regularization_losses == 0
    error = str(left_out(model, path))
    check_golden("losses-not-saved", error, {"keras": keras}, path=path)


@pytest.mark.usefixtures("eager")
def test_losses_of_a_model_within_a_model(tmp_path):
    model, path = with_a_model_in_it(), str(tmp_path / "m")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        (graph,) = unihub.save(model, path).meta_graphs
    said = [one for one in told if one.category is LossesNotSavedWarning]
    # Keras 3 has none of its own, and is written whole.
    assert (graph.regularization_losses, len(said)) == ((1, 0) if KERAS_3 else (0, 1))
    if not KERAS_3:
        error = left_out(model, path)
        names = {"keras": keras, "inner": model.layers[1], "outer": model.layers[2:]}
        check_golden("losses-not-saved-of-a-model-within", str(error), names, path=path)
        assert read_saved_model(f"{path}-new").meta_graphs[0].regularization_losses == 1


@only_keras_3
def test_states_go_along(tmp_path):
    make = keras.layers.LSTM(2, stateful=True)
    model = keras.Sequential([keras.Input((5, 3), batch_size=2), make])
    x = tf.constant(np.random.RandomState(0).rand(2, 5, 3).astype(np.float32))
    (graph,) = unihub.save(model, tmp_path / "m").meta_graphs
    assert graph.variables == len(model.variables) + 2
    assert unihub.validate(str(tmp_path / "m")).uses[-1].kept
    loaded = unihub.load(tmp_path / "m")
    first, second = loaded(x), loaded(x)
    np.testing.assert_allclose(first, model(x), rtol=1e-5)
    np.testing.assert_allclose(second, model(x), rtol=1e-5)
    assert not np.allclose(first, second)


@only_keras_3
def test_a_model_of_keras_3_in_an_object_is_not_lost_in_silence(tmp_path):
    holder, path = tf.Module(), str(tmp_path / "m")
    holder.net = small_model()
    with pytest.raises(SavedWithoutCall, match="'net', Keras 3 writes no call") as refused:
        unihub.save(holder, path)
    exec(refused.value.do, {"unihub": unihub, "obj": holder})
    np.testing.assert_allclose(unihub.load(path)(X), holder.net(X), rtol=1e-5)


@pytest.mark.usefixtures("eager")
def test_a_loaded_model_that_is_called_by_its_parts_is_saved(tmp_path):
    root = tf.Module()
    spec = tf.TensorSpec([None])
    root.twice = tf.function(lambda x: x * 2.0, input_signature=[spec])
    root.half = tf.function(lambda x: x / 2.0, input_signature=[spec])
    tf.saved_model.save(root, str(tmp_path / "m"), signatures={})
    unihub.save(unihub.load(tmp_path / "m"), tmp_path / "n")
    assert unihub.load(tmp_path / "n").half(tf.constant([3.0])).numpy() == [1.5]


class Added(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, a, b):
        return self.dense(a) + b


@only_keras_3
def test_a_model_of_several_arguments_is_written_by_the_line(tmp_path):
    obj, path, b = Added(), str(tmp_path / "m"), np.ones([8, 2], np.float32)
    expected = obj(X, b)
    with pytest.raises(SaveFailed) as refused:
        unihub.save(obj, path)
    names = {"keras": keras, "unihub": unihub, "obj": obj, "shapes": [(3,), (2,)]}
    exec(refused.value.do, names)
    np.testing.assert_allclose(unihub.load(path)([X, b]), expected, rtol=1e-5)
