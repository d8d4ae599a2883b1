"""A layer that is not trained: what it loads, and that it gives what the full load gives."""

from __future__ import annotations

import functools
import gc
from typing import Any, Callable, Dict, Iterator

import numpy as np
import pytest
import tensorflow as tf

if tf.__version__.startswith("1."):
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.layers import Layers

import unihub
from unihub.apis.keras.kerases import keras_module
from unihub.apis.lean.frozen import FrozenObject

keras = keras_module()
INPUTS = np.linspace(-1, 1, 6 * 5, dtype=np.float32).reshape(6, 5)
TARGETS = np.linspace(0, 1, 6 * 2, dtype=np.float32).reshape(6, 2)


class Normalized(Layers):
    """A dense layer and a batch norm, with the Reusable SavedModel interface."""

    @tf.function
    def __call__(self, x: Any, training: bool = False, gain: float = 1.0) -> Any:
        y = self.inner(x)
        if training:
            self.mean.assign(0.9 * self.mean + 0.1 * tf.reduce_mean(y, 0))
        return tf.tanh((y - self.mean) * self.scale) * gain

    @tf.function(input_signature=[tf.TensorSpec([None, 5], tf.float32, "x")])
    def serve(self, x: Any) -> Dict[str, Any]:
        y = self(x)
        return {"y": y, "sum": tf.reduce_sum(y, 1)}


@pytest.fixture(scope="module")
def path(tmp_path_factory: Any) -> str:
    model = Normalized()
    for training in (True, False):
        model.__call__.get_concrete_function(tf.TensorSpec([None, 5], name="x"), training=training)
    folder = str(tmp_path_factory.mktemp("models") / "normalized")
    tf.saved_model.save(model, folder, signatures=model.serve)
    return folder


SIGNATURE = {"signature": "serving_default", "output_key": "y"}
CALLED = [pytest.param({}, id="call"), pytest.param(SIGNATURE, id="signature")]


@pytest.fixture(params=CALLED)
def layers(request: Any, path: str) -> Callable[[], Iterator[Any]]:
    """Makes a frozen layer, and then one of the full object."""

    def make() -> Iterator[Any]:
        yield unihub.KerasLayer(path, **request.param)
        yield unihub.KerasLayer(tf.saved_model.load(path), **request.param)

    return make


def object_of(layer: Any) -> Any:
    """What a layer holds in the place of the full object."""
    return layer._loaded if hasattr(layer, "_loaded") else vars(layer)["_func"]


def is_lean(layer: Any) -> bool:
    """Whether nothing more than the layer's own functions is loaded."""
    held = object_of(layer)
    if type(held) is not FrozenObject:
        return False
    model = object.__getattribute__(held, "_lean_model")
    return not model.is_full and not model._pruned


def same(found: Any, expected: Any) -> None:
    assert found is not None
    tf.nest.assert_same_structure(found, expected)
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected)):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
            assert np.asarray(one).dtype == np.asarray(other).dtype


def with_head(layer: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5,)), layer, keras.layers.Dense(2)])
    model.compile("adam", "mse")
    return model


def trained(model: Any, **choices: Any) -> Any:
    history = model.fit(
        INPUTS, TARGETS, batch_size=4, epochs=2, shuffle=False, verbose=0, **choices
    )
    evaluated = model.evaluate(INPUTS, TARGETS, batch_size=4, verbose=0)
    return [history.history["loss"], evaluated, [np.array(w) for w in model.weights]]


def test_predict_fit_and_evaluate_load_no_more(layers):
    results = []
    for layer in layers():
        head = with_head(layer)
        results.append([*trained(head), head.predict(INPUTS, verbose=0)])
        results[-1].append(np.array(layer(tf.constant(INPUTS))))
        names = [weight.name.partition("/")[2] or weight.name for weight in layer.weights]
        results[-1].append([names, [weight.trainable for weight in layer.weights]])
        if len(results) == 1:
            assert is_lean(layer)
    same(*results)


def test_layers_before_it_are_trained(layers):
    results = []
    for layer in layers():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(5), layer])
        model.compile("sgd", lambda wanted, found: tf.reduce_mean(found**2))
        results.append(trained(model))
    same(*results)


def of_inputs(layer: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(layer(x) ** 2)
    return tape.gradient(y, x)


def of_variables(layer: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(x) ** 2)
    return tape.gradient(y, list(layer.resolved_object.trainable_variables))


def of_some_weights(layer: Any, x: Any) -> Any:
    kernel = layer.weights[0]
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(x) ** 2)
    return tape.gradient(y, kernel if isinstance(kernel, tf.Variable) else kernel.value)


def of_what_is_watched(layer: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(x) ** 2)
    watched = sorted(tape.watched_variables(), key=lambda variable: variable.name)
    return tape.gradient(y, watched)


def persistent(layer: Any, x: Any) -> Any:
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = layer(x)
        z = tf.reduce_sum(y**3)
    return tape.gradient(z, x), tape.gradient(y, x)


def second_order(layer: Any, x: Any) -> Any:
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(layer(x) ** 2)
        first = inner.gradient(y, x)
    return outer.gradient(first, x)


def of_an_inner_function(layer: Any, x: Any) -> Any:
    call = tf.function(lambda value: layer(value))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(call(x) ** 2)
    return tape.gradient(y, x)


def forward(layer: Any, x: Any) -> Any:
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        y = layer(x)
    return accumulator.jvp(y)


def recomputed(layer: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.recompute_grad(lambda value: layer(value))(x))
    return tape.gradient(y, x)


def symbolic(layer: Any, x: Any) -> Any:
    return tf.gradients(tf.reduce_sum(layer(x) ** 2), [x]) if not tf.executing_eagerly() else x


