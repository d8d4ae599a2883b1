"""What a caller who fine-tunes a TF1 format is told."""

from __future__ import annotations

import logging
import shutil

import pytest
import tensorflow as tf
from conftest import MODELS
from inspection import judged_models

import unihub


@pytest.fixture
def image(tmp_path):
    """A module with a train graph, under a handle that nothing was said about yet."""
    shutil.copytree(str(MODELS / "tf1_hub_image"), str(tmp_path / "image"))
    return tmp_path / "image"


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING)
    name = "unihub.apis.module.serving"
    return lambda: [record.getMessage() for record in caplog.records if record.name == name]


def load(handle, **kwargs):
    with tf.Graph().as_default():
        unihub.load(handle, op="fine_tuning", **kwargs)


def test_update_ops_are_mentioned_once(image, said):
    load(image)
    load(image)
    (advice,) = said()
    assert advice.startswith(f"{image} has update ops")


def test_a_train_graph_left_aside_is_mentioned(image, said):
    load(image, tags=[])
    (advice,) = said()
    assert advice.startswith(f"{image} is fine-tuned without its train graph")


def test_evaluation_is_meant_to_leave_it_aside(image, said):
    load(image, training=False)
    assert said() == []


def test_inference_and_models_without_either_are_silent(said):
    with tf.Graph().as_default():
        unihub.load(str(MODELS / "tf1_hub_image"))
    load(str(MODELS / "tf1_hub_scalar"))
    assert said() == []


def test_inputs_are_passed_by_keyword_as_to_other_models(models, graph):
    images = tf.zeros([1, 8, 8, 3])
    for m in (
        unihub.load(models / "tf1_hub_image"),
        unihub.load(models / "tf1_hub_image", signature="default"),
    ):
        assert m(images=images).shape.as_list() == m({"images": images}).shape.as_list()


def test_weights_are_found_by_the_objects_that_hold_them(tmp_path, graph):
    module = unihub.load(judged_models.named_by_objects(tmp_path / "model"))
    result = module(tf.constant([3.0]))
    with tf.compat.v1.Session() as session:
        session.run(tf.compat.v1.global_variables_initializer())
        assert session.run(result) == [6.0]


def test_a_module_without_variables_has_their_folder_as_of_tensorflow_hub(tmp_path, graph):
    def module_fn():
        x = tf.compat.v1.placeholder(tf.float32, [None])
        unihub.add_signature(inputs=x, outputs=x * 2.0)

    m = unihub.Module(unihub.create_module_spec(module_fn))
    with tf.compat.v1.Session() as session:
        m.export(str(tmp_path / "m"), session)
    assert (tmp_path / "m" / "variables").is_dir()
    assert (tmp_path / "m" / "assets").is_dir()
