"""Whoever listens to a call is noticed, and is told what the full object tells."""

from __future__ import annotations

import contextlib
import threading

import pytest
import tensorflow as tf

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.lean_loading import counted, full_object, lean_object

import unihub
from unihub.apis.lean.private import is_anyone_listening

X = tf.ones([2, 3])


class Model(tf.Module):
    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(tf.reshape(tf.range(12.0), [3, 4]))
        self.bias = tf.Variable(tf.ones([4]))

    @tf.function
    def __call__(self, x):
        return x @ self.kernel + self.bias


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("listeners") / "model")
    model = Model()
    model.__call__.get_concrete_function(tf.TensorSpec([None, 3]))
    tf.saved_model.save(model, path)
    return path


def private(module, name):
    return getattr(pytest.importorskip(f"tensorflow.python.{module}"), name)


@contextlib.contextmanager
def watcher_without_recording():
    watcher = private("eager.record", "VariableWatcher")
    with watcher() as outer, watcher(), tf.GradientTape() as tape, tape.stop_recording():
        yield
    assert outer.watched_variables() == ()


@contextlib.contextmanager
def traced():
    with private("framework.func_graph", "FuncGraph")("traced").as_default():
        yield


@contextlib.contextmanager
def outside_of_a_trace():
    with traced(), tf.init_scope():
        assert tf.executing_eagerly()
        yield


@contextlib.contextmanager
def op_callback():
    def callback(*args, **kwargs):
        return None

    private("framework.op_callbacks", "add_op_callback")(callback)
    try:
        yield
    finally:
        private("framework.op_callbacks", "remove_op_callback")(callback)


@contextlib.contextmanager
def checked_numerics():
    tf.debugging.enable_check_numerics()
    try:
        yield
    finally:
        tf.debugging.disable_check_numerics()


def creator(next_creator, **kwargs):
    return next_creator(**{**kwargs, "trainable": False})


def resource_creator():
    scope = private("framework.ops", "resource_creator_scope")
    return scope("StaticHashTable", lambda create, *args, **kwargs: create(*args, **kwargs))


LISTENERS = {
    "checked numerics": checked_numerics,
    "device": lambda: tf.device("CPU:0"),
    "forward accumulator": lambda: tf.autodiff.ForwardAccumulator(X, tf.ones_like(X)),
    "function being traced": traced,
    "gradient tape": tf.GradientTape,
    "graph": lambda: tf.Graph().as_default(),
    "init_scope in a function being traced": outside_of_a_trace,
    "op callback": op_callback,
    "persistent tape": lambda: tf.GradientTape(persistent=True),
    "strategy": lambda: tf.distribute.OneDeviceStrategy("CPU:0").scope(),
    "tape that watches nothing": lambda: tf.GradientTape(watch_accessed_variables=False),
    "variable watcher": watcher_without_recording,
}
MAKERS = {
    "name scope": lambda: tf.name_scope("outer"),
    "resource creator": resource_creator,
    "variable creator": lambda: tf.variable_creator_scope(creator),
}


def heard_in_another_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(is_anyone_listening(True)))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("name", sorted(LISTENERS))
def test_every_listener_is_noticed(name):
    assert not is_anyone_listening(while_loading=True)
    with LISTENERS[name]():
        assert is_anyone_listening()
        assert is_anyone_listening(while_loading=True)
        # Only that which ops are run by is the same for all threads.
        assert heard_in_another_thread() == (name in ("checked numerics", "op callback"))
    assert not is_anyone_listening(while_loading=True)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_whoever_changes_what_is_made_is_noticed_while_loading(name):
    with MAKERS[name]():
        assert is_anyone_listening(while_loading=True)
        assert not is_anyone_listening()
    assert not is_anyone_listening(while_loading=True)


def test_the_replica_of_a_strategy_is_noticed():
    found = []
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    strategy.run(lambda: found.append(is_anyone_listening()))
    assert found == [True]


def test_a_custom_gradient_is_noticed():
    found = []

    @tf.custom_gradient
    def function(x):
        found.append(is_anyone_listening())
        return x, lambda dy: dy

    function(X)
    assert found == [True]
    assert not is_anyone_listening()


