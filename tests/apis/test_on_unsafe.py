"""A model that acts is told of by whatever api loads it, as `unihub.load` tells of it."""

from __future__ import annotations

import shutil
import warnings

import pytest
import tensorflow as tf
from conftest import ROOT

import unihub
from unihub.errors import UnknownChoice
from unihub.inspection.on_unsafe import UnsafeModel, UnsafeModelWarning

ACTING = ROOT / "tests" / "fixtures" / "acting"
IS_TF2 = tf.executing_eagerly()


def layer(path, **how):
    return unihub.KerasLayer(path, **how)


def module(path, **how):
    with tf.Graph().as_default():
        return unihub.Module(path, **how)


def spec(path, **how):
    return unihub.load_module_spec(path, **how)


def module_of_spec(path, **how):
    with tf.Graph().as_default():
        return unihub.Module(unihub.load_module_spec(path, on_unsafe="ignore"), **how)


def spec_of_saved_model(path, **how):
    return unihub.create_module_spec_from_saved_model(path, **how)


APIS = {
    module: "tf1_hub_writes",
    spec: "tf1_hub_writes",
    module_of_spec: "tf1_hub_writes",
    spec_of_saved_model: "tf1_signature_writes",
}
if IS_TF2:
    APIS[layer] = "writes"
BY_HANDLE = [api for api in APIS if api is not module_of_spec]


@pytest.fixture
def acting(tmp_path, monkeypatch):
    """Models of which nobody was warned yet, in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in APIS.values():
        if not (tmp_path / name).exists():
            shutil.copytree(str(ACTING / name), str(tmp_path / name))


def warned(caught):
    return [w for w in caught if issubclass(w.category, UnsafeModelWarning)]


@pytest.mark.parametrize("api", BY_HANDLE)
def test_warns_once_and_at_the_line_that_asked(acting, api):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            api(APIS[api])
    (one,) = warned(caught)
    assert one.filename == __file__
    assert "acts outside of its graph" in str(one.message)


@pytest.mark.parametrize("api", APIS)
def test_refuses_where_that_is_asked_for(acting, api):
    with pytest.raises(UnsafeModel) as refused:
        api(APIS[api], on_unsafe="refuse")
    # The line to paste names what was called.
    assert f"({APIS[api]!r}, on_unsafe='ignore')" in refused.value.do
    assert "unihub.load(" not in refused.value.do


@pytest.mark.parametrize("api", BY_HANDLE)
def test_the_settings_say_what_is_done_by_default(acting, api):
    with unihub.configure(on_unsafe="refuse"), pytest.raises(UnsafeModel):
        api(APIS[api])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnsafeModelWarning)
        api(APIS[api], on_unsafe="ignore")


@pytest.mark.parametrize("api", APIS)
def test_another_word_is_refused(acting, api):
    with pytest.raises(UnknownChoice) as refused:
        api(APIS[api], on_unsafe="refus")
    assert refused.value.do.endswith("on_unsafe='refuse')")


def test_columns_are_no_way_round(acting):
    with unihub.configure(on_unsafe="refuse"):
        with pytest.raises(UnsafeModel):
            unihub.text_embedding_column("words", "tf1_hub_writes")
        if not tf.__version__.startswith("1."):
            column = unihub.text_embedding_column_v2("words", "writes")
            with pytest.raises(UnsafeModel):
                column.create_state(None)


@pytest.mark.skipif(not IS_TF2, reason="TensorFlow 1.15 has its Keras in graph mode")
def test_a_config_has_no_say(acting):
    config = layer("writes", on_unsafe="ignore").get_config()
    assert "on_unsafe" not in config
    config["on_unsafe"] = "ignore"
    with unihub.configure(on_unsafe="refuse"), pytest.raises(UnsafeModel):
        unihub.KerasLayer.from_config(config)


@pytest.mark.skipif(tf.__version__.startswith("1."), reason="TensorFlow 1.15 converts nothing")
def test_converting_and_validating_follow_the_settings(acting, tmp_path):
    with unihub.configure(on_unsafe="refuse"):
        with pytest.raises(UnsafeModel) as refused:
            unihub.convert("tf1_signature_writes", tmp_path / "converted")
        assert "unihub.configure(on_unsafe='ignore')" in refused.value.do
        with pytest.raises(UnsafeModel):
            unihub.validate("writes")
    assert not (tmp_path / "converted").exists()


@pytest.mark.skipif(tf.__version__.startswith("1."), reason="TensorFlow 1.15 converts nothing")
def test_a_load_that_is_told_to_ignore_it_says_nothing_on_its_way(acting, tmp_path):
    with warnings.catch_warnings(), unihub.configure(cache=tmp_path / "cache"):
        warnings.simplefilter("error", UnsafeModelWarning)
        unihub.load("tf1_signature_writes", convert=True, on_unsafe="ignore")
        unihub.load("writes", api="keras", on_unsafe="ignore")
        with tf.Graph().as_default():
            unihub.load("tf1_hub_writes", on_unsafe="ignore")
