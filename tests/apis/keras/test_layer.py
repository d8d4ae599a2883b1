"""What the layers of all Kerases have in common."""

from __future__ import annotations

import shutil

import pytest
import tensorflow as tf

import unihub
from unihub.apis.keras.errors import SavedModelMoved
from unihub.apis.layers import keras_layer_class


def test_the_folder_of_a_config_that_moved_can_be_pointed_to(models, tmp_path, monkeypatch):
    layer_class = keras_layer_class()
    old = str(tmp_path / "model")
    shutil.copytree(str(models / "tf2_reusable"), old)
    config = layer_class(old).get_config()
    (tmp_path / "path" / "to" / "the").mkdir(parents=True)
    shutil.move(old, str(tmp_path / "path" / "to" / "the" / "model"))
    with pytest.raises(SavedModelMoved) as refused:
        layer_class.from_config(config)
    assert isinstance(refused.value, FileNotFoundError)
    monkeypatch.chdir(tmp_path)
    take_back = eval(refused.value.do, {"unihub": unihub})
    try:
        layer = layer_class.from_config(config)
        # What is saved again says the same.
        assert layer.get_config() == config
        assert layer(tf.ones([2, 3])).shape == (2, 2)
    finally:
        take_back()
