"""Layers that the models of several tests have."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


class Layers(tf.Module):
    """What Reusable SavedModels have, of a dense layer and a batch norm: all but a __call__."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(
            np.sin(np.arange(5 * 4, dtype=np.float32)).reshape(5, 4), name="k"
        )
        self.bias = tf.Variable(tf.range(4, dtype=tf.float32) / 8, name="b")
        self.mean = tf.Variable([0.1, 0.2, 0.3, 0.4], trainable=False, name="mean")
        self.scale = tf.constant([1.0, 0.5, 0.25, 2.0])
        self.trainable_variables = [self.kernel, self.bias]
        self.variables = [self.kernel, self.bias, self.mean]
        self.regularization_losses = [self.loss]
        self.inner = tf.function(lambda x: tf.nn.relu(x @ self.kernel + self.bias))

    @tf.function(input_signature=[])
    def loss(self) -> Any:
        return 0.01 * tf.reduce_sum(self.kernel**2)


# Properties of tf.Module, which are attributes of what is loaded.
Layers.variables = Layers.trainable_variables = None  # type: ignore[assignment]
