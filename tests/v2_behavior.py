"""With `pytest -p v2_behavior`, TensorFlow 1.15 behaves as TensorFlow 2 in all tests."""

import tensorflow as tf

tf.compat.v1.enable_v2_behavior()
