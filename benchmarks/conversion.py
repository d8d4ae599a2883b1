"""A training step of a converted TF1 module, beside the same network written in Keras."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Callable, List

import numpy as np
import tensorflow as tf

import unihub
from benchmarks.timing import Measurement, side_by_side
from unihub.routes.keras import keras_module

MODULE = Path(__file__).resolve().parent.parent / "examples" / "tf1_image_module"
SIZE, FEATURES, CLASSES = 16, 12, 3
ROUNDS, CALLS = 21, 20


def measure() -> List[Measurement]:
    return [*_batches_of(32), *_batches_of(256)]


def _batches_of(count: int) -> List[Measurement]:
    keras = keras_module()
    with tempfile.TemporaryDirectory() as folder:
        unihub.convert(MODULE, folder + "/converted")
        converted = unihub.load(folder + "/converted", op="fine_tuning")
        return side_by_side(
            {
                f"written in Keras, step of {count} images": _step(keras, _written(keras), count),
                f"converted, step of {count} images": _step(keras, [converted], count),
            },
            ROUNDS,
            CALLS,
        )


def _written(keras: Any) -> List[Any]:
    layers: List[Any] = []
    for channels in (6, FEATURES):
        layers += [
            keras.layers.Conv2D(
                channels,
                3,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_regularizer=keras.regularizers.L2(5e-5),
            ),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
        ]
    return [*layers, keras.layers.GlobalAveragePooling2D(), keras.layers.Dropout(0.2)]


def _step(keras: Any, layers: List[Any], count: int) -> Callable[[], object]:
    head = keras.layers.Dense(CLASSES)
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *layers, head])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.001), loss)
    random = np.random.RandomState(0)
    images = tf.constant(random.uniform(0, 1, [count, SIZE, SIZE, 3]), tf.float32)
    labels = tf.constant(random.randint(CLASSES, size=count))
    model.train_on_batch(images, labels)
    return lambda: model.train_on_batch(images, labels)
