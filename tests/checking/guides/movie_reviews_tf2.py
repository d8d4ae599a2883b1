"""Movie reviews: a text embedding as the first layer of a model that grows by add()."""

import tensorflow as tf
from tensorflow_hub import KerasLayer

embedding = "https://tfhub.dev/google/nnlm-en-dim50/2"
hub_layer = KerasLayer(embedding, input_shape=[], dtype=tf.string, trainable=True)

model = tf.keras.Sequential()
model.add(hub_layer)
model.add(tf.keras.layers.Dense(16, activation="relu"))
model.add(tf.keras.layers.Dense(1))
model.compile(optimizer="adam", loss=tf.losses.BinaryCrossentropy(from_logits=True))
