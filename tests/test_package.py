"""The names of the package itself."""

from __future__ import annotations

import pytest
import tensorflow as tf

import unihub
from unihub.apis import module


def test_every_name_is_there():
    missing = [name for name in unihub.__all__ if not hasattr(unihub, name)]
    assert missing == []


def test_dir_lists_them_and_no_others():
    rooms = {"checking", "doctor", "formats", "settings"}
    assert set(dir(unihub)) == {*unihub.__all__, *rooms, "__version__"}


def test_the_module_api_is_one_family():
    assert unihub.Module is module.Module
    assert unihub.create_module_spec is module.create_module_spec


def test_the_keras_layer_is_of_the_keras_in_use():
    if tf.executing_eagerly():
        assert issubclass(unihub.KerasLayer, tf.keras.layers.Layer)


def test_other_names_are_missing():
    with pytest.raises(AttributeError, match="no_such_name"):
        unihub.no_such_name  # noqa: B018
