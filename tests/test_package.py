"""The names of the package itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import tensorflow as tf

import unihub
from unihub.apis import module


def test_every_name_is_there():
    missing = [name for name in unihub.__all__ if not hasattr(unihub, name)]
    assert missing == []


def test_dir_lists_them():
    assert set(unihub.__all__) <= set(dir(unihub))


def test_the_module_api_is_one_family():
    assert unihub.Module is module.Module
    assert unihub.create_module_spec is module.create_module_spec


def test_the_keras_layer_is_of_the_keras_in_use():
    if tf.executing_eagerly():
        assert issubclass(unihub.KerasLayer, tf.keras.layers.Layer)


def test_other_names_are_missing():
    with pytest.raises(AttributeError, match="no_such_name"):
        unihub.no_such_name  # noqa: B018


def test_type_checkers_find_each_name_where_it_is():
    tree = ast.parse(Path(unihub.__file__).read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        alias.name: node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == {name: f"unihub.{module}" for name, module in unihub._OWN.items()}
