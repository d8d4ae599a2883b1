"""Paths that TensorFlow reads as a pattern: wherever they fail, the line loads the model."""

from __future__ import annotations

import contextlib
import shutil

import pytest
import tensorflow as tf
from conftest import MODELS

import unihub


def in_graph(folder):
    with tf.Graph().as_default():
        unihub.Module(folder)


WAYS = {
    "load": lambda folder: unihub.load(folder, fast=False),
    "a URL": lambda folder: unihub.load(f"file://{folder}", fast=False),
    "Module": in_graph,
    "convert": lambda folder: unihub.convert(folder, "made"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["v[1]", "v\\1"])
def test_the_line_loads_the_model_from_elsewhere(way, name, eager, tmp_path, monkeypatch):
    if way == "convert" and tf.__version__.startswith("1."):
        pytest.skip("TensorFlow 2 converts")
    monkeypatch.chdir(tmp_path)
    folder = str(tmp_path / "models" / name)
    shutil.copytree(str(MODELS / "tf1_hub_scalar"), folder)
    with pytest.raises(unihub.UnihubError) as refused:
        WAYS[way](folder)
    line = refused.value.do
    assert line.startswith(f"import shutil; shutil.copytree({folder!r}, 'v_1")
    with tf.Graph().as_default() if way == "Module" else contextlib.ExitStack():
        exec(line, {"unihub": unihub})
