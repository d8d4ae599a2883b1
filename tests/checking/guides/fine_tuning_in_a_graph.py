"""A TF2 SavedModel in a TF1 training loop: nothing fills the graph collections."""

import importlib

import tensorflow as tf

hub = importlib.import_module("tensorflow_hub")
tf.compat.v1.disable_eager_execution()

features = tf.compat.v1.placeholder(tf.float32, [None, 3])
layer = hub.KerasLayer("../../fixtures/models/tf2_reusable", trainable=True)
logits = layer(features)
signature = hub.KerasLayer(
    "../../fixtures/models/tf2_reusable",
    signature="serving_default",
    output_key="output_0",
    trainable=True,
)

regularizers = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.REGULARIZATION_LOSSES)
loss = tf.reduce_mean(logits) + tf.add_n(regularizers)
updates = tf.compat.v1.get_collection("update_ops")  # unihub: ignore[collections-not-filled]
step = tf.compat.v1.train.AdamOptimizer().minimize(loss)
embedder = hub.load_models("https://tfhub.dev/google/elmo/3")
