"""What a converted model is: the interface, and equal to the original."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS
from fixtures.expected import expected_file, read_cases

if not tf.executing_eagerly():
    pytest.skip(f"TensorFlow {tf.__version__} has no eager execution", allow_module_level=True)

from conversion.published import INFERENCE_AND_TRAINING, counting, floats, hub, module, v1, variable

import unihub
from unihub.apis.keras.kerases import keras_module

CONVERTED = Path(__file__).parent / "converted"
CONVERTIBLE = [
    "tf1_hub_scalar",
    "tf1_hub_image",
    "tf1_hub_text",
    "tf1_hub_multi",
    "tf1_hub_sparse",
    "tf1_hub_partitioned",
    "tf1_hub_resource",
    "tf1_hub_ref_variables",
    "tf1_saved_model_pbtxt",
    "tf1_saved_model_table",
]
IMAGES = tf.constant(np.linspace(0, 1, 2 * 8 * 8 * 3).reshape(2, 8, 8, 3), tf.float32)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A converted image module: where it is, the report, and the loaded model."""
    path = tmp_path_factory.mktemp("converted") / "image"
    report = unihub.convert(MODELS / "tf1_hub_image", path)
    return path, report, tf.saved_model.load(str(path))


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counter")
    module(folder / "tf1", counting, INFERENCE_AND_TRAINING)
    unihub.convert(folder / "tf1", folder / "tf2")
    return folder / "tf2"


def tensors_of(inputs):
    sparse = {name.partition("/")[0] for name in inputs if "/" in name}
    tensors = {name: tf.constant(value) for name, value in inputs.items() if "/" not in name}
    for name in sparse:
        parts = (inputs[f"{name}/{part}"] for part in ("indices", "values", "dense_shape"))
        tensors[name] = tf.SparseTensor(*parts)
    return tensors


def call(model, report, case):
    """Calls the signature of a case by the attribute that it has become."""
    inputs = tensors_of(case.inputs)
    argument = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    name = report.callables.get(case.signature)
    outputs = (model if name is None else getattr(model, name))(argument)
    return outputs if isinstance(outputs, dict) else {next(iter(case.outputs)): outputs}


@pytest.mark.parametrize("name", CONVERTIBLE)
def test_answers_are_those_of_the_real_module(name, tmp_path):
    report = unihub.convert(MODELS / name, tmp_path / "converted")
    model = tf.saved_model.load(str(tmp_path / "converted"))
    for case in read_cases(expected_file(name)):
        outputs = call(model, report, case)
        assert sorted(outputs) == sorted(case.outputs)
        for key, expected in case.outputs.items():
            np.testing.assert_allclose(outputs[key].numpy(), expected, rtol=1e-5, atol=1e-6)
    assert report.passed
    assert report.gradients == report.trainable_variables


def test_weights_are_bit_equal_and_keep_their_names(image):
    _, report, model = image
    checkpoint = tf.train.load_checkpoint(str(MODELS / "tf1_hub_image/variables/variables"))
    for one in model.variables:
        value = checkpoint.get_tensor(one.name.partition(":")[0])
        assert value.tobytes() == one.numpy().tobytes()
    assert sorted(checkpoint.get_variable_to_shape_map()) == sorted(report.variables)
    assert [one.name for one in model.trainable_variables] == [
        f"{name}:0" for name in report.trainable_variables
    ]
    assert sorted(report.trainable_variables) == [
        "net/conv/kernel",
        "net/logits/bias",
        "net/logits/kernel",
        "net/norm/beta",
        "net/norm/gamma",
    ]


def test_training_moves_statistics_and_draws_dropout_and_inference_does_neither(image):
    path, _, _ = image
    model = tf.saved_model.load(str(path))
    before = [one.numpy() for one in model.variables]
    first = model(IMAGES).numpy()
    assert np.array_equal(first, model(IMAGES, training=False).numpy())
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, model.variables))
    draws = {model(IMAGES, training=True).numpy().tobytes() for _ in range(8)}
    assert len(draws) > 1
    moved = [b.name for a, b in zip(before, model.variables) if not np.array_equal(a, b.numpy())]
    assert sorted(moved) == ["net/norm/moving_mean:0", "net/norm/moving_variance:0"]


