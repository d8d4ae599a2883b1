"""The wrapper that makes a loaded object callable changes nothing else about it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import tensorflow as tf
import wrapt
from conftest import MODELS
from fixtures.expected import expected_file, read_cases

import unihub
from unihub.apis.proxy import CallableObject

pytestmark = pytest.mark.usefixtures("eager")

NAME = "tf1_hub_resource"


@pytest.fixture
def loaded():
    return unihub.load(str(MODELS / NAME), fast=False)


@pytest.fixture
def case():
    (case,) = read_cases(expected_file(NAME))
    return case


@pytest.fixture
def x(case):
    return tf.constant(case.inputs["default"])


def test_only_what_cannot_be_called_is_wrapped(loaded):
    assert type(loaded) is CallableObject
    reusable = unihub.load(str(MODELS / "tf2_reusable"))
    assert not isinstance(reusable, wrapt.ObjectProxy)


def test_it_answers_as_the_signature_does(loaded, case, x):
    np.testing.assert_allclose(loaded(x), case.outputs["default"], rtol=1e-6)
    np.testing.assert_array_equal(loaded(x), loaded.signatures["default"](default=x)["default"])


def test_attributes_are_the_loaded_objects(loaded):
    raw = loaded.__wrapped__
    assert loaded.variables is raw.variables
    assert loaded.signatures is raw.signatures
    assert loaded.graph is raw.graph
    assert len(loaded.variables) == 3
    assert set(dir(raw)) <= set(dir(loaded))
    assert not hasattr(loaded, "no_such_attribute")


def test_attributes_can_be_set_on_the_loaded_object(loaded):
    loaded.note = "mine"
    assert loaded.__wrapped__.note == "mine"


def test_isinstance(loaded):
    assert isinstance(loaded, type(loaded.__wrapped__))
    assert loaded.__class__ is type(loaded.__wrapped__)
    assert callable(loaded)


def test_equality_and_hash(loaded):
    assert loaded == loaded.__wrapped__
    assert hash(loaded) == hash(loaded.__wrapped__)


def test_repr_names_the_model_and_the_signature(loaded):
    text = repr(loaded)
    assert text.startswith("<model ")
    assert text.endswith(", api='load': m(inputs) is its signature 'default'; loaded in full>")


def test_tracing_in_a_tf_function(loaded, x):
    traced = tf.function(lambda tensor: loaded(tensor) * 2.0)
    np.testing.assert_allclose(traced(x), loaded(x) * 2.0, rtol=1e-6)


def test_gradients(loaded, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(loaded(x))
    by_input, *by_variables = tape.gradient(y, [x, *loaded.variables])
    assert by_input.shape == x.shape
    assert float(tf.reduce_max(tf.abs(by_input))) > 0.0
    assert any(gradient is not None for gradient in by_variables)


def test_dataset_map(loaded, x):
    (mapped,) = tf.data.Dataset.from_tensors(x).map(loaded)
    np.testing.assert_allclose(mapped, loaded(x), rtol=1e-6)


def test_saving_it_again(loaded, x, tmp_path):
    tf.saved_model.save(loaded, str(tmp_path / "m"), signatures=loaded.signatures)
    again = tf.compat.v1.saved_model.load_v2(str(tmp_path / "m"))
    np.testing.assert_array_equal(again.signatures["default"](default=x)["default"], loaded(x))


def test_tracking_as_an_attribute_of_a_module(loaded, x, tmp_path):
    module = tf.Module()
    module.embedding = loaded
    module.head = tf.Variable(2.0)
    module.__call__ = tf.function(
        lambda tensor: module.embedding(tensor) * module.head,
        input_signature=[tf.TensorSpec([None, 3], tf.float32)],
    )
    tf.saved_model.save(module, str(tmp_path / "m"))
    again = tf.compat.v1.saved_model.load_v2(str(tmp_path / "m"))
    np.testing.assert_allclose(again(x), loaded(x) * 2.0, rtol=1e-6)
    assert len(again.embedding.variables) == len(loaded.variables)


def test_checkpointing_through_it(loaded, tmp_path):
    variable = loaded.variables[0]
    prefix = tf.train.Checkpoint(model=loaded).save(str(tmp_path / "c"))
    before = variable.numpy()
    variable.assign(before + 1.0)
    tf.train.Checkpoint(model=loaded).restore(prefix)
    np.testing.assert_array_equal(variable.numpy(), before)


def test_tracking_as_an_attribute_of_a_keras_layer(loaded, x):
    class Embedding(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.embedding = loaded

        def call(self, inputs):
            return self.embedding(inputs)

    layer = Embedding()
    np.testing.assert_allclose(layer(x), loaded(x), rtol=1e-6)
    inputs = tf.keras.layers.Input([3])
    model = tf.keras.Model(inputs, layer(inputs))
    np.testing.assert_allclose(model.predict(x, verbose=0), loaded(x), rtol=1e-5)


def test_copying_copies_no_weights(loaded):
    shallow = copy.copy(loaded)
    assert type(shallow) is type(loaded)
    assert shallow.__wrapped__ is loaded.__wrapped__
