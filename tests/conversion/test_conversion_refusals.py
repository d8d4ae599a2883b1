"""What cannot be converted is named before anything is written."""

from __future__ import annotations

import re
import shutil

import pytest
import tensorflow as tf
from conftest import MODELS
from golden import check_golden

import unihub
from unihub.apis.module.compat import SavedModel
from unihub.errors import UnihubError
from unihub.formats import read_saved_model, selection
from unihub.inspection.judge import unconvertible

if not tf.executing_eagerly():
    pytest.skip(f"TensorFlow {tf.__version__} has no eager execution", allow_module_level=True)

from conversion.published import (
    INFERENCE_AND_TRAINING,
    floats,
    hub,
    module,
    saved_model,
    v1,
    variable,
)

KEYS = v1.GraphKeys
# What the caller gives, or only running tells: the values.
BY_CALL = (
    "convert-already-tf2",
    "convert-target-exists",
    "convert-needs-inputs",
    "convert-wrong-inputs",
    "convert-mismatch",
    "convert-variable-without-value",
    "missing-ops",
)
FORETOLD = ("convert-python-function", "convert-tpu-only", "convert-state-not-supported")


def refused(code, handle, tmp_path, **arguments):
    """The error of a conversion, whose text is that of the golden file."""
    target = tmp_path / "target" / "converted"
    with pytest.raises(UnihubError) as caught:
        unihub.convert(handle, target, **arguments)
    assert not (tmp_path / "target").exists() or not list((tmp_path / "target").iterdir())
    text = re.sub(r"difference [\d.e+-]+|difference inf", "difference <number>", str(caught.value))
    check_golden(code, text, handle=handle, target=target, models=MODELS, tensorflow=tf.__version__)
    assert caught.value.code == code
    notes = " ".join(use.note for use in unihub.inspect(handle).uses)
    if code in FORETOLD:
        # By the judge, from the files alone.
        model = read_saved_model(handle)
        told = unconvertible(handle, model, selection.evident_meta_graph(model))
        assert str(told) == str(caught.value)
        assert "convert" not in notes
    if code not in BY_CALL:
        # What else is in the files leaves it open, so that nobody promises a conversion.
        assert "convert=True" not in notes
    return caught.value


def published(tmp_path, module_fn, tags_and_args=None):
    return module(tmp_path / "tf1", module_fn, tags_and_args)


def test_tf2_saved_model(tmp_path):
    refused("convert-already-tf2", str(MODELS / "tf2_reusable"), tmp_path)


def test_something_is_there(tmp_path):
    handle, target = str(MODELS / "tf1_hub_scalar"), tmp_path / "there"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError) as caught:
        unihub.convert(handle, target)
    check_golden("convert-target-exists", str(caught.value), handle=handle, target=target)
    assert (target / "notes.txt").read_text() == "mine"


def test_only_a_model_is_overwritten_and_only_a_converted_one_is_offered_to_be(tmp_path):
    handle = str(MODELS / "tf1_hub_scalar")
    kept, model = tmp_path / "kept" / "notes.txt", tmp_path / "model"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(FileExistsError) as caught:
        unihub.convert(handle, kept.parent, overwrite=True)
    assert caught.value.do == f"unihub.convert({handle!r}, {str(kept.parent / 'converted')!r})"
    shutil.copytree(handle, str(model))
    with pytest.raises(FileExistsError) as caught:
        unihub.convert(str(model), model)
    beside = str(tmp_path / "model_converted")
    assert caught.value.do == f"unihub.convert({str(model)!r}, {beside!r})"
    exec(caught.value.do)
    with pytest.raises(FileExistsError) as caught:
        unihub.convert(str(model), beside)
    assert caught.value.do.endswith("overwrite=True)")
    exec(caught.value.do)
    assert kept.read_text() == "mine"
    assert (model / "tfhub_module.pb").exists()


def test_v1_control_flow_under_gradients(tmp_path):
    refused("convert-v1-control-flow", str(MODELS / "tf1_hub_control_flow"), tmp_path)


