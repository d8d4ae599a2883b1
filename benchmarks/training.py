"""A train step of a model with unihub's layer, beside the layers it replaces."""

from __future__ import annotations

import tempfile
import time
from typing import Any, Callable, Dict, Iterator

import numpy as np
import tensorflow as tf

import unihub
from benchmarks.measuring import TIME, Case
from unihub.apis.keras.kerases import keras_module
from unihub.apis.tensorflow_hub import import_tensorflow_hub
from unihub.runtime.installed import Keras, current_keras

CLASSES = 3
# Width and depth; and rows to a step, with how many steps are a round.
NETWORKS = {
    "small, 2 layers of 64": (64, 2),
    "deep, 24 of 128": (128, 24),
    "wide, 3 of 1024": (1024, 3),
}
BATCHES = {8: 40, 256: 10}
ROUNDS = 21


def cases(quick: bool) -> Iterator[Case]:
    for name in list(NETWORKS)[:1] if quick else NETWORKS:
        width, depth = NETWORKS[name]
        with tempfile.TemporaryDirectory() as folder:
            save_network(folder, width, depth)
            for count, steps in BATCHES.items():
                yield Case(
                    f"{name}, {count} rows",
                    {
                        arm: _steps(make(folder), width, count, steps)
                        for arm, make in layers(trainable=True).items()
                    },
                    ROUNDS,
                    reports=True,
                )


def save_network(path: str, width: int, depth: int) -> None:
    """Writes a Reusable SavedModel of Dense layers; "serve" is for TFSMLayer."""
    random = np.random.RandomState(0)
    # Unlike tf.Module, it lets `variables` be a list to save.
    network = tf.train.Checkpoint()
    dense = [
        (
            tf.Variable(random.normal(size=[width, width]) / width**0.5, dtype=tf.float32),
            tf.Variable(tf.zeros([width])),
        )
        for _ in range(depth)
    ]
    network.variables = [variable for pair in dense for variable in pair]
    network.trainable_variables = list(network.variables)
    network.regularization_losses = []

    def apply(x: tf.Tensor) -> tf.Tensor:
        for kernel, bias in dense:
            x = tf.nn.relu(tf.matmul(x, kernel) + bias)
        return x

    rows = tf.TensorSpec([None, width], tf.float32, "x")
    network.serve = tf.function(apply, input_signature=[rows])
    network.__call__ = tf.function(lambda x, training=False: apply(x))
    for training in (True, False):
        network.__call__.get_concrete_function(rows, training=training)
    tf.saved_model.save(network, path)


def layers(trainable: bool) -> Dict[str, Callable[[str], Any]]:
    """How each layer is made of a path; the peer is the first."""
    ours = {"unihub.KerasLayer": lambda path: unihub.KerasLayer(path, trainable=trainable)}
    if current_keras() is Keras.KERAS3:
        layer = keras_module().layers.TFSMLayer
        return {"TFSMLayer": lambda path: layer(path, "serve", trainable=trainable), **ours}
    hub = import_tensorflow_hub()
    return {"hub.KerasLayer": lambda path: hub.KerasLayer(path, trainable=trainable), **ours}


def _steps(layer: Any, width: int, count: int, steps: int) -> Callable[[], Dict[str, float]]:
    keras = keras_module()
    model = keras.Sequential([keras.Input((width,)), layer, keras.layers.Dense(CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.001), loss)
    assert len(model.trainable_variables) == 2 + len(layer.trainable_variables) > 2
    random = np.random.RandomState(0)
    x = tf.constant(random.normal(size=[count, width]), tf.float32)
    y = tf.constant(random.randint(CLASSES, size=count))
    data = tf.data.Dataset.from_tensors((x, y)).repeat(steps)

    def fit() -> Dict[str, float]:
        start = time.perf_counter()
        model.fit(data, verbose=0)
        return {TIME: (time.perf_counter() - start) / steps}

    return fit
