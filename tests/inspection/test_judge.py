"""What the judge says of a model is what happens to who does it."""

from __future__ import annotations

import os
import warnings

import pytest
import tensorflow as tf
from conftest import MODELS

import unihub
from unihub.apis.missing_ops import MissingOps
from unihub.errors import UnihubError
from unihub.formats import read_saved_model
from unihub.inspection.judge import judge
from unihub.matrix import Operation, Status
from unihub.runtime import Runtime, current_runtime

ACTING = MODELS.parent / "acting"
AT_HAND = sorted(
    str(path)
    for path in [*MODELS.iterdir(), ACTING / "harmless_assert", ACTING / "harmless_table"]
    if path.is_dir()
)


def verdict_of(path, operation):
    return judge(path, read_saved_model(path), current_runtime(), operation)


@pytest.mark.parametrize("path", AT_HAND, ids=os.path.basename)
@pytest.mark.parametrize("operation", [Operation.INFERENCE, Operation.FINE_TUNING])
def test_what_is_said_happens(path, operation):
    verdict = verdict_of(path, operation)
    if verdict.status is Status.REFUSED and operation is Operation.FINE_TUNING:
        with pytest.raises(UnihubError) as raised:
            unihub.load(path, op=operation, on_unsafe="ignore")
        assert str(raised.value) == str(verdict.refusal)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loaded = unihub.load(path, op=operation, on_unsafe="ignore")
        except MissingOps as error:
            pytest.skip(f"TensorFlow {tf.__version__} is older than the model: {error.what}")
    if operation is Operation.FINE_TUNING and current_runtime() is Runtime.TF2:
        # A layer of Keras 2 has them at once, one of Keras 3 too.
        assert loaded.trainable_variables
    assert verdict.code


@pytest.mark.parametrize("path", AT_HAND, ids=os.path.basename)
def test_inspect_says_the_same(path):
    told = {
        (use.runtime, use.operation): (use.status, use.code) for use in unihub.inspect(path).uses
    }
    for (runtime, operation), (status, code) in told.items():
        verdict = judge(path, read_saved_model(path), runtime, operation)
        assert (verdict.status, verdict.code) == (status, code)


def test_a_model_without_anything_to_call(tmp_path, eager):
    path = str(tmp_path / "model")
    holder = tf.Module()
    holder.weight = tf.Variable(1.0)
    tf.saved_model.save(holder, path)
    verdict = verdict_of(path, Operation.INFERENCE)
    assert (verdict.status, verdict.refusal.code) == (Status.REFUSED, "nothing-to-call")
    loaded = unihub.load(path)
    assert loaded.weight.numpy() == 1.0
    with pytest.raises(UnihubError) as raised:
        loaded(1.0)
    assert str(raised.value) == str(verdict.refusal)


def test_parts_that_can_be_called(eager):
    path = str(MODELS / "tf2_sub_objects")
    verdict = verdict_of(path, Operation.INFERENCE)
    assert verdict.status is Status.LIMITED
    assert "encoder" in verdict.note


def test_arguments_that_a_call_has_not(tmp_path, eager):
    """m(inputs, training=...) is said of models that take it."""
    model = tf.train.Checkpoint(weight=tf.Variable(2.0))
    model.variables = model.trainable_variables = [model.weight]
    model.__call__ = tf.function(
        lambda x: x * model.weight, input_signature=[tf.TensorSpec([], tf.float32)]
    )
    without = str(tmp_path / "model")
    tf.saved_model.save(model, without)
    for path, takes in ((str(MODELS / "tf2_reusable"), True), (without, False)):
        code = dict(verdict_of(path, Operation.FINE_TUNING).code)
        assert ("training=is_training" in code["load"]) is takes
