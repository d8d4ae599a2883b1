"""What one sees of each value where one types its name: what matters, in a line or two."""

from __future__ import annotations

import pytest
import tensorflow as tf
from conftest import MODELS

import unihub

MODEL, HUB = str(MODELS / "tf2_reusable"), str(MODELS / "tf1_hub_image")
SIGNATURES = str(MODELS / "tf1_saved_model_pb")
NOT_IN_TF1 = {"validate", "convert", "load", "load in full", "load a signature", "layer"}
NOT_IN_TF1.add("functional")


def remote(handle):
    with unihub.configure(offline=True):
        return unihub.inspect(handle, download=False)


def in_a_graph(make):
    with tf.Graph().as_default():
        return make()


def module_fn():
    x = tf.compat.v1.placeholder(tf.float32, [None])
    unihub.add_signature(inputs=x, outputs=x + 1.0)


VALUES = {
    "inspect": (lambda: unihub.inspect(MODEL), f"<ModelInfo of {MODEL}: TF2 SavedModel, "),
    "support": (
        lambda: unihub.support("tf1_hub", "tf2", "fine_tuning"),
        "<Cell TF1 Hub format, TF2, fine-tuning: refused, tf1-hub-fine-tuning-in-tf2>",
    ),
    "matrix": (unihub.matrix, "<Matrix of 27 cells; print() shows it>"),
    "environment": (unihub.environment, "Environment(python="),
    "doctor": (lambda: unihub.doctor.diagnose(), "<Diagnosis: problems "),
    "validate": (lambda: unihub.validate(MODEL), f"<ValidationReport of {MODEL}: reusable and "),
    "convert": (
        lambda: unihub.convert(HUB, "converted", dry_run=True),
        f"<ConversionReport of {HUB}: a dry run; print() shows all>",
    ),
    "read_saved_model": (
        lambda: unihub.formats.read_saved_model(HUB),
        f"<SavedModel {HUB}: TF1 Hub format, tags ",
    ),
    "load": (
        lambda: unihub.load(MODEL, api="load"),
        f"<model {MODEL}, api='load': m(inputs) is its own __call__; loaded for its call>",
    ),
    "load in full": (
        lambda: unihub.load(MODEL, api="load", fast=False),
        f"<model {MODEL}, api='load': m(inputs) is its own __call__; loaded in full>",
    ),
    "load a signature": (
        lambda: unihub.load(SIGNATURES, api="load", fast=False),
        f"<model {SIGNATURES}, api='load': m(inputs) is its signature 'serving_default'; loaded ",
    ),
    "functional": (
        lambda: unihub.functional(MODEL),
        f"<f, weights, state of {MODEL}: 2 weights, 1 in the state>",
    ),
    "inspect what is not here": (
        lambda: remote("https://example.org/m.tar.gz"),
        "<RemoteInfo of https://example.org/m.tar.gz: an archive by HTTP, not downloaded; but ",
    ),
    "Module": (
        lambda: in_a_graph(lambda: unihub.Module(HUB, name="m")),
        f"<Module 'm' of {HUB}: tags [], signatures 'default', 'image_feature_vector'>",
    ),
    "ModuleSpec": (
        lambda: unihub.load_module_spec(HUB),
        f"<ModuleSpec of {HUB}: tags set(), {{'train'}}, signatures 'default', ",
    ),
    "a spec of one's own": (
        lambda: unihub.create_module_spec(module_fn),
        "<ModuleSpec: tags set(), signatures 'default'>",
    ),
    "layer": (lambda: unihub.KerasLayer(MODEL, name="l"), "<KerasLayer name=l, handle="),
    "Predictor": (lambda: unihub.Predictor(MODEL), f"<unihub.Predictor of {MODEL}: "),
    "configure": (lambda: unihub.configure(), "<unihub.configure: nothing>"),
}


@pytest.mark.parametrize("name", sorted(VALUES))
def test_it_says_what_matters_in_few_lines(name):
    if name in NOT_IN_TF1 and not tf.executing_eagerly():
        pytest.skip("is for eager execution")
    make, expected = VALUES[name]
    text = repr(make())
    assert text.startswith(expected)
    assert len(text.splitlines()) <= 5
    assert len(text) <= 600


def test_an_installation_says_whether_it_holds():
    with unihub.install() as installed:
        assert repr(installed) == "<unihub in the place of tensorflow_hub>"
    assert repr(installed) == "<unihub no longer in the place of tensorflow_hub>"


def test_reports_have_cards():
    if not tf.executing_eagerly():
        pytest.skip("is for eager execution")
    assert unihub.validate(MODEL)._repr_html_().startswith("<pre>")
