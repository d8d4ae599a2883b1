"""The Keras 3 layer, compared with tensorflow_hub's tf_keras layer in one process."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import subprocess
import sys

import numpy as np
import pytest

from unihub.runtime.installed import Keras, current_keras

if current_keras() is not Keras.KERAS3:
    pytest.skip("tf.keras is not Keras 3 in this stack", allow_module_level=True)

import keras
import tensorflow as tf
from golden import check_golden

import unihub
from unihub.apis.inputs import WrongInputShape
from unihub.apis.keras import errors
from unihub.apis.keras3.layer import KerasLayer, check_backend
from unihub.apis.tensorflow_hub import import_tensorflow_hub
from unihub.errors import UnihubError

X = np.random.RandomState(0).uniform(-1, 1, (8, 3)).astype(np.float32)
Y = np.random.RandomState(1).uniform(-1, 1, (8, 2)).astype(np.float32)
TEXTS = ["the quick fox", "hub", "of"]


@pytest.fixture(scope="session")
def hub_layer():
    """tensorflow_hub's KerasLayer, a layer of tf_keras."""
    return import_tensorflow_hub().KerasLayer


def functional(layer, *, learning_rate=0.1):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(learning_rate), "mse")
    return model


def values(weights):
    return [tf.convert_to_tensor(weight).numpy() for weight in weights]


def assert_all_close(actual, expected, tolerance=1e-6):
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


