"""Calls that fail in an op for what is in a text, through signatures, calls and layers."""

from __future__ import annotations

import pytest
import tensorflow as tf
from golden import check_golden

import unihub

pytestmark = pytest.mark.usefixtures("eager")


class Decoding(tf.Module):
    """Parses Examples, or decodes an image."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, examples):
        return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([2], tf.float32)})["x"]

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def decode(self, content):
        return tf.shape(tf.image.decode_png(content))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path, module = str(tmp_path_factory.mktemp("decoding") / "m"), Decoding()
    tf.saved_model.save(
        module, path, signatures={"parse": module.__call__, "decode": module.decode}
    )
    return path


def raised(call, *inputs):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        call(*inputs)
    assert isinstance(error.value, unihub.UnihubError)
    return error.value


def outputs_of_line(error, call):
    """What the line of an error gives, run with what was called."""
    line = error.do.partition("  #")[0]
    return eval(line, {"tf": tf, "m": call, "layer": call})


@pytest.mark.parametrize("fast", [True, False])
def test_texts_that_are_no_examples(model, fast):
    for call in (
        unihub.load(model, fast=fast),
        unihub.load(model, signature="parse", fast=fast),
        unihub.KerasLayer(model),
        unihub.KerasLayer(model, signature="parse", signature_outputs_as_dict=True),
    ):
        error = raised(call, tf.constant(["no example"]))
        assert error.code == "not-an-example"
        assert outputs_of_line(error, call) is not None
        empty = tf.constant([tf.train.Example().SerializeToString()])
        assert "Feature: x" in raised(call, empty).why


def test_an_example_is_shown_that_is_parsed(model):
    error = raised(unihub.load(model, signature="parse"), tf.constant(["no example"]))
    check_golden("not-an-example", str(error), path=model)


@pytest.mark.parametrize("fast", [True, False])
def test_texts_that_are_no_images(model, fast):
    call = unihub.load(model, signature="decode", fast=fast)
    error = raised(call, tf.constant("no image"))
    assert error.code == "not-an-image"
    assert outputs_of_line(error, call) is not None


def test_an_image_is_shown_that_is_decoded(model):
    error = raised(unihub.load(model, signature="decode"), tf.constant("no image"))
    check_golden("not-an-image", str(error), path=model, reason=error.facts["reason"])
