from __future__ import annotations

import pytest
import tensorflow as tf

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from unihub.apis.lean import capability, levels, trial
from unihub.apis.lean.trial import trial_failure


@pytest.fixture
def asked_anew():
    capability.is_capable.cache_clear()
    yield
    capability.is_capable.cache_clear()


def test_this_tensorflow_is_tested():
    assert ".".join(tf.__version__.split(".")[:2]) in capability._TESTED


def test_another_tensorflow_is_tried_once(asked_anew, monkeypatch):
    monkeypatch.setattr(capability, "_TESTED", ())
    assert trial_failure() == ""
    assert capability.is_capable()


def test_a_lost_gradient_is_found(asked_anew, monkeypatch):
    monkeypatch.setattr(capability, "_TESTED", ())
    monkeypatch.setattr(levels, "is_anyone_listening", lambda: False)
    assert "gradient" in trial_failure()
    assert not capability.is_capable()


def test_a_watcher_that_goes_unnoticed_is_found(asked_anew, monkeypatch):
    monkeypatch.setattr(capability, "_TESTED", ())
    monkeypatch.setattr(trial, "is_variable_watched", lambda: False)
    assert "variable watchers" in trial_failure()
    assert not capability.is_capable()


def test_a_tensorflow_without_an_entry_point(asked_anew, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "unihub.apis.lean.private", None)
    assert not capability.is_capable()