def test_op_without_gradient(tmp_path):
    def unregistered():
        x = floats(2)
        y = x * variable("scale")
        with v1.get_default_graph().gradient_override_map({"Identity": "OfAnotherProcess"}):
            hub.add_signature(inputs=x, outputs=tf.identity(y, name="outputs"))

    refused("convert-no-gradient", published(tmp_path, unregistered), tmp_path)


def test_reference_variable_without_counterpart(tmp_path):
    def descending():
        x = floats(2)
        with v1.variable_scope("", use_resource=False):
            kernel = variable("kernel", 2)
        stepped = tf.raw_ops.ApplyGradientDescent(var=kernel._ref(), alpha=0.1, delta=kernel)
        hub.add_signature(inputs=x, outputs=x * stepped)

    refused("convert-reference-variables", published(tmp_path, descending), tmp_path)


def test_partition_that_is_written(tmp_path):
    def partitioned(is_training):
        x = floats(4)
        rows = variable("rows", 4, 2, partitioner=v1.fixed_size_partitioner(2))
        if is_training:
            update = v1.assign_add(next(iter(rows)), tf.ones([2, 2]))
            v1.add_to_collection(KEYS.UPDATE_OPS, update.op)
        hub.add_signature(inputs=x, outputs=tf.matmul(x, tf.convert_to_tensor(rows)))

    handle = published(tmp_path, partitioned, INFERENCE_AND_TRAINING)
    refused("convert-partitions", handle, tmp_path)


def test_python_function(tmp_path):
    def calls_python():
        x = floats(2)
        y = v1.py_func(lambda value: value, [x], tf.float32, name="python")
        hub.add_signature(inputs=x, outputs=y * variable("scale"))

    handle = published(tmp_path, calls_python)
    refused("convert-python-function", handle, tmp_path)
    info = unihub.inspect(handle)
    assert [signature.example for signature in info.meta_graphs[0].signatures] == [""]
    assert info.uses[0].note.startswith("It calls Python functions")


def test_tpu_graph(tmp_path):
    handle = tmp_path / "tf1"
    shutil.copytree(str(MODELS / "tf1_hub_scalar"), str(handle))
    file = handle / "saved_model.pb"
    model = SavedModel.FromString(file.read_bytes())
    (graph,) = model.meta_graphs
    graph.graph_def.node.add(name="replicate", op="TPUReplicateMetadata").attr["num_replicas"].i = 1
    for node in graph.graph_def.node:
        if node.op in ("Add", "AddV2"):
            node.input.append("^replicate")
    file.write_bytes(model.SerializeToString())
    refused("convert-tpu-only", str(handle), tmp_path)


def test_unknown_op(tmp_path):
    handle = tmp_path / "tf1"
    shutil.copytree(str(MODELS / "tf1_hub_resource"), str(handle))
    file = handle / "saved_model.pb"
    file.write_bytes(file.read_bytes().replace(b"MatMul", b"MatMux"))
    with pytest.raises(UnihubError) as caught:
        unihub.convert(handle, tmp_path / "converted")
    assert caught.value.code == "missing-ops"
    assert "MatMux" in caught.value.what
    assert not (tmp_path / "converted").exists()


def two_towers(is_training):
    x, other = floats(2), floats(2, name="other")
    mean = variable("mean", 2, trainable=False)
    kernel = variable("kernel", 2)
    if is_training:
        update = v1.assign_sub(mean, mean - tf.reduce_mean(other, 0))
        v1.add_to_collection(KEYS.UPDATE_OPS, update.op)
    hub.add_signature(inputs=x, outputs=x * kernel)
    hub.add_signature("other", inputs=other, outputs=other * kernel)


def test_update_op_of_another_signature(tmp_path):
    handle = published(tmp_path, two_towers, INFERENCE_AND_TRAINING)
    refused("convert-update-op-inputs", handle, tmp_path)
    report = unihub.convert(handle, tmp_path / "other", signature="other", dry_run=True)
    assert report.update_ops == 1
    assert report.remarks == (
        "signature 'default' has no training mode: its update ops need the inputs of 'other'",
    )


