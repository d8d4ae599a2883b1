"""Sentiment of reviews with an Estimator on a text embedding, as TF1 tutorials had it."""

import tensorflow as tf
import tensorflow_hub as hub

EMBEDDING = "https://tfhub.dev/google/nnlm-en-dim128/1"


def input_fn(frame, epochs=None):
    return tf.estimator.inputs.pandas_input_fn(
        frame, frame["polarity"], num_epochs=epochs, shuffle=epochs is None
    )


def train(frame):
    column = hub.text_embedding_column(key="sentence", module_spec=EMBEDDING, trainable=True)
    estimator = tf.estimator.DNNClassifier(
        hidden_units=[500, 100],
        feature_columns=[column],
        n_classes=2,
        optimizer=tf.train.AdagradOptimizer(learning_rate=0.003),
    )
    estimator.train(input_fn=input_fn(frame), steps=1000)
    exporter = hub.LatestModuleExporter("tf_hub", tf.estimator.export.ServingInputReceiver)
    return estimator, exporter