def test_regularization_loss_is_that_of_the_collection(image):
    _, _, model = image
    (loss,) = model.regularization_losses
    (kernel,) = (one for one in model.variables if one.name == "net/conv/kernel:0")
    np.testing.assert_allclose(loss().numpy(), 0.02 * tf.nn.l2_loss(kernel).numpy(), rtol=1e-6)


def test_signatures_keep_their_names(image):
    _, report, model = image
    assert sorted(model.signatures) == ["default", "image_feature_vector"]
    outputs = model.signatures["image_feature_vector"](images=IMAGES)
    assert sorted(outputs) == ["default", "net/conv"]
    assert report.callables == {"image_feature_vector": "image_feature_vector"}


def test_origin_and_attached_messages_travel(image):
    path, report, model = image
    note = json.loads((path / "assets.extra" / "unihub_conversion.json").read_text("utf-8"))
    assert note["handle"] == str(MODELS / "tf1_hub_image")
    assert (note["unihub"], note["tensorflow"]) == (unihub.__version__, tf.__version__)
    assert len(note["sha256"]) == 64
    file = model.attached_messages.asset_path.numpy().decode()
    variants = json.loads(Path(file).read_text("utf-8"))
    assert [variant["tags"] for variant in variants] == [[], ["train"]]
    message = hub.ImageModuleInfo.FromString(
        base64.b64decode(variants[0]["messages"]["image_module_info"])
    )
    assert message.default_image_size.height == 8
    assert report.attached_messages == ("image_module_info",)


def test_update_ops_run_once_in_each_training_call(counter):
    model = tf.saved_model.load(str(counter))
    (steps,) = (one for one in model.variables if one.name == "steps:0")
    start = steps.numpy()
    x = tf.ones([2, 4])
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x, training=True))
        tape.gradient(loss, model.trainable_variables)
    model(x, training=False)
    assert steps.numpy() - start == pytest.approx(3)
    step = tf.function(lambda: (model(x, training=True), model(x)))
    step()
    step()
    assert steps.numpy() - start == pytest.approx(5)


def test_losses_are_one_function_each(counter):
    model = tf.saved_model.load(str(counter))
    (kernel,) = model.trainable_variables
    first, second = (loss().numpy() for loss in model.regularization_losses)
    np.testing.assert_allclose(first, 0.5 * np.sum(kernel.numpy() ** 2), rtol=1e-6)
    assert second == np.max(kernel.numpy())


def test_fit_trains_it_in_a_keras_layer(counter):
    keras = keras_module()
    layer = unihub.load(counter, op="fine_tuning")
    (kernel,) = layer.trainable_weights
    before = np.copy(kernel.numpy())
    steps = next(one for one in layer.weights if "steps" in one.name)
    start = float(steps.numpy())
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones([12, 4], "float32"), np.zeros([12, 1], "float32"), 4, verbose=0)
    assert len(layer.losses) == 2
    assert not np.array_equal(before, kernel.numpy())
    assert float(steps.numpy()) - start == pytest.approx(3)


def test_it_needs_nothing_of_the_original(tmp_path):
    shutil.copytree(str(MODELS / "tf1_hub_text"), str(tmp_path / "original"))
    unihub.convert(tmp_path / "original", tmp_path / "converted")
    shutil.rmtree(str(tmp_path / "original"))
    (tmp_path / "converted").rename(tmp_path / "elsewhere")
    model = tf.saved_model.load(str(tmp_path / "elsewhere"))
    (case,) = read_cases(expected_file("tf1_hub_text"))
    (found,) = [model(tf.constant(case.inputs["default"])).numpy()]
    np.testing.assert_allclose(found, case.outputs["default"], rtol=1e-6)
    assert [file.name for file in (tmp_path / "elsewhere" / "assets").iterdir()] == [
        "vocabulary.txt"
    ]


def test_ragged_inputs(tmp_path):
    def ragged():
        x = v1.ragged.placeholder(tf.float32, 1, name="x")
        hub.add_signature(inputs=x, outputs=tf.reduce_sum(x, axis=1) * variable("scale"))

    module(tmp_path / "tf1", ragged)
    unihub.convert(tmp_path / "tf1", tmp_path / "tf2")
    model = tf.saved_model.load(str(tmp_path / "tf2"))
    (scale,) = model.variables
    found = model(tf.ragged.constant([[1.0, 2.0], [], [4.0]]))
    np.testing.assert_allclose(found.numpy(), np.array([3.0, 0.0, 4.0]) * scale.numpy())