def under_conditions(layer: Any, x: Any) -> Any:
    y = tf.cond(tf.reduce_sum(x) > -100.0, lambda: layer(x), lambda: layer(2 * x))
    return tf.while_loop(
        lambda i, _: i < 3, lambda i, total: (i + 1, total + layer(x)), (tf.constant(0), y)
    )


GRADIENTS = [of_inputs, of_variables, of_some_weights, of_what_is_watched, persistent]
GRADIENTS += [second_order, of_an_inner_function, forward, recomputed, symbolic, under_conditions]


def by_keras(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def train_function(value: Any) -> Any:
        return run(value)

    # By their names the functions are known that Keras traces.
    traced: Callable[[Any], Any] = tf.function(train_function, autograph=False)
    return traced


def by_others(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    traced: Callable[[Any], Any] = tf.function(run, autograph=False)
    return traced


@pytest.mark.parametrize(
    ("way", "called"),
    [
        *((way, by_keras) for way in GRADIENTS),
        *((way, by_others) for way in (of_inputs, of_variables, symbolic)),
        *((way, lambda run: run) for way in (of_inputs, of_some_weights, second_order)),
    ],
)
def test_gradients_are_those_of_the_full_load(layers, way, called):
    x = tf.constant(INPUTS)
    results = []
    for layer in layers():
        results.append([called(functools.partial(way, layer))(x), layer(x)])
    same(*results)


def test_a_step_of_ones_own_in_keras(layers):
    def step_of(way: Callable[[Any, Any], Any]) -> Any:
        class Model(keras.Model):
            def __init__(self, layer: Any) -> None:
                super().__init__()
                self.layer, self.found = layer, None

            def call(self, inputs: Any) -> Any:
                return self.layer(inputs)

            def train_step(self, data: Any) -> Any:
                gradients = tf.nest.flatten(way(self.layer, data[0]))
                return {"loss": tf.add_n([tf.reduce_sum(one) for one in gradients])}

        return Model

    for way in (of_inputs, of_variables, of_some_weights, persistent):
        results = []
        for layer in layers():
            model = step_of(way)(layer)
            model.compile("sgd")
            history = model.fit(INPUTS, TARGETS, batch_size=3, verbose=0, shuffle=False)
            results.append(history.history["loss"])
        same(*results)


def test_changed_weights_are_those_of_the_full_object(path):
    layer = unihub.KerasLayer(path)
    model = keras.Sequential([keras.Input((5,)), layer])
    before = model.predict(INPUTS, verbose=0)
    assert is_lean(layer)
    layer.set_weights([2 * value for value in layer.get_weights()])
    after = model.predict(INPUTS, verbose=0)
    assert is_lean(layer) and not np.array_equal(before, after)
    full = layer.resolved_object
    same(full(INPUTS), after)
    full.bias.assign_add(tf.ones([4]))
    same(model.predict(INPUTS, verbose=0), np.asarray(full(INPUTS)))


def test_what_is_trained_later(path):
    results = []
    for layer in (unihub.KerasLayer(path), unihub.KerasLayer(tf.saved_model.load(path))):
        model = with_head(layer)
        first = trained(model)
        layer.trainable = True
        model.compile("adam", "mse")
        results.append([first, trained(model), [np.array(loss) for loss in layer.losses]])
    same(*results)


def test_what_is_traced_outlives_the_layer(path):
    kept: Dict[str, Any] = {}

    def function_and_variables() -> Any:
        layer = unihub.KerasLayer(path)
        kept["weights"] = list(layer.weights)
        kept["dataset"] = tf.data.Dataset.from_tensors(INPUTS).map(lambda x: layer(x))
        function = tf.function(lambda x: layer(x))
        return function.get_concrete_function(tf.TensorSpec([None, 5]))

    function = function_and_variables()
    gc.collect()
    expected = tf.saved_model.load(path)(INPUTS)
    same(function(tf.constant(INPUTS)), expected)
    same(next(iter(kept["dataset"])), expected)


def test_a_traced_layer_is_saved(path, tmp_path):
    layer = unihub.KerasLayer(path)
    module = tf.Module()
    module.layer = layer
    module.call = tf.function(lambda x: layer(x), input_signature=[tf.TensorSpec([None, 5])])
    expected = module.call(tf.constant(INPUTS))
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    same(loaded.call(tf.constant(INPUTS)), expected)


def test_within_a_strategy_all_is_loaded(layers):
    with tf.distribute.OneDeviceStrategy("cpu:0").scope():
        results = []
        for layer in layers():
            assert type(object_of(layer)) is not FrozenObject
            results.append(with_head(layer).predict(INPUTS, verbose=0))
    same(*results)


def test_all_is_loaded_where_that_is_asked_for(path):
    for layer in (
        unihub.KerasLayer(path, fast=False),
        unihub.load(path, api="keras", fast=False),
        unihub.KerasLayer(path, trainable=True, fast=False),
        unihub.load(path, op="fine_tuning", api="keras", fast=False),
    ):
        assert type(object_of(layer)) is not FrozenObject
    assert "fast" not in layer.get_config()


def test_static_and_unknown_sizes(layers):
    results = []
    for layer in layers():
        call = tf.function(lambda x, layer=layer: layer(x), autograph=False)
        found = [call(tf.constant(INPUTS[:2]))]
        call.get_concrete_function(tf.TensorSpec([None, 5]))
        found += [call(tf.constant(INPUTS[:3])), layer(tf.constant(INPUTS[:4]))]
        found.append(tf.function(lambda x, layer=layer: layer(x))(tf.constant(INPUTS[:5])))
        results.append(found)
    same(*results)
