"""A TF1 script whose author changed only the TensorFlow that is installed."""

import tensorflow as tf
import tensorflow_hub as hub

MODEL = "../../fixtures/models/tf1_hub_image"
images = tf.zeros([1, 8, 8, 3])

module = hub.Module(MODEL)
print(module(images))

loaded = hub.load(MODEL)
print(loaded(images))
print(loaded.signatures["image_features"](images))
print(hub.load(MODEL, tags={"gpu"}).signatures["default"](images))

layer = hub.KerasLayer(MODEL, trainable=True)
pooled = tf.keras.layers.Lambda(lambda x: loaded(x))
