"""Small models in the TF1 formats, published by TensorFlow 2 in graph mode."""

from __future__ import annotations

import tensorflow as tf

import unihub.apis.module as hub

v1 = tf.compat.v1
INFERENCE_AND_TRAINING = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]


def module(path, module_fn, tags_and_args=None):
    """Publishes a TF1 Hub module with freshly initialised weights."""
    with tf.Graph().as_default(), v1.Session() as session:
        published = hub.Module(hub.create_module_spec(module_fn, tags_and_args))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        published.export(str(path), session)
    return str(path)


def saved_model(path, build):
    """Publishes a TF1 SavedModel; ``build`` returns its inputs and outputs."""
    with tf.Graph().as_default(), v1.Session() as session:
        inputs, outputs = build()
        session.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
        v1.saved_model.simple_save(session, str(path), inputs, outputs)
    return str(path)


def floats(*shape, name="x"):
    return v1.placeholder(tf.float32, [None, *shape], name=name)


def variable(name, *shape, **kwargs):
    initializer = v1.random_uniform_initializer(0.5, 1.0, seed=3)
    return v1.get_variable(name, shape, initializer=initializer, **kwargs)


def counting(is_training):
    """Counts its training calls; draws dropout in them."""
    x = floats(4)
    steps = variable("steps", trainable=False)
    kernel = variable("kernel", 4, 2)
    y = tf.matmul(x, kernel)
    if is_training:
        y = tf.nn.dropout(y, rate=0.5)
        v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, v1.assign_add(steps, 1.0).op)
    v1.add_to_collection(v1.GraphKeys.REGULARIZATION_LOSSES, 0.5 * tf.reduce_sum(kernel**2))
    v1.add_to_collection(v1.GraphKeys.REGULARIZATION_LOSSES, tf.reduce_max(kernel))
    hub.add_signature(inputs=x, outputs=y)
