from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
import tensorflow as tf

from unihub import runtime
from unihub.matrix import Runtime
from unihub.runtime import Context, distributions, installed
from unihub.runtime.installed import Keras

VERSION = tuple(map(int, tf.__version__.split(".")[:2]))
IN_TF1 = VERSION < (2, 0)


def printed(script, **env):
    import os

    return subprocess.check_output(
        [sys.executable, "-W", "ignore", "-c", script],
        universal_newlines=True,
        env={**os.environ, **env},
        stderr=subprocess.DEVNULL,
    ).strip()


def test_without_tensorflow_imported_metadata_answers():
    answer = printed(
        "import sys; from unihub.runtime import installed; print(installed.environment());"
        "print('tensorflow' in sys.modules)"
    )
    description, imported = answer.splitlines()
    assert imported == "False"
    here = "TF1" if IN_TF1 else "TF2"
    assert f"tensorflow='{tf.__version__}', runtime=<Runtime.{here}" in description


def test_the_answers_agree_with_an_imported_tensorflow():
    script = "from unihub.runtime import installed; print(installed.environment())"
    assert printed(script) == printed(f"import tensorflow; {script}")


def test_version():
    assert runtime.tensorflow_version() == tf.__version__


def test_an_explicit_graph():
    with tf.Graph().as_default():
        expected = Runtime.TF1 if IN_TF1 else Runtime.TF1_COMPAT
        assert runtime.current_runtime() is expected
        assert runtime.current_context() is Context.GRAPH


@pytest.mark.usefixtures("eager")
def test_eager_execution():
    assert runtime.current_runtime() is Runtime.TF2
    assert runtime.current_context() is Context.EAGER


@pytest.mark.usefixtures("eager")
def test_tracing_a_function_is_tf2():
    seen = []

    @tf.function
    def traced():
        seen.append((runtime.current_runtime(), runtime.current_context()))

    traced()
    assert seen == [(Runtime.TF2, Context.FUNCTION)]


@pytest.mark.usefixtures("eager")
def test_dataset_map_is_tf2():
    seen = []
    tf.data.Dataset.range(1).map(lambda x: seen.append(runtime.current_runtime()) or x)
    assert seen == [Runtime.TF2]


@pytest.mark.usefixtures("eager")
def test_a_function_traced_in_a_graph_is_compat():
    seen = []
    with tf.Graph().as_default():
        tf.function(lambda: seen.append(runtime.current_runtime()))()
    assert seen == [Runtime.TF1_COMPAT]


@pytest.mark.skipif(IN_TF1, reason="TensorFlow 1.15 is in graph mode anyway")
def test_disabling_v2_behavior_is_compat():
    script = (
        "import tensorflow as tf; tf.compat.v1.disable_v2_behavior();"
        "from unihub import runtime; print(runtime.current_runtime().value)"
    )
    assert printed(script) == "tf1_compat"


@pytest.mark.skipif(not IN_TF1, reason="TensorFlow 2 executes eagerly by default")
def test_tensorflow_1_with_v2_behavior_is_tf2():
    script = (
        "import tensorflow as tf; tf.compat.v1.enable_v2_behavior();"
        "from unihub import runtime; print(runtime.current_runtime().value)"
    )
    assert printed(script) == "tf2"


@pytest.mark.parametrize("used", ["tf.keras", "import tensorflow.keras"])
def test_keras(used):
    if used != "tf.keras":
        # Scripts do, and get a module of that name.
        importlib.import_module("tensorflow.keras")
    layer = tf.keras.layers.Layer
    expected = {
        "tensorflow": Keras.KERAS2,
        "tf_keras": Keras.TF_KERAS,
        "keras": Keras.KERAS2 if VERSION < (2, 16) else Keras.KERAS3,
    }
    assert installed.current_keras() is expected[layer.__module__.split(".")[0]]


# TensorFlow, keras, TF_USE_LEGACY_KERAS, and what tf.keras then was. Where the two
# do not go together it raised; it is what TensorFlow looked for.
CHOSEN = [
    ("1.15.5", None, None, Keras.KERAS2),
    ("2.14.1", "2.14.0", "1", Keras.KERAS2),
    ("2.14.1", "3.6.0", None, Keras.KERAS2),
    ("2.15.1", "2.15.0", None, Keras.KERAS2),
    ("2.15.1", "2.15.0", "1", Keras.TF_KERAS),
    ("2.15.1", "3.6.0", None, Keras.KERAS3),
    ("2.15.1", "3.15.1", "0", Keras.KERAS3),
    ("2.15.1", "3.15.1", "True", Keras.TF_KERAS),
    ("2.21.0", "3.15.1", None, Keras.KERAS3),
    ("2.21.0", "3.15.1", "yes", Keras.KERAS3),
    ("2.21.0", "3.15.1", "1", Keras.TF_KERAS),
    ("2.21.0", "2.15.0", None, Keras.KERAS2),
    ("2.21.0", "2.15.0", "1", Keras.TF_KERAS),
    ("2.15.1", None, None, Keras.KERAS2),
    ("2.22.0rc1", None, None, Keras.KERAS3),
]


@pytest.mark.parametrize(("tensorflow", "keras", "legacy", "chosen"), CHOSEN)
def test_keras_is_chosen_as_tensorflow_does(tensorflow, keras, legacy, chosen):
    assert installed.keras_chosen(tensorflow, keras, legacy) is chosen


@pytest.mark.skipif(VERSION < (2, 15), reason="before TensorFlow 2.15 Keras 2 is the only one")
@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", "tf_keras"), ("0", "keras3" if VERSION >= (2, 16) else "keras2")],
)
def test_legacy_keras_is_chosen_by_the_environment(value, expected):
    script = "from unihub.runtime import installed; print(installed.current_keras().value)"
    assert printed(script, TF_USE_LEGACY_KERAS=value) == expected


def test_hub_release():
    release = installed.hub_release()
    assert release.has_module == (VERSION < (2, 16))
    assert release.importable


def test_versions_are_those_that_the_metadata_give():
    """Read by hand, as importing importlib.metadata takes long: of every distribution here."""
    metadata = pytest.importorskip(
        "importlib.metadata" if sys.version_info >= (3, 8) else "importlib_metadata"
    )
    names = {one.metadata["Name"] for one in metadata.distributions()}
    assert len(names) > 20
    for name in names:
        assert distributions._version_in_folders(name) == metadata.version(name), name


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("2.15.1", (2, 15, 1)),
        ("2.16.0-rc0", (2, 16, 0)),
        ("2.15.0+nv23.11", (2, 15, 0)),
        ("3", (3,)),
    ],
)
def test_release(version, numbers):
    assert runtime.release_of(version) == numbers


def test_distribution_that_is_not_installed():
    assert distributions.distribution_version("no-such-distribution") is None
