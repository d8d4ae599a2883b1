"""The models that others made: each is recognised, loads and answers."""

from __future__ import annotations

import pytest
import shared_models
from conftest import SHARED_MODELS
from shared_models import IN_TF1

from unihub.formats import read_saved_model

pytestmark = pytest.mark.skipif(
    not SHARED_MODELS.is_dir(),
    reason=f"no models at {SHARED_MODELS}: set UNIHUB_SHARED_MODELS to their folder",
)

MANIFEST = shared_models.manifest() if SHARED_MODELS.is_dir() else {}

# By api="module" the attribute itself is named that 1.15 does not know.
SAID_OF_MODULES = ("module-attributes-missing",)

# What TensorFlow 1.15 cannot read: written later, with ops or attributes it lacks.
NEWER_THAN_TF1 = {
    "basic_pitch__nmp": "load-failed",
    "guesslang__model": "load-failed",
    "mlcommons_tiny__kws_ref_model": "load-failed",
    "tf_rust__regression_savedmodel": "load-failed",
    "tf_serving__saved_model_half_plus_two_tf2_cpu": "missing-ops",
}


@pytest.mark.parametrize("name", MANIFEST)
def test_format_and_signatures(name):
    model = read_saved_model(SHARED_MODELS / name)
    assert model.format.value == MANIFEST[name]["format"]
    assert {
        name: [len(signature.inputs), len(signature.outputs)]
        for name, signature in model.meta_graphs[0].signatures.items()
    } == MANIFEST[name]["signatures"]


@pytest.mark.parametrize("name", MANIFEST)
def test_it_answers_by_every_api(name):
    for answer in shared_models.answers(name):
        if IN_TF1 and name in NEWER_THAN_TF1:
            assert answer.refusal in (NEWER_THAN_TF1[name], "missing-ops", *SAID_OF_MODULES)
        elif IN_TF1 and answer.refusal == "reference-variables":
            assert answer.api == "load"
        else:
            assert (answer.refusal, answer.outputs) == ("", MANIFEST_OUTPUTS[name])
            assert answer.difference is None or answer.difference < 1e-5


def evident(signatures):
    """The signature that the answers are of, by the numbers of inputs and outputs."""
    names = [name for name in ("default", "serving_default") if name in signatures]
    return (names or sorted(name for name, (inputs, _) in signatures.items() if inputs))[0]


MANIFEST_OUTPUTS = {
    name: row["signatures"][evident(row["signatures"])][1] for name, row in MANIFEST.items()
}
