"""The Reusable SavedModel interface, point by point."""

from __future__ import annotations

import pytest
import tensorflow as tf
from conftest import MODELS

import unihub

if not tf.executing_eagerly():
    pytest.skip(f"TensorFlow {tf.__version__} has no eager execution", allow_module_level=True)


def points(report):
    return {point.name: point.kept for point in report.points}


@pytest.mark.parametrize(
    ("name", "reusable", "trainable", "broken"),
    [
        ("tf2_reusable", True, True, []),
        ("tf2_text", False, False, ["variables"]),
        ("keras2_saved_model", True, True, []),
        ("tf2_dict", False, False, ["variables"]),
        ("tf2_signatures_only", False, False, ["__call__"]),
        ("tf2_sub_objects", False, False, ["__call__"]),
        ("tf1_hub_image", False, False, ["TF2 SavedModel"]),
        ("tf1_saved_model_pbtxt", False, False, ["TF2 SavedModel"]),
    ],
)
def test_fixtures(name, reusable, trainable, broken):
    report = unihub.validate(MODELS / name)
    assert (report.reusable, report.trainable) == (reusable, trainable)
    assert [point for point, kept in points(report).items() if kept is False] == broken


def test_without_a_call_nothing_is_said_of_what_it_uses():
    report = unihub.validate(MODELS / "keras3_export")
    found = {point.name: (point.kept, point.found) for point in report.points}
    assert found["variables"] == (None, "5 listed; there is no __call__")
    assert found["trainable_variables"] == (None, "3 listed; there is no __call__")


def test_the_headline_knows_that_there_is_nothing_to_train():
    report = unihub.validate(MODELS.parent / "acting" / "harmless_table")
    assert (report.reusable, report.trainable) == (True, False)
    assert str(report).splitlines()[0].endswith("interface, and cannot be fine-tuned.")


class Model(tf.Module):
    variables = trainable_variables = None

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable([2.0])
        self.variables = [self.kernel]
        self.trainable_variables = [self.kernel]

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def __call__(self, x):
        return x * self.kernel


def saved(model, path):
    tf.saved_model.save(model, str(path))
    return unihub.validate(path)


def test_a_loss_that_needs_arguments(tmp_path):
    model = Model()
    loss = tf.function(lambda x: x * model.kernel[0], input_signature=[tf.TensorSpec([])])
    model.regularization_losses = [loss]
    assert points(saved(model, tmp_path))["regularization_losses"] is False


def test_a_loss_that_is_no_scalar(tmp_path):
    model = Model()
    model.regularization_losses = [tf.function(lambda: model.kernel, input_signature=[])]
    assert points(saved(model, tmp_path))["regularization_losses"] is False


def test_a_trainable_variable_that_is_not_listed(tmp_path):
    model = Model()
    model.other = tf.Variable(1.0)
    model.trainable_variables = [model.kernel, model.other]
    assert points(saved(model, tmp_path))["trainable_variables"] is False


def test_one_mode_only(tmp_path):
    model = Model()

    @tf.function
    def call(x, training=False):
        return x * model.kernel * (2.0 if training else 1.0)

    call.get_concrete_function(tf.TensorSpec([None]), training=True)
    model.__call__ = call
    assert points(saved(model, tmp_path))["training argument"] is False


def test_it_prints_as_a_table(tmp_path):
    text = str(saved(Model(), tmp_path))
    assert text.splitlines()[0] == f"{tmp_path} keeps the Reusable SavedModel interface."
    assert "  yes  __call__               takes float32[?]" in text


def test_what_takes_no_input_or_several_is_no_layer(tmp_path):
    obj = tf.Module()
    spec = tf.TensorSpec([None])
    obj.__call__ = tf.function(lambda x, y: x + y, input_signature=[spec, spec])
    tf.saved_model.save(obj, str(tmp_path / "two"))
    text = str(unihub.validate(tmp_path / "two"))
    assert "NO   KerasLayer(path) " in text and "m(x, y)" in text
    # A signature takes them by name, as a dict.
    assert "yes  KerasLayer(path, signature=...)" in text
    layer = unihub.KerasLayer(
        str(tmp_path / "two"), signature="serving_default", signature_outputs_as_dict=True
    )
    assert list(layer({"x": tf.ones([2]), "y": tf.ones([2])})) == ["output_0"]
