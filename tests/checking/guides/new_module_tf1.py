"""Publishes a module of its own, in the TF1 Hub format."""

import tensorflow as tf
import tensorflow_hub as hub
from tensorflow_hub import tf_utils


def half_plus_two():
    x = tf.placeholder(tf.float32, [None])
    w = tf.get_variable("w", [], initializer=tf.constant_initializer(0.5))
    hub.add_signature(inputs=x, outputs=w * x + 2.0)


spec = hub.create_module_spec(half_plus_two)


def export(path):
    with tf.Graph().as_default():
        module = hub.Module(spec)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            module.export(path, session)
    print(tf_utils.bytes_to_readable_str(10))
