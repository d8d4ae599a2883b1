"""What is loaded is copied and pickled as how it was loaded, or says why it cannot be."""

from __future__ import annotations

import copy
import io
import os
import pickle
import shutil
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS
from golden import check_golden

import unihub
from unihub.apis.arrival_errors import HandleSecretNotSent, SentContentDiffers
from unihub.apis.copying import LoadedNotCopied
from unihub.matrix import Runtime
from unihub.runtime import current_runtime
from unihub.runtime.installed import Keras, current_keras

X = np.ones((2, 3), np.float32)
PAIR = {"x": X, "y": np.ones((2, 2), np.float32)}
SCALARS = np.array([2.0, 3.0], np.float32)
needs_tf2 = pytest.mark.skipif(
    current_runtime() is not Runtime.TF2, reason="in graph mode nothing is copied"
)


def load(name, **kwargs):
    return unihub.load(MODELS / name, **kwargs)


def joblib_bytes(loaded):
    file = io.BytesIO()
    pytest.importorskip("joblib").dump(loaded, file)
    return file.getvalue()


def from_joblib_bytes(written):
    return pytest.importorskip("joblib").load(io.BytesIO(written))


# What writes a loaded object, and what reads it.
PICKLERS = {
    "pickle": (pickle.dumps, pickle.loads),
    "cloudpickle": (lambda o: pytest.importorskip("cloudpickle").dumps(o), pickle.loads),
    "joblib": (joblib_bytes, from_joblib_bytes),
    # As multiprocessing sends to a process that it has spawned.
    "spawn": (lambda loaded: bytes(ForkingPickler.dumps(loaded)), pickle.loads),
}


def through_pickle(loaded):
    return pickle.loads(pickle.dumps(loaded))


def through_clone(loaded):
    """As a search over an estimator copies what that is made with."""
    base = pytest.importorskip("sklearn.base")

    class Estimator(base.BaseEstimator):
        def __init__(self, model=None):
            self.model = model

    return base.clone(Estimator(model=loaded)).model


WAYS = {name: lambda o, p=pickler: p[1](p[0](o)) for name, pickler in PICKLERS.items()}
WAYS.update({"copy.deepcopy": copy.deepcopy, "sklearn.clone": through_clone})


LOADED = {
    "object": (X, "tf2_reusable", {}),
    "full object": (X, "tf2_reusable", {"fast": False}),
    "signature of an object": (X, "tf2_reusable", {"signature": "serving_default"}),
    "signature": (SCALARS, "tf1_hub_scalar", {}),
    "signature of a full object": (SCALARS, "tf1_hub_scalar", {"fast": False}),
    "TF1 SavedModel": (PAIR, "tf1_saved_model_resource", {"fast": False}),
    "ref variables": (X, "tf1_hub_ref_variables", {"fast": False}),
    "object to be trained": (X, "tf2_reusable", {"op": "fine_tuning", "api": "load"}),
    "layer": (X, "tf2_reusable", {"api": "keras"}),
    "layer to be trained": (X, "tf2_reusable", {"op": "fine_tuning"}),
    "layer of a signature": (SCALARS, "tf1_hub_scalar", {"api": "keras"}),
}


def answer(loaded, inputs):
    return tf.nest.map_structure(lambda tensor: tensor.numpy().tolist(), loaded(inputs))


@needs_tf2
@pytest.mark.parametrize("case", LOADED)
@pytest.mark.parametrize("way", [copy.deepcopy, through_pickle])
def test_a_copy_is_loaded_in_the_same_way(case, way):
    inputs, name, choices = LOADED[case]
    loaded = load(name, **choices)
    before = answer(loaded, inputs)
    again = way(loaded)
    assert type(again).__name__ == type(loaded).__name__
    assert answer(again, inputs) == before
    assert len(again.variables) == len(loaded.variables)
    assert all(a is not b for a, b in zip(again.variables, loaded.variables))
    # Its variables were handed out by now, and nobody has written to them.
    assert answer(way(loaded), inputs) == before


@needs_tf2
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", ["object", "signature", "layer", "layer to be trained"])
def test_every_way_gives_a_copy_or_says_why_not(case, way):
    inputs, name, choices = LOADED[case]
    loaded, way = load(name, **choices), WAYS[way]
    before = answer(loaded, inputs)
    assert answer(way(loaded), inputs) == before
    variable = loaded.variables[0]
    changed = variable + tf.ones_like(variable)
    variable.assign(changed)
    if "layer" in case and current_keras() is Keras.KERAS3:
        # Keras writes all its weights.
        assert answer(way(loaded), inputs) == answer(loaded, inputs) != before
        return
    with pytest.raises(LoadedNotCopied, match="another value than in the model's files"):
        way(loaded)


