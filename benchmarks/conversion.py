"""A training step of a converted TF1 module, beside the same network written in Keras."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator, List

import numpy as np
import tensorflow as tf

import unihub
from benchmarks.measuring import Case
from unihub.apis.keras.kerases import keras_module

MODULE = Path(__file__).resolve().parent.parent / "examples" / "tf1_image_module"
SIZE, FEATURES, CLASSES = 16, 12, 3
ROUNDS, CALLS = 11, 20


def cases(quick: bool) -> Iterator[Case]:
    keras = keras_module()
    with tempfile.TemporaryDirectory() as folder:
        unihub.convert(MODULE, folder + "/converted")
        for count in (32,) if quick else (32, 256):
            converted = unihub.load(folder + "/converted", op="fine_tuning")
            yield Case(
                f"{count} images",
                {
                    "written in Keras": _step(keras, _written(keras), count),
                    "converted": _step(keras, [converted], count),
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
