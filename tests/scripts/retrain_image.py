"""Fine-tunes an image module and a new last layer, as retrain.py did."""

import argparse
import os
import shutil
import sys
import tempfile

import striped_images
import tensorflow as tf
import tensorflow_hub as hub

FLAGS = None


def build_graph(module_spec, is_training):
    height, width = hub.get_expected_image_size(module_spec)
    images = tf.placeholder(tf.float32, [None, height, width, 3], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    module = hub.Module(module_spec, trainable=is_training, tags={"train"} if is_training else None)
    features = module({"images": images}, signature="image_feature_vector")
    with tf.variable_scope("final"):
        weights = tf.get_variable("weights", [features.shape[1], striped_images.CLASSES])
        biases = tf.get_variable("biases", [striped_images.CLASSES])
    logits = tf.nn.xw_plus_b(features, weights, biases)
    return images, labels, logits


def train(module_spec, checkpoint):
    with tf.Graph().as_default():
        tf.set_random_seed(3)
        images, labels, logits = build_graph(module_spec, is_training=True)
        tf.losses.sparse_softmax_cross_entropy(labels, logits)
        loss = tf.losses.get_total_loss()
        regularizers = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(update_ops):
            train_op = tf.train.AdamOptimizer(FLAGS.learning_rate).minimize(loss)
        tf.logging.info("%d update ops", len(update_ops))
        print(f"update ops: {len(update_ops)}, regularizers: {len(regularizers)}")
        saver = tf.train.Saver()
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for step in range(FLAGS.how_many_training_steps):
                batch, truth = striped_images.batch(32, seed=step)
                sess.run(train_op, feed_dict={images: batch, labels: truth})
            saver.save(sess, checkpoint)


def evaluate(module_spec, checkpoint):
    with tf.Graph().as_default():
        images, labels, logits = build_graph(module_spec, is_training=False)
        correct = tf.equal(tf.argmax(logits, 1), labels)
        accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
        with tf.Session() as sess:
            tf.train.Saver().restore(sess, checkpoint)
            batch, truth = striped_images.batch(100, seed=10000)
            return sess.run(accuracy, feed_dict={images: batch, labels: truth})


def main(_):
    tf.logging.set_verbosity(tf.logging.INFO)
    module_spec = hub.load_module_spec(FLAGS.tfhub_module)
    folder = tempfile.mkdtemp()
    checkpoint = os.path.join(folder, "retrain.ckpt")
    train(module_spec, checkpoint)
    score = evaluate(module_spec, checkpoint)
    shutil.rmtree(folder)
    print(f"final test accuracy: {score:.2f}")
    if score < 0.9:
        raise SystemExit("too low")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tfhub_module", type=str)
    parser.add_argument("--how_many_training_steps", type=int, default=150)
    parser.add_argument("--learning_rate", type=float, default=0.03)
    FLAGS, unparsed = parser.parse_known_args()
    tf.app.run(main=main, argv=[sys.argv[0], *unparsed])