@needs_tf2
def test_a_pickle_is_small_and_a_copy_keeps_the_choices(tmp_path, monkeypatch):
    shutil.copytree(str(MODELS / "tf2_dict"), str(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)
    m = unihub.load("model", as_dict=True, signature="serving_default")
    written = pickle.dumps(m)
    assert len(written) < 1_000
    monkeypatch.chdir(os.path.dirname(str(tmp_path)))
    again = pickle.loads(written)
    assert set(again.signatures) == set(m.signatures)
    assert pickle.dumps(again) == written


@needs_tf2
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", ["tf2_reusable", "tf1_hub_scalar"])
def test_changed_variables_are_never_lost(name, fast):
    m = load(name, fast=fast)
    variable = m.variables[0]
    variable.assign(variable + tf.ones_like(variable))
    for way in (copy.deepcopy, pickle.dumps):
        with pytest.raises(LoadedNotCopied, match="another value than in the model's files"):
            way(m)
    variable.assign(variable - tf.ones_like(variable))


@needs_tf2
def test_trained_variables_are_never_lost():
    m = load("tf2_reusable", op="fine_tuning", api="load")
    m.trainable_variables[0].assign_add(tf.ones_like(m.trainable_variables[0]))
    for way in (copy.deepcopy, pickle.dumps):
        with pytest.raises(LoadedNotCopied, match="another value than in the model's files"):
            way(m)


@needs_tf2
def test_variables_that_cannot_be_compared():
    """TensorFlow keeps the parts of a partitioned variable out of reach."""
    with pytest.raises(LoadedNotCopied, match="'rows/part_0' cannot be compared"):
        pickle.dumps(load("tf1_hub_partitioned", fast=False))


@needs_tf2
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", ["tf2_reusable", "tf1_hub_scalar"])
def test_attributes_that_were_set_are_never_lost(name, fast):
    m = load(name, fast=fast)
    m.head = tf.Variable(1.0)
    with pytest.raises(LoadedNotCopied, match="its attribute 'head' was set or deleted"):
        pickle.dumps(m)


@needs_tf2
def test_the_line_that_is_offered_copies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    m = load("tf2_reusable")
    m.variables[0].assign(m.variables[0] + 1.0)
    with pytest.raises(LoadedNotCopied) as refused:
        copy.deepcopy({"a model": [m]})
    assert isinstance(refused.value, (TypeError, NotImplementedError))
    assert isinstance(refused.value, pickle.PicklingError)
    check_golden("loaded-not-copied", str(refused.value))
    situation = {"unihub": unihub, "m": m}
    exec(refused.value.do.partition("; or ")[0], situation)
    np.testing.assert_allclose(situation["m"](X), m(X))
    # What was saved has those values, and is copied.
    np.testing.assert_allclose(copy.deepcopy(situation["m"])(X), m(X))


@needs_tf2
@pytest.mark.skipif(tf.__version__.startswith("1."), reason="its parts are TensorFlow's own")
def test_a_part_says_that_the_model_is_sent():
    m = load("tf2_reusable")
    for part in (m.signatures["serving_default"], m.signatures, m.__call__):
        with pytest.raises(LoadedNotCopied, match="a part of a loaded model") as refused:
            pickle.dumps(part)
        situation = {"unihub": unihub}
        exec(refused.value.do, situation)
        pickle.dumps(situation["m"])


@needs_tf2
def test_another_model_under_the_handle_is_an_error(tmp_path):
    path = tmp_path / "model"
    shutil.copytree(str(MODELS / "tf2_reusable"), str(path))
    written = pickle.dumps(unihub.load(path))
    shutil.rmtree(str(path))
    shutil.copytree(str(MODELS / "tf2_dict"), str(path))
    with pytest.raises(SentContentDiffers) as differs:
        pickle.loads(written)
    check_golden(
        "sent-content-differs",
        str(differs.value),
        path=path,
        found=differs.value.facts["found"],
        expected=differs.value.facts["expected"],
    )


@needs_tf2
@pytest.mark.parametrize("fast", [True, False])
def test_files_that_have_changed_are_not_sent(tmp_path, fast):
    path = tmp_path / "model"
    shutil.copytree(str(MODELS / "tf2_reusable"), str(path))
    m = unihub.load(path, fast=fast)
    shutil.rmtree(str(path))
    shutil.copytree(str(MODELS / "tf2_dict"), str(path))
    with pytest.raises(LoadedNotCopied, match="have changed since"):
        pickle.dumps(m)


MADE = {
    "object": unihub.load,
    "full object": lambda handle: unihub.load(handle, fast=False),
    "layer": lambda handle: unihub.load(handle, api="keras"),
    "layer to be trained": lambda handle: unihub.load(handle, op="fine_tuning"),
    "Predictor": unihub.Predictor,
}


@needs_tf2
@pytest.mark.parametrize("pickler", PICKLERS)
@pytest.mark.parametrize("kind", MADE)
def test_no_secret_travels_and_no_other_model_comes(tmp_path, kind, pickler):
    dump, read = PICKLERS[pickler]
    folder = tmp_path / "model"
    shutil.copytree(str(MODELS / "tf2_reusable"), str(folder))
    unihub.register_resolver("lab://", lambda given: str(folder))
    try:
        written = dump(MADE[kind]("lab://ada:s3cret@host/model"))
        assert b"s3cret" not in written
        shutil.rmtree(str(folder))
        shutil.copytree(str(MODELS / "tf2_dict"), str(folder))
        with pytest.raises(SentContentDiffers):
            again = read(written)
            # A Predictor loads when it is called.
            again({"x": X})
    finally:
        from unihub.handles.registered import registered

        registered.pop()


@needs_tf2
def test_the_secret_of_a_handle_stays(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    shutil.copytree(str(MODELS / "tf2_reusable"), str(folder))
    handle = "lab://ada:s3cret@host/model"
    unihub.register_resolver("lab://", lambda given: str(folder))
    try:
        m = unihub.load(handle)
        before = m(X).numpy().tolist()
        written = pickle.dumps(m)
        del m
        assert b"s3cret" not in written
        assert pickle.loads(written)(X).numpy().tolist() == before
        elsewhere = tmp_path / "elsewhere"
        os.rename(str(folder), str(elsewhere))
        folder = elsewhere
        # This process has been told the secret.
        assert pickle.loads(written)(X).numpy().tolist() == before
        monkeypatch.setattr("unihub.handles.located._with_secrets", {})
        with pytest.raises(HandleSecretNotSent) as refused:
            pickle.loads(written)
        monkeypatch.setenv("MODEL_URL", handle)
        check_golden(
            "handle-secret-not-sent", str(refused.value), {"os": os}, path=tmp_path / "model"
        )
        exec(refused.value.do, {"unihub": unihub, "os": os})
        assert pickle.loads(written)(X).numpy().tolist() == before
    finally:
        from unihub.handles.registered import registered

        registered.pop()


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("fast", [True, False])
def test_a_shallow_copy_shares_all(fast):
    m = load("tf2_reusable", fast=fast)
    again = copy.copy(m)
    np.testing.assert_allclose(again(X), m(X))
    assert again.variables[0] is m.variables[0]


@needs_tf2
def test_a_trained_layer_loses_nothing():
    layer = load("tf2_reusable", op="fine_tuning")
    layer.variables[0].assign(layer.variables[0] + 1.0)
    before = np.asarray(layer(X))
    if current_keras() is Keras.KERAS3:
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer))(X), before)
        np.testing.assert_array_equal(copy.deepcopy(layer)(X), before)
        return
    for way in (copy.deepcopy, pickle.dumps):
        with pytest.raises(LoadedNotCopied, match="another value than in the model's files"):
            way(layer)
    assert copy.copy(layer).get_config() == layer.get_config()