def test_signature_that_names_not_all_inputs(tmp_path):
    def with_keep_probability():
        x, rate = floats(2), v1.placeholder(tf.float32, [], name="rate")
        return {"x": x}, {"y": x * variable("scale") * rate}

    handle = saved_model(tmp_path / "tf1", with_keep_probability)
    refused("signature-input-missing", handle, tmp_path)


def test_loss_of_the_inputs(tmp_path):
    def active():
        x = floats(2)
        y = x * variable("scale")
        v1.add_to_collection(KEYS.REGULARIZATION_LOSSES, tf.reduce_sum(y**2, name="activity"))
        hub.add_signature(inputs=x, outputs=y)

    refused("convert-loss-inputs", published(tmp_path, active), tmp_path)


def test_queue(tmp_path):
    def queued():
        x = floats(2)
        queue = tf.queue.FIFOQueue(3, tf.float32, [], name="queue")
        return {"x": x}, {"y": x * variable("scale") + queue.dequeue()}

    handle = saved_model(tmp_path / "tf1", queued)
    refused("convert-state-not-supported", handle, tmp_path)


def test_variable_without_a_value(tmp_path):
    def local():
        x = floats(2)
        count = variable("count", collections=[KEYS.LOCAL_VARIABLES])
        return {"x": x}, {"y": x * variable("scale") * count}

    handle = saved_model(tmp_path / "tf1", local)
    refused("convert-variable-without-value", handle, tmp_path)


def test_table_that_nothing_fills(tmp_path):
    def looked_up():
        x = v1.placeholder(tf.int64, [None], name="x")
        table = tf.raw_ops.HashTableV2(key_dtype=tf.int64, value_dtype=tf.int64, name="table")
        default = tf.constant(0, tf.int64)
        y = tf.raw_ops.LookupTableFindV2(
            table_handle=table, keys=x, default_value=default, name="find"
        )
        return {"x": x}, {"y": tf.cast(y, tf.float32) * variable("scale")}

    handle = saved_model(tmp_path / "tf1", looked_up)
    refused("convert-table-without-contents", handle, tmp_path)


def test_train_graph_of_another_signature(tmp_path):
    def other_inputs(is_training):
        x, y = floats(2), floats(2, name="y")
        inputs = {"x": x, "y": y} if is_training else {"x": x}
        outputs = (x + y if is_training else x) * variable("scale")
        hub.add_signature(inputs=inputs, outputs=outputs)

    handle = published(tmp_path, other_inputs, INFERENCE_AND_TRAINING)
    refused("convert-train-graph-differs", handle, tmp_path)


def choosy():
    x = v1.placeholder(tf.float32, [None], name="x")
    hub.add_signature(inputs=x, outputs=tf.reshape(x, [7, 13]) * variable("scale"))


def test_inputs_that_nobody_guesses(tmp_path):
    handle = published(tmp_path, choosy)
    refused("convert-needs-inputs", handle, tmp_path)
    given = {"default": {"default": [1.0] * 91}}
    assert unihub.convert(handle, tmp_path / "tf2", inputs=given).passed


def test_inputs_of_other_names(tmp_path):
    handle = published(tmp_path, choosy)
    given = {"default": {"image": [1.0] * 91}}
    refused("convert-wrong-inputs", handle, tmp_path, inputs=given)


def test_what_tensorflow_makes_no_function_of(tmp_path):
    def of_a_class():
        x = floats(2)
        hub.add_signature(inputs={"class": x}, outputs=x * variable("scale"))

    refused("convert-failed", published(tmp_path, of_a_class), tmp_path)


def test_what_differs_from_the_original_is_removed(tmp_path):
    def timed():
        x = floats(2)
        # Differs from one call to the next, and draws no random numbers.
        now = tf.cast(tf.math.floormod(tf.timestamp() * 1e6, 1e3), tf.float32)
        hub.add_signature(inputs=x, outputs=x * variable("scale") + now)

    error = refused("convert-mismatch", published(tmp_path, timed), tmp_path)
    assert isinstance(error, AssertionError)
