"""What is loaded says that it is not copied; a shallow copy is one as ever."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS
from golden import check_golden

import unihub
from unihub.apis.proxy import LoadedNotCopied
from unihub.runtime.installed import Keras, current_keras

X = np.ones((2, 3), np.float32)


def load(name, **kwargs):
    return unihub.load(MODELS / name, **kwargs)


LOADED = {
    "object": lambda: load("tf2_reusable"),
    "full object": lambda: load("tf2_reusable", fast=False),
    "signature": lambda: load("tf1_hub_scalar"),
    "signature of a full object": lambda: load("tf1_hub_scalar", fast=False),
}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", LOADED)
@pytest.mark.parametrize("way", [copy.deepcopy, pickle.dumps])
def test_loaded_models_are_refused(name, way):
    loaded = LOADED[name]()
    with pytest.raises(LoadedNotCopied) as refused:
        way(loaded)
    assert isinstance(refused.value, (TypeError, pickle.PicklingError))


@pytest.mark.usefixtures("eager")
def test_the_line_that_is_offered_copies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    m = load("tf2_reusable")
    with pytest.raises(LoadedNotCopied) as refused:
        copy.deepcopy({"a model": [m]})
    check_golden("loaded-not-copied", str(refused.value))
    situation = {"unihub": unihub, "m": m}
    exec(refused.value.do.partition("; or ")[0], situation)
    np.testing.assert_allclose(situation["m"](X), m(X))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("fast", [True, False])
def test_a_shallow_copy_shares_all(fast):
    m = load("tf2_reusable", fast=fast)
    again = copy.copy(m)
    np.testing.assert_allclose(again(X), m(X))
    assert again.variables[0] is m.variables[0]


@pytest.mark.skipif(current_keras() is Keras.KERAS3, reason="Keras 3 copies its layers")
def test_a_layer_of_keras_2_is_refused():
    layer = unihub.KerasLayer(str(MODELS / "tf2_reusable"))
    for way in (copy.deepcopy, pickle.dumps):
        with pytest.raises(LoadedNotCopied, match="KerasLayer object"):
            way(layer)
    assert copy.copy(layer).get_config() == layer.get_config()


def test_a_module_is_refused():
    with tf.Graph().as_default():
        module = load("tf1_hub_scalar")
        for way in (copy.deepcopy, pickle.dumps):
            with pytest.raises(LoadedNotCopied, match="Module object"):
                way(module)
