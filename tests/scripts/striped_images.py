"""Images with horizontal or with vertical stripes."""

import numpy as np
import tensorflow as tf

CLASSES = 2
SIZE = 8

# A script for TensorFlow 1 has this name in all of its files.
assert tf.placeholder


def batch(count, seed):
    random = np.random.RandomState(seed)
    labels = random.randint(CLASSES, size=count)
    stripes = np.where(np.arange(SIZE) % 4 < 2, 1.0, 0.0)
    across = np.tile(stripes, (SIZE, 1))
    pictures = np.stack([across if label else across.T for label in labels])
    noisy = pictures[..., np.newaxis] + 0.2 * random.randn(count, SIZE, SIZE, 3)
    return noisy.astype(np.float32), labels
