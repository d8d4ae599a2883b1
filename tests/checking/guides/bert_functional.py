"""A classifier on BERT, in Keras's functional style."""

import tensorflow as tf
import tensorflow_hub as hub

encoders = {
    "small": "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-2_H-128_A-2/1",
}
preprocessing = "https://tfhub.dev/tensorflow/bert_en_uncased_preprocess/3"


def build_classifier():
    text_input = tf.keras.layers.Input(shape=(), dtype=tf.string, name="text")
    encoder_inputs = hub.KerasLayer(preprocessing, name="preprocessing")(text_input)
    encoder = hub.KerasLayer(encoders["small"], trainable=True, name="BERT_encoder")
    outputs = encoder(encoder_inputs)
    net = tf.keras.layers.Dropout(0.1)(outputs["pooled_output"])
    return tf.keras.Model(text_input, tf.keras.layers.Dense(1)(net))
