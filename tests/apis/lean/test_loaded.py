"""The lean object passes for the full one, and becomes it when it must."""

from __future__ import annotations

import copy
import functools
import os
import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS
from golden import check_golden

import unihub
from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.lean_loading import counted, forwards, full_object, lean_object, second

from unihub.apis.lean import levels
from unihub.apis.lean.files import ModelChanged

FOLDER, SIGNATURE = MODELS / "tf2_reusable", "serving_default"
X = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.fixture
def lean_and_loads():
    return counted(FOLDER, signature=SIGNATURE)


@pytest.fixture
def full():
    return full_object(FOLDER, signature=SIGNATURE)


def test_an_attribute_loads_the_full_object_once(lean_and_loads, full):
    lean, loads = lean_and_loads
    before = lean(X).numpy().tolist()
    assert loads.count == 0
    assert [v.name for v in lean.variables] == [v.name for v in full.variables]
    assert lean.signatures[SIGNATURE].structured_outputs == (
        full.signatures[SIGNATURE].structured_outputs
    )
    assert sorted(dir(lean)) == sorted(dir(full))
    assert sorted(vars(lean)) == sorted(vars(full))
    assert not hasattr(lean, "no_such_thing")
    assert lean(X).numpy().tolist() == before
    assert loads.count == 1


def test_a_variable_that_is_set_counts_in_the_next_call(lean_and_loads, full):
    lean, _ = lean_and_loads
    lean(X)
    for model in (lean, full):
        model.variables[0].assign(model.variables[0] * 3)
    assert lean._lean_function.direct({"x": X}) is not levels.MISSING
    assert lean(X).numpy().tolist() == full(X).numpy().tolist()


def test_training_goes_on_with_the_variables_of_the_first_gradient(lean_and_loads, full):
    lean, loads = lean_and_loads
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(lean(X) ** 2)
    assert loads.count == 0
    watched = tape.watched_variables()
    assert loads.count == 0
    watched[0].assign_add(tf.ones_like(watched[0]))
    found = tape.gradient(total, lean.trainable_variables)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(full(X) ** 2)
    expected = tape.gradient(total, full.trainable_variables)
    assert [g.numpy().tolist() for g in found] == [g.numpy().tolist() for g in expected]
    assert any(variable is watched[0] for variable in lean.variables)
    assert len(watched) == len(tape.watched_variables())
    by_name = {variable.name: variable for variable in full.variables}
    by_name[watched[0].name].assign_add(tf.ones_like(watched[0]))
    assert lean(X).numpy().tolist() == full(X).numpy().tolist()


class WithMore(tf.Module):
    """A __call__, and a variable that it does not read."""

    def __init__(self):
        self.kernel = tf.Variable(tf.ones([3, 4]))
        self.rest = {"a": tf.Variable([7.0, 8.0])}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    def __call__(self, x):
        return x @ self.kernel

    @tf.function(input_signature=[])
    def more(self):
        return self.rest["a"] + 1.0


def test_no_update_is_lost_while_the_rest_is_loaded(tmp_path):
    tf.saved_model.save(WithMore(), str(tmp_path))
    lean, loads = counted(tmp_path)
    with tf.GradientTape() as tape:
        lean(X)
    (kernel,) = tape.watched_variables()
    seen, done = [], threading.Event()

    def add():
        for _ in range(1_000):
            kernel.assign_add(tf.ones([3, 4]))
        done.set()

    def look():
        while not done.is_set():
            seen.append(kernel.numpy()[0, 0])

    threads = [threading.Thread(target=work) for work in (add, look)]
    for thread in threads:
        thread.start()
    assert lean.kernel is kernel
    assert lean.more().numpy().tolist() == [8.0, 9.0]
    assert lean.rest["a"].numpy().tolist() == [7.0, 8.0]
    for thread in threads:
        thread.join()
    assert loads.count == 1
    assert seen == sorted(seen)
    assert kernel.numpy()[0, 0] == 1_001


def test_what_is_only_touched_has_not_changed(tmp_path):
    tf.saved_model.save(WithMore(), str(tmp_path / "model"))
    lean, loads = counted(tmp_path / "model")
    for file in filter(os.path.isfile, map(str, (tmp_path / "model").rglob("*"))):
        os.link(file, str(tmp_path / os.path.basename(file)))
    assert lean.rest["a"].numpy().tolist() == [7.0, 8.0]
    assert loads.count == 1
    lean, _ = counted(tmp_path / "model")
    index = tmp_path / "model" / "variables" / "variables.index"
    index.write_bytes(index.read_bytes()[::-1])
    with pytest.raises(ModelChanged, match=r"variables\.index"):
        lean.rest  # noqa: B018