class Scaled(tf.Module):
    """A callable without a handle."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(2.0, name="outer/inner/scale")
        self.other = tf.Variable(3.0, name="outer/inner/scale")
        self.count = tf.Variable(0, trainable=False, name="count")

    def __call__(self, x, training=False):
        if training:
            self.count.assign_add(1)
        return x * self.scale * self.other


CALLED = {
    "tf2_reusable": lambda given: given["x"],
    "tf2_text": lambda given: given["sentences"],
    "tf2_dict": lambda given: dict(given),
    "tf2_list": lambda given: [given["0"], given["1"]],
    "keras2_saved_model": lambda given: given["x"],
    "keras2_dict_outputs": lambda given: dict(given),
}
SIGNATURES = [
    ("tf1_hub_scalar", "default"),
    ("tf1_hub_text", "default"),
    ("tf1_hub_image", "image_feature_vector"),
    ("tf1_hub_multi", "pair"),
    ("tf1_saved_model_pb", "serving_default"),
    ("tf2_signatures_only", "serving_default"),
    ("tf2_signatures_only", "statistics"),
    ("keras2_saved_model", "serving_default"),
    ("keras3_export", "serving_default"),
]


def expected(models, name, signature):
    with np.load(models / f"{name}.expected.npz") as arrays:
        cases = {"in": {}, "out": {}}
        for key in arrays.files:
            direction, case, tensor = key.split("|", 2)
            if case == signature:
                cases[direction][tensor] = arrays[key]
    assert cases["out"], f"{name} has no answers for {signature}"
    return cases["in"], cases["out"]


def flat(outputs):
    return values(tf.nest.flatten(outputs))


@pytest.mark.parametrize("name", CALLED)
def test_a_callable_answers_as_expected_and_as_hub(models, hub_layer, name):
    given, answer = expected(models, name, "__call__")
    inputs = CALLED[name](given)
    outputs = KerasLayer(str(models / name))(inputs)
    assert_all_close(flat(outputs), flat(dict(answer)))
    assert_all_close(flat(outputs), flat(hub_layer(str(models / name))(inputs)))


@pytest.mark.parametrize(("name", "signature"), SIGNATURES)
def test_a_signature_answers_as_expected_and_as_hub(models, hub_layer, name, signature):
    given, answer = expected(models, name, signature)
    options = {"signature": signature, "signature_outputs_as_dict": True}
    outputs = KerasLayer(str(models / name), **options)(dict(given))
    assert sorted(outputs) == sorted(answer)
    assert_all_close(flat(outputs), flat(dict(answer)))
    tensors = {name: tf.constant(value) for name, value in given.items()}
    assert_all_close(flat(outputs), flat(hub_layer(str(models / name), **options)(tensors)))


def test_tf1_hub_format_takes_the_default_signature_and_output(models, hub_layer):
    handle = str(models / "tf1_hub_multi")
    assert_all_close([KerasLayer(handle)(X)], [hub_layer(handle)(X)])
    assert KerasLayer(handle).get_config()["signature"] == "default"
    assert KerasLayer(handle).get_config()["output_key"] == "default"


def test_a_sparse_tensor_goes_into_a_tf1_signature(models):
    given, answer = expected(models, "tf1_hub_sparse", "default")
    parts = (given[f"default/{part}"] for part in ("indices", "values", "dense_shape"))
    layer = KerasLayer(str(models / "tf1_hub_sparse"))
    assert_all_close([layer(tf.SparseTensor(*parts))], [answer["default"]])
    assert layer(keras.Input((4,), sparse=True)).shape == (None, 2)


@pytest.mark.parametrize(("trainable", "training"), [(True, True), (True, False), (False, True)])
def test_training_mode_gives_what_hub_gives(models, hub_layer, trainable, training):
    handle = str(models / "keras2_saved_model")
    ours, theirs = KerasLayer(handle, trainable), hub_layer(handle, trainable)
    assert_all_close([ours(X, training=training)], [theirs(X, training=training)])
    assert_all_close(values(ours.weights), values(theirs.weights))


def test_weights_and_losses_are_those_of_hub(models, hub_layer):
    for name in ("keras2_saved_model", "tf2_reusable", "tf2_text", "tf1_hub_image"):
        ours, theirs = KerasLayer(str(models / name)), hub_layer(str(models / name))
        for trainable in (False, True, False):
            ours.trainable = theirs.trainable = trainable
            assert_all_close(values(ours.weights), values(theirs.weights))
            assert_all_close(values(ours.trainable_weights), values(theirs.trainable_weights))
            assert_all_close(
                values(ours.non_trainable_weights), values(theirs.non_trainable_weights)
            )
            assert_all_close(values(ours.losses), values(theirs.losses))


def test_gradients_are_those_of_hub(models, hub_layer):
    gradients = []
    for layer_class in (KerasLayer, hub_layer):
        layer = layer_class(str(models / "keras2_saved_model"), trainable=True)
        with tf.GradientTape() as tape:
            outputs = layer(X, training=True)
            loss = tf.reduce_mean((outputs - Y) ** 2) + tf.add_n(layer.losses)
        weights = [w.value if isinstance(w, keras.Variable) else w for w in layer.trainable_weights]
        gradients.append(tape.gradient(loss, weights))
    assert_all_close(*gradients)


def test_fit_moves_weights_and_statistics_as_with_hub(models, hub_layer):
    import tf_keras

    handle = str(models / "keras2_saved_model")
    ours = functional(KerasLayer(handle, trainable=True))
    theirs = tf_keras.Sequential([tf_keras.Input((3,)), hub_layer(handle, trainable=True)])
    theirs.compile(tf_keras.optimizers.SGD(0.1), "mse")
    start = values(ours.weights)
    histories = [
        model.fit(X, Y, batch_size=4, shuffle=False, epochs=2, verbose=0).history["loss"]
        for model in (ours, theirs)
    ]
    assert_all_close(*histories, tolerance=1e-5)
    assert_all_close(values(ours.weights), values(theirs.weights), tolerance=1e-5)
    moved = [not np.allclose(now, before) for now, before in zip(values(ours.weights), start)]
    assert moved == [True] * 5
    assert_all_close([ours.predict(X, verbose=0)], [theirs.predict(X, verbose=0)], 1e-5)


def test_fit_trains_the_loaded_object_itself(models):
    # Its bias does not move: training subtracts the mean over the batch.
    loaded = tf.saved_model.load(str(models / "tf2_reusable"))
    layer = KerasLayer(loaded, trainable=True)
    assert layer.resolved_object is loaded
    before = values(loaded.variables)
    functional(layer).fit(X, Y, verbose=0)
    assert [np.allclose(*pair) for pair in zip(before, values(loaded.variables))] == [
        False,
        True,
        False,
    ]
    assert_all_close(values(layer.weights), values(loaded.variables))


def test_sequential_and_subclassed_models(models):
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.body = KerasLayer(str(models / "tf2_reusable"), trainable=True)
            self.head = keras.layers.Dense(2)

        def call(self, inputs):
            return self.head(self.body(inputs))

    sequential = keras.Sequential(
        [
            keras.Input((3,)),
            KerasLayer(str(models / "tf2_reusable"), trainable=True),
            keras.layers.Dense(2),
        ]
    )
    assert sequential.output_shape == (None, 2)
    for model in (sequential, Subclassed()):
        model.compile("sgd", "mse")
        model.fit(X, Y, verbose=0)
        assert len(model.trainable_weights) == 4
        assert len(model.losses) == 1


def test_the_arguments_of_keras_2_for_a_first_layer(models):
    layer = KerasLayer(str(models / "tf2_text"), input_shape=[], dtype=tf.string)
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    assert model.inputs[0].dtype == "string"
    assert model.inputs[0].shape == (None,)
    assert model.predict(np.array(TEXTS, object), verbose=0).shape == (3, 1)
    for shape in ({"input_dim": 3}, {"batch_input_shape": (None, 3)}):
        layer = KerasLayer(str(models / "tf2_reusable"), **shape)
        assert keras.Sequential([layer, keras.layers.Dense(1)]).input_shape == (None, 3)


@pytest.mark.parametrize(
    "texts",
    [
        np.array(TEXTS, object),
        tf.constant(TEXTS),
        tf.data.Dataset.from_tensor_slices((TEXTS, np.zeros((3, 1), np.float32))).batch(3),
    ],
    ids=["object array", "string tensor", "dataset"],
)
def test_strings_of_rank_1_in_fit(models, texts):
    sequential = keras.Sequential([KerasLayer(str(models / "tf2_text")), keras.layers.Dense(1)])
    sequential.compile("sgd", "mse")
    labels = () if isinstance(texts, tf.data.Dataset) else (np.zeros((3, 1), np.float32),)
    assert np.isfinite(sequential.fit(texts, *labels, verbose=0).history["loss"]).all()
    assert sequential.inputs[0].dtype == "string"


def test_functional_models_of_dicts_and_lists(models):
    by_name = {"ids": keras.Input((), dtype="int32"), "weights": keras.Input(())}
    outputs = KerasLayer(str(models / "tf2_dict"))(by_name)
    assert {name: tensor.shape for name, tensor in outputs.items()} == {
        "scores": (None,),
        "total": (),
    }
    pair = {name: keras.Input((3,)) for name in ("left", "right")}
    layer = KerasLayer(
        str(models / "tf2_signatures_only"),
        signature="serving_default",
        signature_outputs_as_dict=True,
    )
    larger = layer(pair)["larger"]
    assert (larger.shape, larger.dtype) == ((None, 3), "bool")
    inputs = [keras.Input((3,)), keras.Input((3,))]
    model = keras.Model(inputs, KerasLayer(str(models / "tf2_list"))(inputs))
    given, answer = expected(models, "tf2_list", "__call__")
    assert_all_close([model.predict([given["0"], given["1"]], verbose=0)], flat(dict(answer)))


def test_python_and_numpy_values(models):
    text = KerasLayer(str(models / "tf2_text"))
    assert text(TEXTS).shape == (3, 4)
    assert text(np.array(TEXTS)).shape == (3, 4)
    reusable = KerasLayer(str(models / "tf2_reusable"))
    assert_all_close([reusable(X[:1].tolist())], [reusable(X[:1])])
    assert_all_close([reusable(X.astype(np.float64))], [reusable(X)])
    assert KerasLayer(str(models / "tf2_list"))((X, X)).shape == (8, 3)
    numbers = KerasLayer(str(models / "tf2_dict"))({"ids": [0, 1], "weights": [1, 2]})
    assert numbers["scores"].shape == (2,)


def test_ragged_tensors():
    rows = KerasLayer(lambda x: tf.reduce_sum(x, axis=1))
    assert_all_close([rows(tf.ragged.constant([[1.0, 2.0], [3.0]]))], [[3.0, 3.0]])
    assert rows(keras.Input((None,), ragged=True)).shape == (None,)


def test_in_a_time_distributed_layer(models):
    layer = keras.layers.TimeDistributed(KerasLayer(str(models / "tf2_reusable")))
    assert layer(keras.Input((5, 3))).shape == (None, 5, 2)


def test_attributes_that_scripts_reach_for_in_tensorflow_hubs_layer(models, hub_layer):
    names = ["_handle", "_arguments", "_signature", "_signature_outputs_as_dict", "_output_key"]
    names += ["_is_hub_module_v1", "_has_training_argument", "_load_options"]
    for name, given in {
        "tf2_reusable": {"arguments": {"training": False}},
        "tf2_signatures_only": {"signature": "statistics", "output_key": "mean"},
        "tf1_hub_multi": {"tags": []},
    }.items():
        ours, theirs = (kind(str(models / name), **given) for kind in (KerasLayer, hub_layer))
        for attribute in names:
            assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
        assert ours._func is ours.resolved_object
        assert callable(ours._callable)
        assert not hasattr(ours, "_output_shape")
    shaped = [
        kind(str(models / "tf2_reusable"), output_shape=[2]) for kind in (KerasLayer, hub_layer)
    ]
    assert shaped[0]._output_shape == shaped[1]._output_shape
    with pytest.raises(AttributeError, match="_no_such_name"):
        ours._no_such_name  # noqa: B018


def test_weights_of_a_keras_layer_as_callable_keep_their_place(tmp_path):
    import h5py

    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model = keras.Sequential([keras.Input((3,)), KerasLayer(dense)])
    model.save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5") as file:
        place = file["layers/keras_layer/resolved_object/layers/dense/vars/0"]
        np.testing.assert_array_equal(place, dense.weights[0])


def test_output_shape_and_its_inference(models):
    handle = str(models / "tf2_reusable")
    assert KerasLayer(handle).compute_output_shape((None, 3)) == (None, 2)
    assert KerasLayer(handle, output_shape=[2]).compute_output_shape((5, 3)) == (5, 2)
    shapes = {"ids": (7,), "weights": (7,)}
    assert KerasLayer(str(models / "tf2_dict")).compute_output_shape(shapes) == {
        "scores": (7,),
        "total": (),
    }
    given = KerasLayer(unknown_shape, output_shape=[3])
    assert given(keras.Input((3,))).shape == (None, 3)
    nested = KerasLayer(
        lambda x: {"a": unknown_shape(x), "b": x}, output_shape={"a": [3], "b": [3]}
    )
    assert nested(keras.Input((3,)))["a"].shape == (None, 3)
    assert nested.compute_output_shape((4, 3)) == {"a": (4, 3), "b": (4, 3)}
    deferred = keras.Sequential([keras.Input((3,)), KerasLayer(unknown_shape)])
    assert deferred.predict(X, verbose=0).shape == (8, 3)


def unknown_shape(x):
    return tf.raw_ops.PlaceholderWithDefault(input=x, shape=tf.TensorShape(None))


def test_no_xla_in_fit(models):
    layer = KerasLayer(str(models / "tf2_text"))
    assert layer.supports_jit is False
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    with pytest.warns(UserWarning, match="jit_compile"):
        model.compile("sgd", "mse", jit_compile=True)
    model.fit(np.array(TEXTS, object), np.zeros((3, 1), np.float32), verbose=0)


def test_export(models, tmp_path):
    text = keras.Input((), dtype="string")
    model = keras.Model(text, KerasLayer(str(models / "tf2_text"))(text))
    model.export(str(tmp_path / "exported"), verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    assert_all_close([exported.serve(tf.constant(TEXTS))], [model(tf.constant(TEXTS))])


def test_training_is_asked_for_only_when_trainable():
    layer = KerasLayer(Scaled(), trainable=True)
    layer(X)
    layer(X, training=False)
    layer(X, training=True)
    layer(X, training=tf.constant(True))
    layer(X, training=tf.constant(False))
    assert layer.resolved_object.count.numpy() == 2
    layer.trainable = False
    layer(X, training=True)
    assert layer.resolved_object.count.numpy() == 2


def test_arguments_go_to_the_callable():
    layer = KerasLayer(lambda x, *, power: x**power, arguments={"power": 2})
    assert_all_close([layer(X)], [X**2])


def test_toggling_trainable_on_the_layer_and_around_it(models):
    layer = KerasLayer(str(models / "tf2_reusable"))
    model = functional(layer)

    def counts():
        return len(model.trainable_weights), len(model.non_trainable_weights)

    assert counts() == (0, 3)
    layer.trainable = True
    assert counts() == (2, 1)
    model.trainable = False
    assert (layer.trainable, counts()) == (False, (0, 3))
    model.trainable = True
    assert counts() == (2, 1)
    layer.trainable_weights[0].trainable = False
    assert counts() == (1, 2)


def test_what_cannot_train_may_be_toggled_but_not_called(models):
    layer = KerasLayer(str(models / "tf1_hub_scalar"))
    layer.trainable = True
    with pytest.raises(errors.TF1HubNotTrainable):
        layer(np.ones(2, np.float32))
    layer.trainable = False
    assert layer(np.ones(2, np.float32)).shape == (2,)


def test_layers_that_share_an_object_share_its_weights(models):
    loaded = tf.saved_model.load(str(models / "tf2_reusable"))
    first, second = KerasLayer(loaded, trainable=True), KerasLayer(loaded)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, first(inputs) + second(inputs))
    assert (len(model.trainable_weights), len(model.weights)) == (2, 3)
    first.trainable = False
    assert len(model.trainable_weights) == 0
    second.trainable = True
    assert len(model.trainable_weights) == 2
    assert len(first.trainable_weights) == 0


def test_weight_names_have_no_slash_and_do_not_clash():
    layer = KerasLayer(Scaled(), name="scaled", trainable=True)
    assert [weight.path for weight in layer.weights] == [
        "scaled/outer_inner_scale",
        "scaled/outer_inner_scale_1",
        "scaled/count",
    ]


def test_a_keras_layer_as_callable_is_a_sublayer():
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    layer = KerasLayer(dense, trainable=True)
    assert [id(weight) for weight in layer.weights] == [id(weight) for weight in dense.weights]
    assert_all_close([layer(X)], [dense(X)])


def test_says_once_that_nothing_trains(caplog):
    layer = KerasLayer(lambda x: x, trainable=True)
    with caplog.at_level(logging.ERROR, "unihub"):
        layer(X)
        layer(X)
    assert [record.message for record in caplog.records] == [
        "KerasLayer is trainable but has no trainable weights: the <lambda> object"
    ]


@pytest.mark.parametrize("name", ["keras2_saved_model", "tf2_reusable"])
def test_mixed_precision_leaves_the_model_as_it_is(models, name):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = KerasLayer(str(models / name), trainable=True)
        model = functional(layer)
        model.fit(X, Y, verbose=0)
        assert (layer.compute_dtype, layer.variable_dtype) == ("float32", "float32")
        assert layer(tf.cast(X, tf.float16)).dtype == tf.float32
        untold = KerasLayer(lambda x: tf.matmul(x, tf.ones([3, 2])))
        assert untold(tf.cast(X, tf.float16)).dtype == tf.float32
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def fine_tuned(models, tmp_path_factory):
    """A functional model, trained, and the .keras file it was saved to."""
    handle = str(models / "keras2_saved_model")
    model = functional(KerasLayer(handle, trainable=True, tags=["serve"], name="body"))
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    file = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(file)
    return model, file


def test_a_saved_model_comes_back_with_its_weights(models, fine_tuned):
    model, file = fine_tuned
    again = keras.models.load_model(file, safe_mode=False)
    assert again.get_layer("body").get_config() == model.get_layer("body").get_config()
    assert_all_close(values(again.weights), values(model.weights))
    assert_all_close(values(again.optimizer.variables), values(model.optimizer.variables))
    assert_all_close([again.predict(X, verbose=0)], [model.predict(X, verbose=0)])
    original = KerasLayer(str(models / "keras2_saved_model"))
    assert not np.allclose(original.weights[0], again.weights[0])
    again.fit(X, Y, verbose=0)


def test_weights_files(fine_tuned, tmp_path):
    model, _ = fine_tuned
    fresh = keras.models.clone_model(model)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh.load_weights(tmp_path / "model.weights.h5")
    assert_all_close(values(fresh.weights), values(model.weights))
    checkpoint = tf.train.Checkpoint(model).write(str(tmp_path / "checkpoint"))
    other = keras.models.clone_model(model)
    tf.train.Checkpoint(other).read(checkpoint)
    assert_all_close(values(other.weights), values(model.weights))


def test_clones_need_no_lifted_safe_mode(fine_tuned):
    model, _ = fine_tuned
    clones = [
        keras.models.clone_model(model),
        keras.Model.from_config(model.get_config()),
        keras.Sequential([KerasLayer.from_config(model.get_layer("body").get_config())]),
    ]
    for clone in clones:
        assert len(clone.weights) == len(model.weights) == 5


def test_safe_mode_refuses_what_a_file_names(models, fine_tuned):
    model, file = fine_tuned
    config = json.loads(json.dumps(model.get_layer("body").get_config()))
    with keras.src.saving.serialization_lib.SafeModeScope(True):
        for refused in (
            lambda: keras.models.load_model(file),
            lambda: keras.models.model_from_json(model.to_json()),
            lambda: KerasLayer.from_config(config),
            lambda: KerasLayer(**config),
            lambda: KerasLayer(models / "tf2_reusable"),
        ):
            with pytest.raises(errors.UnsafeDeserialization):
                refused()
        KerasLayer(lambda x: x)
        keras.config.enable_unsafe_deserialization()
        assert len(keras.models.load_model(file).weights) == 5
        assert len(keras.models.model_from_json(model.to_json()).weights) == 5
    with pytest.raises(errors.UnsafeDeserialization):
        KerasLayer.from_config(config)
    assert KerasLayer.from_config(config, safe_mode=False).get_config() == config
    assert KerasLayer(**config).get_config() == config


@keras.saving.register_keras_serializable("unihub_tests")
class MadeOfHandle(keras.Model):
    def __init__(self, handle, **kwargs):
        super().__init__(**kwargs)
        self.handle = handle
        self.body = KerasLayer(handle, trainable=True)

    def call(self, inputs):
        return self.body(inputs)

    def get_config(self):
        return {**super().get_config(), "handle": self.handle}


def test_a_subclassed_model_is_refused_by_the_constructor(models, tmp_path):
    model = MadeOfHandle(str(models / "keras2_saved_model"))
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    with pytest.raises(errors.UnsafeDeserialization):
        keras.models.load_model(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=False)
    assert_all_close([again(X)], [model(X)])


def test_config_of_all_arguments(models):
    layer = KerasLayer(
        models / "keras2_dict_outputs",
        arguments={"training": False},
        tags={"serve"},
        output_key="sum",
        output_shape=[2],
        name="layer",
    )
    assert layer.get_config() == {
        "name": "layer",
        "trainable": False,
        "dtype": keras.dtype_policies.serialize(keras.dtype_policies.DTypePolicy("float32")),
        "handle": str(models / "keras2_dict_outputs"),
        "arguments": {"training": False},
        "tags": ["serve"],
        "output_key": "sum",
        "output_shape": [2],
    }
    assert keras.saving.get_registered_name(KerasLayer) == "unihub>KerasLayer"


def test_a_config_of_hub_is_taken(models, hub_layer):
    theirs = hub_layer(str(models / "tf2_reusable"), trainable=True, input_shape=(3,))
    ours = KerasLayer.from_config(theirs.get_config(), safe_mode=False)
    assert (ours.name, len(ours.trainable_weights)) == (theirs.name, 2)


def signatures_only(models, **options):
    return KerasLayer(str(models / "tf2_signatures_only"), **options)


def pair_layer(models):
    return signatures_only(models, signature="serving_default", signature_outputs_as_dict=True)


def reusable(models, **options):
    return KerasLayer(str(models / "tf2_reusable"), **options)


def text_layer(models):
    return KerasLayer(str(models / "tf2_text"))


def with_bad_losses():
    module = Scaled()
    module.regularization_losses = [3.0]
    return KerasLayer(module)


def with_bad_variables():
    def kept(x):
        return x

    kept.variables = [3.0]
    return KerasLayer(kept)


def in_a_graph(models):
    with tf.Graph().as_default():
        return reusable(models)


def on_a_tf_keras_tensor(models):
    import tf_keras

    return reusable(models)(tf_keras.Input((3,), name="x"))


# Code, or the code and what sets the case apart: what provokes it.
REFUSED = {
    "keras-layer-backend": lambda models: check_backend("numpy", str(models / "tf2_text")),
    "keras-layer-graph-mode": in_a_graph,
    "keras-layer-safe-mode": lambda models: KerasLayer.from_config({"handle": "path"}),
    "keras-layer-handle": lambda models: KerasLayer(3),
    "keras-layer-already-loaded": lambda models: KerasLayer(Scaled(), tags=["serve"]),
    "keras-layer-signature-required": signatures_only,
    "unknown-signature-of-layer": lambda models: signatures_only(models, signature="statistic"),
    "nothing-to-call-in-layer": lambda models: KerasLayer(str(models / "tf2_sub_objects")),
    "keras-layer-output-choice": lambda models: signatures_only(models, signature="statistics"),
    "keras-layer-output-choice-both": lambda models: signatures_only(
        models, signature="statistics", output_key="mean", signature_outputs_as_dict=True
    ),
    "output-key-without-signature-of-layer": lambda models: reusable(
        models, signature_outputs_as_dict=True
    ),
    "unknown-output-key-of-layer": lambda models: signatures_only(
        models, signature="statistics", output_key="men"
    ),
    "keras-layer-output-key-without-dict": lambda models: reusable(models, output_key="x")(X),
    "keras-layer-unknown-output-shape": lambda models: KerasLayer(unknown_shape)(keras.Input((3,))),
    "keras-layer-tf1-hub-not-trainable": lambda models: KerasLayer(
        unihub.load(models / "tf1_hub_scalar"), trainable=True
    ),
    "keras-layer-signature-not-trainable": lambda models: KerasLayer(
        unihub.load(models / "tf2_reusable"),
        signature="serving_default",
        output_key="output_0",
        trainable=True,
    ),
    "keras-layer-argument": lambda models: reusable(models, trainble=True),
    "keras-layer-regularization-losses": lambda models: with_bad_losses(),
    "keras-layer-variables": lambda models: with_bad_variables(),
    "keras-layer-config-handle": lambda models: KerasLayer(Scaled()).get_config(),
    "keras-layer-config-argument": lambda models: reusable(
        models, arguments={"table": object()}
    ).get_config(),
    "keras-layer-output-shape": lambda models: reusable(models, output_shape="two"),
    "keras-layer-other-output-shape": lambda models: reusable(models, output_shape=[7])(X),
    "keras-layer-of-other-keras-3": on_a_tf_keras_tensor,
    "wrong-input-names-of-layer": lambda models: pair_layer(models)({"lefft": X, "right": X}),
    "wrong-input-names-missing": lambda models: pair_layer(models)({"left": X}),
    "wrong-input-structure-of-layer": lambda models: pair_layer(models)([X, X]),
    "wrong-input-structure-dict": lambda models: reusable(models)({"x": X}),
    "wrong-input-structure-ragged": lambda models: reusable(models)(
        tf.ragged.constant([[1.0], [2.0, 3.0]])
    ),
    "wrong-input-shape-rank": lambda models: text_layer(models)(np.array([["hub"], ["fox"]])),
    "wrong-input-shape-rank-symbolic": lambda models: text_layer(models)(
        keras.Input((1,), dtype="string")
    ),
    "wrong-input-shape-rank-signature": lambda models: pair_layer(models)(
        {"left": X[0], "right": X}
    ),
    "wrong-input-shape-of-layer": lambda models: reusable(models)(X[:, :2]),
    "wrong-input-shape-image": lambda models: KerasLayer(str(models / "tf1_hub_image"))(
        keras.Input((16, 16, 3))
    ),
    "symbolic-input": lambda models: unihub.load(models / "tf2_reusable")(
        keras.Input((3,), name="x")
    ),
    "symbolic-input-of-signature": lambda models: unihub.load(models / "tf1_hub_multi")(
        keras.Input((3,), name="x")
    ),
    "wrong-arguments-of-layer": lambda models: reusable(models, arguments={"trainng": True})(X),
    "keras-layer-model-moved": lambda models: KerasLayer.from_config(
        {"handle": str(models / "tf2_reusable" / "moved")}, safe_mode=False
    ),
    "wrong-input-dtype-of-layer": lambda models: reusable(models)(X.astype(np.int64)),
    "wrong-input-dtype-string": lambda models: text_layer(models)(np.arange(3)),
    "wrong-input-dtype-symbolic": lambda models: pair_layer(models)(
        {"left": keras.Input((3,), dtype="int32"), "right": keras.Input((3,))}
    ),
}
BUILTINS = (ValueError, TypeError, RuntimeError, FileNotFoundError)


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(models, case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnihubError) as refused:
        REFUSED[case](models)
    assert isinstance(refused.value, UnihubError)
    assert isinstance(refused.value, BUILTINS)
    assert case.startswith(refused.value.code)
    at_hand = {"handle": str(models / "tf2_reusable"), "left": X, "right": X}
    if case == "wrong-input-shape-of-layer":
        at_hand["x"] = X
    if case == "keras-layer-variables":
        at_hand["obj"] = tf.train.Checkpoint(kernel=tf.Variable(X))
    if case == "keras-layer-safe-mode":
        at_hand["path"] = str(tmp_path / "model.keras")
        keras.Sequential([keras.Input((3,)), reusable(models)]).save(at_hand["path"])
    minor = ".".join(tf.__version__.split(".")[:2])
    check_golden(
        case, str(refused.value), at_hand, models=models, keras=keras.__version__, minor=minor
    )


def test_every_error_is_provoked():
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    own = [kind for kind in classes if kind.__module__ == errors.__name__]
    codes = {kind.code for kind in own if "code" in vars(kind)}
    assert codes
    assert [code for code in codes if not any(case.startswith(code) for case in REFUSED)] == []


def test_tf_keras_names_both_kerases_when_it_refuses_the_layer(models):
    import tf_keras

    for use in (tf_keras.layers.TimeDistributed, lambda layer: tf_keras.Sequential([layer])):
        with pytest.raises((TypeError, ValueError), match="KerasLayer") as refused:
            use(reusable(models))
        text = str(refused.value)
        assert "of keras (Keras 3), not of tf_keras (Keras 2)" in text
        assert "TF_USE_LEGACY_KERAS=1" in text


def test_a_signature_runs_on_no_other_sizes(models):
    layer = KerasLayer(str(models / "tf1_hub_image"))
    assert layer(keras.Input((None, None, 3))).shape[0] is None
    for shape in ((1, 16, 16, 3), (1, 8, 8, 1)):
        for given in (tf.zeros(shape), np.zeros(shape), keras.Input(shape[1:])):
            with pytest.raises(WrongInputShape):
                layer(given)


def test_an_error_keeps_its_class_inside_fit_and_traced_functions(models):
    layer = reusable(models)
    with pytest.raises(WrongInputShape):
        tf.function(lambda x: layer(x))(X[:, :2])
    model = MadeOfHandle(str(models / "tf2_reusable"))
    model.compile("sgd", "mse")
    with pytest.raises(WrongInputShape):
        model.fit(X[:, :2], Y, verbose=0)


def test_the_lines_that_errors_advise_work(models):
    column = keras.Input((1,), dtype="string")
    layer = text_layer(models)
    model = keras.Model(column, layer(keras.ops.squeeze(column, axis=1)))
    assert model.predict(tf.constant([["hub"], ["fox"]]), verbose=0).shape == (2, 4)
    assert layer(tf.strings.as_string(tf.range(3))).shape == (3, 4)
    assert reusable(models)(keras.ops.expand_dims(X[0], axis=0)).shape == (1, 2)
    assert reusable(models)(keras.ops.cast(np.ones((2, 3), np.int64), "float32")).shape == (2, 2)


def test_an_error_of_the_model_itself_passes():
    def failing(x):
        raise ValueError("the model says so")

    with pytest.raises(ValueError, match="the model says so"):
        KerasLayer(failing)(X)


def test_a_backend_that_is_not_installed():
    if importlib.util.find_spec("jax") is not None:
        pytest.skip("JAX is installed here")
    code = "import unihub\ntry:\n    unihub.KerasLayer('m')\nexcept ImportError as e:\n    print(e)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    check_golden("keras-backend-absent", run.stdout.strip())
