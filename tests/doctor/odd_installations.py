"""What unihub says in installations that are none of the stacks.

Not collected by default: `nox -s odd_installations` makes each installation and
runs the test that belongs to it.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from golden import check_golden

import unihub
from unihub import doctor, runtime
from unihub.runtime import installed
from unihub.runtime.installed import Keras


def keras_layer_in_a_graph(model):
    """What needs tensorflow_hub still: its layer, for Keras 3 has no graph mode."""
    import tensorflow as tf

    with tf.Graph().as_default():
        return unihub.load(model, api="keras")


def test_tensorflow_1_14():
    with pytest.raises(ImportError) as raised:
        runtime.tensorflow_version()
    assert isinstance(raised.value, NotImplementedError)
    check_golden("tensorflow-too-old", str(raised.value))


def test_tensorflow_hub_0_15_beside_a_newer_tensorflow():
    from conftest import MODELS

    with pytest.raises(ImportError) as raised:
        keras_layer_in_a_graph(MODELS / "tf2_reusable")
    check_golden(
        "tensorflow-hub-unusable", str(raised.value), tensorflow=runtime.tensorflow_version()
    )
    # What needs no tensorflow_hub works without it.
    assert callable(unihub.load(MODELS / "tf2_reusable"))
    assert unihub.load(MODELS / "tf2_reusable", op="fine_tuning").trainable


def test_no_tf_keras_beside_tensorflow_hub_0_16():
    from conftest import MODELS

    with pytest.raises(ImportError) as raised:
        keras_layer_in_a_graph(MODELS / "tf2_reusable")
    minor = ".".join(runtime.tensorflow_version().split(".")[:2])
    check_golden("tensorflow-hub-without-tf-keras", str(raised.value), minor=minor)
    assert unihub.load(MODELS / "tf2_reusable", op="fine_tuning").trainable


def test_no_tensorflow_hub():
    from conftest import MODELS

    assert installed.hub_release() is None
    assert callable(unihub.load(MODELS / "tf1_hub_image"))
    with pytest.raises(ImportError) as raised:
        keras_layer_in_a_graph(MODELS / "tf2_reusable")
    check_golden("tensorflow-hub-missing", str(raised.value))


def test_keras_3_beside_tensorflow_2_15():
    """pip complains, and people do it: tf.keras is Keras 3 there."""
    from conftest import MODELS

    assert installed.current_keras() is Keras.KERAS3
    import tensorflow as tf

    assert installed.current_keras() is Keras.KERAS3
    assert tf.keras.__version__[0] == "3"
    assert installed.current_keras() is Keras.KERAS3
    model = tf.keras.Sequential([unihub.KerasLayer(MODELS / "tf2_reusable")])
    assert model(tf.zeros([1, 3])).shape == (1, 2)
    problems = [problem.id for problem in doctor.diagnose().problems]
    assert "keras-3-with-tensorflow-2-15" in problems


def test_tf_keras_beside_tensorflow_2_15():
    assert of_tf_keras() == ["TF_KERAS", "TF_KERAS", "tf_keras", "TF_KERAS", "(1, 2)"]


def test_tf_keras_2_15_absent():
    """What was chosen is told, also where it then cannot be imported."""
    assert of_tf_keras() == ["TF_KERAS", "TF_KERAS", "ImportError", "TF_KERAS"]
    legacy = dict(os.environ, TF_USE_LEGACY_KERAS="1")
    told = subprocess.run(
        [sys.executable, "-m", "unihub", "doctor"], env=legacy, text=True, capture_output=True
    ).stdout
    assert "legacy-keras-without-tf-keras" in told


SCRIPT = """
from conftest import MODELS
from unihub import runtime
print(installed.current_keras().name)
import tensorflow as tf
print(installed.current_keras().name)
try:
    print(tf.keras.layers.Layer.__module__.partition(".")[0])
except ImportError as error:
    print(type(error).__name__)
    print(installed.current_keras().name)
else:
    print(installed.current_keras().name)
    import unihub
    print(tf.keras.Sequential([unihub.KerasLayer(MODELS / "tf2_reusable")])(tf.zeros([1, 3])).shape)
"""


def of_tf_keras():
    """The lines that a script prints with TF_USE_LEGACY_KERAS=1."""
    from conftest import ROOT

    env = {
        **os.environ,
        "TF_USE_LEGACY_KERAS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    }
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    return subprocess.check_output(command, env=env, text=True).splitlines()
