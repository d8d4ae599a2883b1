"""Similar sentences: a TF1 script that turns v2 behavior off on TensorFlow 2."""

import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow_hub as hub

tf.disable_v2_behavior()

module = hub.Module("https://tfhub.dev/google/universal-sentence-encoder/2")
messages = tf.placeholder(tf.string, [None])
vectors = module(messages)


def similarities(sentences):
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.tables_initializer()])
        embedded = session.run(vectors, {messages: sentences})
    return np.inner(embedded, embedded)


print(similarities(["I like my phone", "Your cellphone looks great."]))