def test_reference_variables_are_written_in_order(tmp_path):
    def moving(is_training):
        x = floats(2)
        with v1.variable_scope("", use_resource=False):
            mean = variable("mean", 2, trainable=False)
            kernel = variable("kernel", 2, 2)
        y = tf.matmul(x - mean, kernel)
        if is_training:
            update = v1.assign_sub(mean, 0.5 * (mean - tf.reduce_mean(x, 0)))
            v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update)
        hub.add_signature(inputs=x, outputs=y)

    module(tmp_path / "tf1", moving, INFERENCE_AND_TRAINING)
    report = unihub.convert(tmp_path / "tf1", tmp_path / "tf2")
    model = tf.saved_model.load(str(tmp_path / "tf2"))
    mean = next(one for one in model.variables if one.name == "mean:0")
    before = mean.numpy()
    model(tf.zeros([3, 2]), training=True)
    np.testing.assert_allclose(mean.numpy(), 0.5 * before, rtol=1e-6)
    assert report.remarks == ("2 reference variables are resource variables now",)


def test_a_cond_on_a_constant_is_its_one_branch(tmp_path):
    def learning_phase():
        x = floats(2)
        training = v1.placeholder_with_default(False, [], name="training")
        kernel = variable("kernel", 2, 2)
        y = tf.matmul(x, kernel)
        v1.disable_control_flow_v2()
        y = v1.cond(training, lambda: tf.nn.dropout(y, rate=0.5), lambda: y + 1.0)
        v1.enable_control_flow_v2()
        hub.add_signature(inputs=x, outputs=y)

    module(tmp_path / "tf1", learning_phase)
    report = unihub.convert(tmp_path / "tf1", tmp_path / "tf2")
    assert report.gradients == ("kernel",)


def test_v2_control_flow_and_functions_are_differentiated(tmp_path):
    def functional():
        x = floats(2)
        kernel = variable("kernel", 2, 2)

        @tf.function
        def twice(value):
            return tf.matmul(tf.matmul(value, kernel), kernel)

        _, powers = tf.while_loop(
            lambda step, _: step < 3, lambda step, value: (step + 1, twice(value)), (0, x)
        )
        hub.add_signature(
            inputs=x, outputs=tf.cond(tf.reduce_sum(x) > 0, lambda: powers, lambda: -powers)
        )

    module(tmp_path / "tf1", functional)
    report = unihub.convert(tmp_path / "tf1", tmp_path / "tf2")
    assert report.gradients == ("kernel",)


def test_a_dry_run_leaves_nothing_and_reports_the_same(image, tmp_path):
    _, report, _ = image
    dry = unihub.convert(MODELS / "tf1_hub_image", tmp_path / "new" / "image", dry_run=True)
    assert list(tmp_path.iterdir()) == []
    assert dry.path is None
    assert (dry.checks, dry.variables) == (report.checks, report.variables)
    assert "nothing: this is a dry run" in str(dry)


def test_overwriting_replaces_a_model_with_all_that_is_in_it(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("old")
    (tmp_path / "out" / "saved_model.pb").write_text("old")
    unihub.convert(MODELS / "tf1_hub_scalar", tmp_path / "out", overwrite=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out"]
    assert not (tmp_path / "out" / "notes.txt").exists()


@pytest.mark.parametrize("writer", sorted(path.name for path in CONVERTED.iterdir()))
def test_what_one_tensorflow_writes_another_loads_and_trains(writer):
    model = tf.saved_model.load(str(CONVERTED / writer))
    (case, *_) = read_cases(expected_file("tf1_hub_image"))
    with tf.GradientTape() as tape:
        found = model(tf.constant(case.inputs["images"]), training=False)
    np.testing.assert_allclose(found.numpy(), case.outputs["default"], rtol=1e-5, atol=1e-6)
    assert None not in tape.gradient(found, model.trainable_variables)
    model(IMAGES, training=True)