def test_what_a_checkpoint_holds_beside_variables_is_restored(tmp_path):
    class Counting(WithMore):
        def __init__(self):
            super().__init__()
            self.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
            self.table.insert("hub", 5)

        @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
        def find(self, key):
            return self.table.lookup(key)

    tf.saved_model.save(Counting(), str(tmp_path))
    lean, _ = counted(tmp_path)
    with tf.GradientTape() as tape:
        lean(X)
    tape.watched_variables()[0].assign_add(tf.ones([3, 4]))
    assert lean.find("hub").numpy() == 5
    assert lean(X).numpy().tolist() == (X @ tf.fill([3, 4], 2.0)).numpy().tolist()


def test_no_gradient_is_lost(lean_and_loads, full):
    lean, loads = lean_and_loads

    def persistent(model):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(X)
            y = model(X)
        return tape.gradient(y, X).numpy().tolist(), tape.jacobian(y, X).numpy().tolist()

    def traced(model):
        function = tf.function(lambda x: tf.gradients(tf.reduce_sum(model(x) ** 2), [x]))
        return function(X)[0].numpy().tolist()

    def tape_around_trace(model):
        function = tf.function(lambda x: model(x))
        with tf.GradientTape() as tape:
            tape.watch(X)
            y = function(X)
        return tape.gradient(y, X).numpy().tolist()

    def stopped(model):
        with tf.GradientTape() as tape:
            tape.watch(X)
            with tape.stop_recording():
                y = model(X)
        return tape.gradient(y, X)

    for how in (persistent, traced, tape_around_trace, stopped):
        assert how(lean) == how(full)
    for derivative in (forwards, second):
        found, expected = derivative(lean, X), derivative(full, X)
        assert found.numpy().tolist() == expected.numpy().tolist()
    assert loads.count == 0


def test_custom_gradients_stay(tmp_path):
    class Model(tf.Module):
        def __init__(self):
            self.scale = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def call(self, x):
            @tf.custom_gradient
            def clipped(x):
                return x, lambda dy: tf.clip_by_value(dy, -0.5, 0.5)

            return {"y": clipped(x) * self.scale}

    model = Model()
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    path = str(tmp_path / "model")
    tf.saved_model.save(model, path, signatures=model.call, options=options)
    x = tf.constant([1.0, 2.0])
    lean, loads = counted(path, signature="serving_default")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = lean(x)
    assert tape.gradient(y, x).numpy().tolist() == [0.5, 0.5]
    assert loads.count == 0


def test_a_gradient_reads_what_its_function_has_computed(tmp_path):
    class Model(tf.Module):
        def __init__(self):
            self.scale = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def __call__(self, x):
            @tf.custom_gradient
            def swish(x):
                gate = tf.sigmoid(x)
                return x * gate, lambda dy: dy * gate * 3.0

            return swish(x * self.scale)

    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(Model(), str(tmp_path), options=options)
    x = tf.constant([1.0, 2.0])
    lean, loads = counted(tmp_path)
    found = []
    for model in (lean, full_object(tmp_path)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x)
        found.append(tape.gradient(y, x).numpy().tolist())
    assert found[0] == found[1] == (6 * tf.sigmoid(2 * x)).numpy().tolist()
    assert loads.count == 0


def test_it_is_tracked_and_saved_as_the_full_object(lean_and_loads, full, tmp_path):
    lean, loads = lean_and_loads
    saved = {}
    for name, model in (("lean", lean), ("full", full)):
        module = tf.Module()
        module.inner = model
        module.call = tf.function(
            functools.partial(lambda model, x: model(x), model),
            input_signature=[tf.TensorSpec([None, 3])],
            autograph=False,
        )
        module.call(X)
        path = str(tmp_path / name)
        tf.saved_model.save(module, path, signatures=module.call)
        loaded = tf.saved_model.load(path)
        saved[name] = (
            loaded.call(X).numpy().tolist(),
            loaded.signatures["serving_default"](x=X)["output_0"].numpy().tolist(),
            sorted(v.name for v in loaded.inner.variables),
        )
        checkpoint = tf.train.Checkpoint(model=model)
        written = checkpoint.write(str(tmp_path / f"{name}-checkpoint"))
        saved[name] += (sorted(map(str, tf.train.list_variables(written))),)
    assert saved["lean"] == saved["full"]
    assert loads.count == 1


def test_it_is_saved_by_itself(lean_and_loads, tmp_path):
    lean, loads = lean_and_loads
    tf.saved_model.save(lean, str(tmp_path / "again"))
    again = tf.saved_model.load(str(tmp_path / "again"))
    assert again(X).numpy().tolist() == lean(X).numpy().tolist()
    assert loads.count == 1


def test_a_checkpoint_is_restored_into_it(lean_and_loads, full, tmp_path):
    lean, _ = lean_and_loads
    lean(X)
    full.variables[0].assign(full.variables[0] * 5)
    written = tf.train.Checkpoint(model=full).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(model=lean).restore(written)
    assert lean(X).numpy().tolist() == full(X).numpy().tolist()


