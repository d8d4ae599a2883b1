"""What `unihub run` says below the traceback of a script for TensorFlow 1."""

from __future__ import annotations

import pytest
import tensorflow as tf
from conftest import MODELS
from golden import check_golden

import unihub
from unihub.dropin.advice import advice

pytestmark = pytest.mark.skipif(tf.__version__.startswith("1."), reason="TensorFlow 2 says so")


def advised(code, v1=False):
    with pytest.raises((AttributeError, ImportError, RuntimeError)) as ended:
        exec(code, {"tf": tf, "unihub": unihub})
    return advice(ended.value, "train.py", ["--steps", "1 2"], False, v1)


@pytest.mark.parametrize(
    "code",
    [
        "tf.placeholder(tf.float32)",
        "tf.compat.v1.placeholder(tf.float32)",
        "tf.contrib.layers.flatten(x)",
        "from tensorflow.contrib import lookup",
        f"unihub.Module({str(MODELS / 'tf1_hub_scalar')!r})",
        f"unihub.load({str(MODELS / 'tf1_hub_scalar')!r}, api='module')",
    ],
)
def test_a_script_for_tensorflow_1_is_run_as_one(code, eager):
    said = advised(code)
    assert said.do == "unihub run --v1 train.py --steps '1 2'"


def test_it_is_told_in_three_lines(eager):
    said = str(advised("tf.placeholder(tf.float32)"))
    check_golden("script-of-tensorflow-1", said, version=tf.__version__)


@pytest.mark.parametrize("code", ["tf.no_such_name", "import no_such_module", "1 .imag.part"])
def test_of_other_errors_the_traceback_says_it_all(code, eager):
    assert advised(code) is None


@pytest.mark.skipif(hasattr(tf, "estimator"), reason="TensorFlow has Estimators here")
@pytest.mark.parametrize("v1", [False, True])
def test_an_estimator_is_told_to_be_gone_in_both_modes(v1, eager):
    assert advised("tf.estimator.Estimator(f)", v1).code == "tf-estimator-gone"
