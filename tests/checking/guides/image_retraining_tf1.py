"""Fine-tunes an image module with a graph for training, as retrain.py did."""

import tensorflow as tf
import tensorflow_hub as hub

SPEC = "https://tfhub.dev/google/imagenet/inception_v3/feature_vector/3"


def build_graph(is_training):
    height, width = hub.get_expected_image_size(hub.load_module_spec(SPEC))
    images = tf.placeholder(tf.float32, [None, height, width, 3])
    module = hub.Module(SPEC, trainable=True, tags={"train"} if is_training else None)
    return images, tf.layers.dense(module(images), 5)


def train(steps):
    with tf.Graph().as_default():
        _images, logits = build_graph(is_training=True)
        labels = tf.placeholder(tf.int64, [None])
        tf.losses.sparse_softmax_cross_entropy(labels, logits)
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(update_ops):
            step = tf.train.GradientDescentOptimizer(0.01).minimize(tf.losses.get_total_loss())
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for _ in range(steps):
                session.run(step)


if __name__ == "__main__":
    train(steps=100)
