"""What unihub says in installations that are none of the stacks.

Not collected by default: `nox -s odd_installations` makes each installation and
runs the test that belongs to it.
"""

from __future__ import annotations

import pytest
from golden import check_golden

import unihub
from unihub import runtime


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


def test_no_tensorflow_hub():
    from conftest import MODELS

    assert runtime.hub_release() is None
    assert callable(unihub.load(MODELS / "tf1_hub_image"))
    with pytest.raises(ImportError) as raised:
        keras_layer_in_a_graph(MODELS / "tf2_reusable")
    check_golden("tensorflow-hub-missing", str(raised.value))
