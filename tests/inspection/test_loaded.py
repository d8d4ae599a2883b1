"""The cards of what `unihub.load` returns."""

from __future__ import annotations

import re
import shutil

import pytest
import tensorflow as tf
from conftest import MODELS
from inspection.test_page import HOSTILE, tags_of

import unihub
from unihub.inspection import loaded
from unihub.matrix import Runtime
from unihub.runtime import current_runtime

IN_TF1 = tf.__version__.startswith("1.")
needs_tf2 = pytest.mark.skipif(IN_TF1, reason="TensorFlow 1.15 has no eager mode here")


def words(card):
    assert {tag for tag, _ in tags_of(card)}.isdisjoint({"script", "img", "a"})
    text = re.sub("<style>.*?</style>", "", card, flags=re.DOTALL)
    return " ".join(re.sub("<[^>]*>", " ", text).replace("&quot;", '"').split())


def test_a_signature():
    folder = MODELS / "tf2_signatures_only"
    found = words(unihub.load(folder, api="load")._repr_html_())
    runtime = current_runtime().label
    assert found == (
        f'{folder} TF2 SavedModel in {runtime}, inference: full, served by api="load" '
        "signature serving_default in left: float32[?,3] in right: float32[?,3] "
        "out larger: bool[?,3] out product: float32[?,3]"
    )


@needs_tf2
def test_signatures_of_which_none_is_evident(eager, tmp_path):
    module = tf.Module()
    function = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None], name="x")])
    module.f = function
    tf.saved_model.save(module, str(tmp_path), signatures={"a": function, "b": function})
    found = words(unihub.load(tmp_path, api="load")._repr_html_())
    assert "signature a in x: float32[?] out y: float32[?] signature b in" in found


def test_a_module(graph):
    module = unihub.load(MODELS / "tf1_hub_image", api="module", op="fine_tuning")
    if type(module).__module__.startswith("tensorflow_hub"):
        pytest.skip("here tensorflow_hub's own Module serves, which has no card")
    found = words(module._repr_html_())
    assert f"TF1 Hub format in {current_runtime().label}, fine-tuning: full" in found
    assert 'served by api="module" signature default in images: float32[?,8,8,3]' in found


def test_a_module_remembers_its_graph():
    with tf.Graph().as_default():
        ours = __import__("unihub.apis.module", fromlist=["Module"])
        module = ours.Module(str(MODELS / "tf1_hub_image"))
    runtime = Runtime.TF1 if IN_TF1 else Runtime.TF1_COMPAT
    assert f"in {runtime.label}, inference" in words(module._repr_html_())


@needs_tf2
@pytest.mark.parametrize(
    ("name", "operation", "expected"),
    [
        ("tf2_reusable", "fine_tuning", "TF2 SavedModel in TF2, fine-tuning: full"),
        ("tf1_hub_image", "inference", "TF1 Hub format in TF2, inference: full"),
    ],
)
def test_a_keras_layer(eager, name, operation, expected):
    layer = unihub.load(MODELS / name, api="keras", op=operation)
    found = words(layer._repr_html_())
    assert f'{MODELS / name} {expected}, served by api="keras"' in found
    assert ("signature default" in found) == (name == "tf1_hub_image")


@needs_tf2
def test_a_keras_layer_of_an_object(eager):
    found = words(unihub.KerasLayer(lambda x: x)._repr_html_())
    assert found == 'KerasLayer of function api="keras" it was made of an object'


def test_a_model_that_is_gone(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(str(MODELS / "tf2_dict"), str(folder))
    assert "TF2 SavedModel" in words(loaded.card(str(folder), "load"))
    shutil.rmtree(str(folder))
    assert words(loaded.card(str(folder), "load")) == (
        f'{folder} api="load" its files are not here any more'
    )


def test_hostile_names_and_secrets():
    found = words(loaded.object_card(HOSTILE, "load"))
    assert "&lt;script&gt;" in found
    card = loaded.card("https://me:secret@example.org/m.tar.gz?key=secret", "load")
    assert "secret" not in card


@needs_tf2
def test_a_layer_that_trains_nothing_says_so(eager):
    with pytest.warns(UserWarning, match="nothing that can be trained"):
        layer = unihub.KerasLayer(str(MODELS / "tf2_text"), trainable=True)
    found = words(layer._repr_html_())
    assert "fine-tuning: refused" in found
    assert "it lists none" in found