def test_a_tape_that_does_not_record_hears_nothing(folder):
    lean, loads = counted(folder)
    with tf.GradientTape() as tape, tape.stop_recording():
        assert not is_anyone_listening()
        lean(X)
    assert (tape.watched_variables(), loads.count) == ((), 0)


@pytest.mark.parametrize("name", [*sorted(LISTENERS), *sorted(MAKERS)])
def test_what_is_loaded_while_somebody_listens_is_the_full_object(folder, name):
    with {**LISTENERS, **MAKERS}[name]():
        assert lean_object(folder) is None
    assert lean_object(folder) is not None


def recomputed(model):
    with tf.GradientTape() as tape:
        tape.watch(X)
        y = tf.recompute_grad(lambda x: model(x))(X)
    return tape.gradient(y, [X, model.kernel, model.bias])


def rematerialized(model):
    keras = pytest.importorskip("keras")
    if not hasattr(keras, "RematScope") or keras.layers.Layer is not tf.keras.layers.Layer:
        pytest.skip("this Keras has no RematScope")

    class Layer(keras.layers.Layer):
        def call(self, x):
            return model(x)

    with keras.RematScope(mode="full"):
        layer = Layer()
    with tf.GradientTape() as tape:
        tape.watch(X)
        y = layer(X)
    return tape.gradient(y, [X, model.kernel, model.bias])


def with_a_gradient_of_its_own(model):
    @tf.custom_gradient
    def function(x):
        def gradient(dy, variables=()):
            return dy * 2.0, [tf.ones_like(variable) for variable in variables]

        return tf.reduce_sum(model(x), axis=1, keepdims=True) + x * 0.0, gradient

    with tf.GradientTape() as tape:
        tape.watch(X)
        y = function(X)
    return tape.gradient(y, [X, model.kernel, model.bias])


@pytest.mark.parametrize("is_called_before", [False, True])
@pytest.mark.parametrize("way", [recomputed, rematerialized, with_a_gradient_of_its_own])
def test_gradients_of_variables_by_a_watcher(folder, way, is_called_before):
    found = []
    for model in (counted(folder)[0], full_object(folder)):
        if is_called_before:
            model(X)
        rows = [way(model) for _ in range(3)]
        found.append([[g if g is None else g.numpy().tolist() for g in row] for row in rows])
    assert found[0] == found[1]
    # Where no tape records, TensorFlow tells of a function's variables only as it traces it.
    assert (None in found[0][0]) == (is_called_before and way is not with_a_gradient_of_its_own)


@pytest.mark.parametrize("is_called_before", [False, True])
def test_a_custom_gradient_that_takes_no_variables(folder, is_called_before):
    found = []
    for model in (counted(folder)[0], full_object(folder)):

        @tf.custom_gradient
        def function(x, model=model):
            return model(x), lambda dy: (dy, None)

        if is_called_before:
            model(X)
        for _ in range(2):
            try:
                function(X)
                found.append("")
            except TypeError as error:
                found.append(str(error).partition(":")[0])
    assert found[:2] == found[2:]
    assert ("must accept keyword argument 'variables'" in found[0]) != is_called_before


def test_variables_are_noted_by_a_function_that_calls_outside_of_its_graph(folder):
    found = []
    for model in (counted(folder)[0], full_object(folder)):

        @tf.function
        def function(model=model):
            with tf.init_scope():
                y = model(X)
            return tf.reduce_sum(y)

        graph = function.get_concrete_function().graph
        found.append(sorted(variable.name for variable in graph.variables))
    assert found[0] == found[1] != []


def test_the_scopes_of_loading_are_in_the_variables(folder):
    found = []
    for fast in (True, False):
        with tf.variable_creator_scope(creator), tf.name_scope("outer"):
            model = unihub.load(folder, fast=fast)
        model(X)
        found.append([(v.name, v.trainable) for v in (model.kernel, model.bias)])
    assert found[0] == found[1] == [("outer/Variable:0", False)] * 2