def test_what_does_not_load_the_full_object(lean_and_loads, full):
    lean, loads = lean_and_loads
    assert callable(lean)
    assert lean
    assert lean == lean
    assert lean in [lean]
    assert len({lean, lean}) == 1
    assert isinstance(lean, tf.Module) == isinstance(full, tf.Module)
    assert isinstance(lean, tf.Module.__mro__[1])
    assert tf.nest.flatten([lean]) == [lean]
    module = tf.Module()
    module.inner = lean
    assert module.variables == ()
    tf.function(lambda x: lean(x))(X)
    list(tf.data.Dataset.from_tensors(X).map(lambda x: lean(x)))
    assert "m(inputs) is its signature" in repr(lean)
    assert loads.count == 0
    assert lean.variables
    assert repr(lean).endswith("; loaded in full>")
    assert type(full.__wrapped__).__name__ == lean.__class__.__name__


def test_attributes_are_set_and_deleted_on_the_full_object(lean_and_loads):
    lean, _ = lean_and_loads
    lean.note = "kept"
    assert lean.note == "kept"
    assert vars(lean)["note"] == "kept"
    del lean.note
    assert not hasattr(lean, "note")


def test_it_is_copied_no_more_than_the_full_object(lean_and_loads, full):
    for model in (lean_and_loads[0], full):
        with pytest.raises(NotImplementedError):
            copy.deepcopy(model)
        # A shallow copy shares all.
        shared = copy.copy(model)
        assert shared.variables[0] is model.variables[0]
        assert shared(X).numpy().tolist() == model(X).numpy().tolist()


def test_the_object_itself_is_called_through_the_full_object(lean_and_loads, full):
    lean, _ = lean_and_loads
    found = lean.__wrapped__(X, training=False)
    assert found.numpy().tolist() == full.__wrapped__(X, training=False).numpy().tolist()


def test_an_error_at_run_time_is_that_of_the_full_object(tmp_path):
    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "x")])
        def call(self, x):
            return {"y": tf.gather([1.0, 2.0], x)}

    model = Model()
    path = str(tmp_path / "model")
    tf.saved_model.save(model, path, signatures=model.call)
    messages = []
    for model in (lean_object(path), full_object(path)):
        assert model(tf.constant([1])).numpy().tolist() == [2.0]
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            model(tf.constant([7]))
        messages.append(str(caught.value).partition("[Op:")[0])
    assert messages[0] == messages[1]
    assert "7 is not in [0, 2)" in messages[0]


def test_scopes_of_the_caller_do_not_reach_the_full_object(lean_and_loads, full):
    lean, _ = lean_and_loads
    with tf.name_scope("outer"), tf.GradientTape():
        lean(X)
    with tf.name_scope("outer"):
        found = [variable.name for variable in lean.variables]
    assert found == [variable.name for variable in full.variables]


def test_files_that_have_changed_are_not_taken_for_the_model(tmp_path):
    path = str(tmp_path / "model")
    shutil.copytree(FOLDER, path)
    lean, loads = counted(path, signature=SIGNATURE)
    before = lean(X).numpy().tolist()
    os.utime(os.path.join(path, "saved_model.pb"), ns=(1, 1))
    with pytest.raises(OSError) as caught:
        list(lean.variables)
    check_golden("model-changed", str(caught.value), path=path)
    assert loads.count == 0
    assert lean(X).numpy().tolist() == before
    assert lean_object(path, signature=SIGNATURE)(X).numpy().tolist() == before
    shutil.rmtree(path)
    with pytest.raises(RuntimeError, match="model-changed"), tf.GradientTape():
        lean(X)
    assert lean(X).numpy().tolist() == before


def test_its_inputs_are_not_kept(lean_and_loads):
    lean, _ = lean_and_loads
    x = tf.Variable(np.ones([1, 3], "float32"))
    first = lean(x)
    x.assign(x * 2)
    assert first.numpy().tolist() != lean(x).numpy().tolist()


class Counting(tf.Module):
    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(2.0)
        self.count = tf.Variable(0.0, trainable=False)

    @tf.function
    def __call__(self, x, training=False):
        if training:
            self.count.assign_add(1.0)
        return x * self.kernel + self.count


def _called(model):
    return model(tf.ones([2]))


def _trained(model):
    return model(tf.ones([2]), training=True)


def _differentiated(model):
    x = tf.ones([2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x)
    return tape.gradient(y, x)


def _outcome(model, before, after):
    if before:
        before(model)
    model.kernel = tf.Variable(7.0)
    try:
        return after(model).numpy().tolist()
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("before", [None, _called, _trained, _differentiated])
@pytest.mark.parametrize("after", [_called, _trained, _differentiated])
def test_a_variable_that_is_replaced_is_gone(before, after, tmp_path):
    """TensorFlow traces nothing more that reads it, and calls what it has traced."""
    model = Counting()
    for training in (False, True):
        model.__call__.get_concrete_function(tf.TensorSpec([None]), training)
    tf.saved_model.save(model, str(tmp_path))
    lean, full = (unihub.load(str(tmp_path), fast=fast) for fast in (True, False))
    assert _outcome(lean, before, after) == _outcome(full, before, after)
