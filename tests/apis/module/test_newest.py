"""What unihub writes on the newest TensorFlow is read by all others, and by tensorflow_hub."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import tensorflow as tf
from apis.module import newest

import unihub

v1 = tf.compat.v1

VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])
HAS_REAL = VERSION < (2, 16)
LIBRARIES = ["unihub", "tensorflow_hub"] if HAS_REAL else ["unihub"]


@pytest.fixture(params=LIBRARIES)
def hub(request: Any) -> Any:
    return importlib.import_module(request.param)


@pytest.mark.parametrize("name", sorted(newest.MODULES))
def test_answers(hub: Any, name: str) -> None:
    _, inputs, expected = newest.MODULES[name]
    if VERSION < (2,) and name in newest.NOT_IN_TF1:
        with pytest.raises(ValueError) as caught:
            newest.answer(hub, str(newest.FOLDER / name), inputs)
        if hub is unihub:
            assert newest.NOT_IN_TF1[name] in str(caught.value)
            assert "made by TensorFlow 2." in caught.value.why
        return
    found = newest.answer(hub, str(newest.FOLDER / name), inputs)
    assert rounded(found) == rounded(expected)


def rounded(value: Any) -> Any:
    return [rounded(part) for part in value] if isinstance(value, list) else round(value, 5)


def test_train_graph_brings_its_collections(hub: Any) -> None:
    with tf.Graph().as_default() as graph:
        module = hub.Module(str(newest.FOLDER / "normalized"), trainable=True, tags={"train"})
        module([[1.0, 2.0], [3.0, 4.0]])
        sizes = {key: len(graph.get_collection(key)) for key in graph.get_all_collection_keys()}
    assert {key: sizes[key] for key in sizes if isinstance(key, str)} == {
        "variables": 2,
        "trainable_variables": 1,
        "regularization_losses": 1,
        "update_ops": 1,
    }


def test_attached_message(hub: Any) -> None:
    spec = hub.load_module_spec(str(newest.FOLDER / "dense"))
    message = spec.get_attached_message("numbers", tf.train.Int64List)
    assert list(message.value) == [4, 2]


def test_exported_again(hub: Any, tmp_path: Any) -> None:
    folder = str(tmp_path / "again")
    with tf.Graph().as_default():
        module = hub.Module(str(newest.FOLDER / "vocabulary"))
        with v1.Session() as session:
            module.export(folder, session)
    assert newest.answer(unihub, folder, lambda: ["b", "x"]) == [[1, -1]]