@needs_tf2
def test_a_trained_layer_does_not_come_to_another_model(tmp_path):
    path = tmp_path / "model"
    shutil.copytree(str(MODELS / "tf2_reusable"), str(path))
    layer = unihub.load(path, op="fine_tuning")
    if current_keras() is not Keras.KERAS3:
        pytest.skip("it is not sent at all")
    layer.variables[0].assign(layer.variables[0] + 1.0)
    written = pickle.dumps(layer)
    shutil.rmtree(str(path))
    shutil.copytree(str(MODELS / "tf2_dict"), str(path))
    with pytest.raises(SentContentDiffers):
        pickle.loads(written)


@needs_tf2
@pytest.mark.skipif(current_keras() is Keras.KERAS3, reason="Keras 3 says it in words of its own")
def test_a_layer_of_an_object_is_refused():
    with pytest.raises(LoadedNotCopied, match="KerasLayer object"):
        pickle.dumps(unihub.KerasLayer(load("tf2_reusable")))


def test_a_module_is_refused():
    with tf.Graph().as_default():
        module = load("tf1_hub_scalar")
        for way in (copy.deepcopy, pickle.dumps):
            with pytest.raises(LoadedNotCopied, match="Module object"):
                way(module)


@needs_tf2
@pytest.mark.parametrize("fast", [True, False])
def test_what_tensorflow_sets_for_itself_is_no_change(fast):
    """Its names begin with "_"; a ``__call__`` of the user's own is a change."""
    m = load("tf2_reusable", fast=fast)
    m._tracked = 1
    assert copy.deepcopy(m)(X).shape == (2, 2)
    m.__call__ = lambda x: x
    with pytest.raises(LoadedNotCopied, match="its attribute '__call__' was set"):
        pickle.dumps(m)


@needs_tf2
@pytest.mark.parametrize("fast", [True, False])
def test_parts_are_not_copied_alone(fast):
    m = load("tf2_sub_objects", fast=fast)
    for part in (m.encoder, m.decoder):
        assert copy.copy(part) is not part
        for way in (pickle.dumps, copy.deepcopy):
            with pytest.raises(LoadedNotCopied, match="a part of a loaded model"):
                way(part)
