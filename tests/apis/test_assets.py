"""Signatures of the TF1 formats that return, or read, a file of the model."""

from __future__ import annotations

import pytest
import tensorflow as tf

import unihub
from unihub.runtime.installed import Keras, current_keras

v1 = tf.compat.v1
eagerly = pytest.mark.skipif(not tf.executing_eagerly(), reason="these are for TensorFlow 2")


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """A module as those of BERT are: the signature "info" returns the path of the vocabulary."""
    folder = tmp_path_factory.mktemp("module")
    vocabulary = folder / "vocabulary.txt"
    vocabulary.write_text("a\nb\n")

    def module_fn():
        x = v1.placeholder(tf.float32, [None])
        weight = v1.get_variable("weight", initializer=2.0)
        path = tf.constant(str(vocabulary))
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, path)
        unihub.add_signature(inputs=x, outputs=x * weight)
        outputs = {
            "vocab_file": path,
            "lower": tf.constant(True),
            "both": tf.stack([path, "b"]),
            "joined": tf.strings.join([path, ".bak"]),
        }
        unihub.add_signature("info", {}, outputs)
        unihub.add_signature("read", {"x": x}, {"content": tf.io.read_file(path), "x": x})

    with tf.Graph().as_default():
        unihub.save(module_fn, folder / "m")
    vocabulary.unlink()
    return folder / "m"


def check(signatures, folder):
    path = str(folder / "assets" / "vocabulary.txt").encode()
    info = signatures["info"]()
    assert (info["vocab_file"].numpy(), info["lower"].numpy()) == (path, True)
    assert info["joined"].numpy() == path + b".bak"
    assert info["both"].numpy().tolist() == [path, b"b"]
    assert signatures["read"](x=tf.ones([1]))["content"].numpy() == b"a\nb\n"


@eagerly
@pytest.mark.parametrize("fast", [True, False])
def test_the_paths_are_real(module, fast):
    m = unihub.load(module, fast=fast)
    check(m.signatures, module)
    # More than a call loads the rest of a model.
    assert len(m.variables) == 1 and m.asset_paths
    check(m.signatures, module)
    info = unihub.load(module, fast=fast, signature="info", as_dict=True)
    assert info()["vocab_file"].numpy().endswith(b"vocabulary.txt")


@eagerly
def test_a_layer_has_them_too(module):
    layer = unihub.KerasLayer(str(module), signature="read", output_key="content")
    assert layer(tf.ones([1])).numpy() == b"a\nb\n"


@pytest.mark.skipif(current_keras() is Keras.KERAS3, reason="Keras 3 has no graph mode")
def test_a_layer_in_graph_mode_has_them_too(module):
    with tf.Graph().as_default(), v1.Session() as session:
        layer = unihub.KerasLayer(str(module), signature="read", output_key="content")
        content = layer(tf.ones([1]))
        session.run(v1.global_variables_initializer())
        assert session.run(content) == b"a\nb\n"


@pytest.mark.skipif(tf.__version__.startswith("1."), reason="conversion is for TensorFlow 2")
def test_conversion_takes_them_over(module, tmp_path):
    report = unihub.convert(module, tmp_path / "converted")
    assert report.assets == ("vocabulary.txt",)
    check(unihub.load(tmp_path / "converted").signatures, tmp_path / "converted")
    # The files travel with the model.
    (tmp_path / "converted").rename(tmp_path / "moved")
    check(tf.saved_model.load(str(tmp_path / "moved")).signatures, tmp_path / "moved")
