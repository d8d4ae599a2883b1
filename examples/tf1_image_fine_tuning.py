"""Fine-tunes an image module with code written for TensorFlow 1.

The same file runs on every TensorFlow from 1.15 on. It publishes a small image
module with a graph for training, fine-tunes it under a new classifier, exports
it, loads it again for inference, and evaluates it on images not trained on.

    python examples/tf1_image_fine_tuning.py

The exit status is 1 if the accuracy falls short.
"""

import os
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

import unihub as hub

tf.disable_v2_behavior()

SIZE = 16
FEATURES = 16
CLASSES = 3
BATCH = 48
STEPS = 120
REQUIRED_ACCURACY = 0.95


def make_images(count, seed):
    """Pale stripes on colored ground, and which way they run: across, up, or diagonally."""
    random = np.random.RandomState(seed)
    labels = random.randint(CLASSES, size=count)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    positions = np.stack([rows, columns, (rows + columns) / np.sqrt(2)])[labels]
    phases = random.uniform(0, 2 * np.pi, size=[count, 1, 1])
    stripes = np.sin(positions * 2 * np.pi / 5 + phases)[..., np.newaxis]
    ground = random.uniform(0.4, 0.8, size=[count, 1, 1, 3])
    noise = random.normal(0, 0.03, size=[count, SIZE, SIZE, 3])
    images = np.clip(ground + 0.1 * stripes + noise, 0, 1)
    return images.astype(np.float32), labels


def convolve(x, channels, is_training, name):
    """Convolution with weight decay, batch normalization, ReLU."""
    with tf.variable_scope(name):
        kernel = tf.get_variable(
            "kernel",
            [3, 3, x.shape[-1], channels],
            initializer=tf.glorot_uniform_initializer(seed=1),
            regularizer=lambda value: 1e-4 * tf.nn.l2_loss(value),
        )
        scale = tf.get_variable("scale", [channels], initializer=tf.ones_initializer())
        offset = tf.get_variable("offset", [channels], initializer=tf.zeros_initializer())
        mean = tf.get_variable(
            "moving_mean", [channels], initializer=tf.zeros_initializer(), trainable=False
        )
        variance = tf.get_variable(
            "moving_variance", [channels], initializer=tf.ones_initializer(), trainable=False
        )
        x = tf.nn.conv2d(x, kernel, strides=[1, 2, 2, 1], padding="SAME")
        if is_training:
            moving = (mean, variance)
            mean, variance = tf.nn.moments(x, axes=[0, 1, 2])
            for average, value in zip(moving, (mean, variance)):
                update = tf.assign_sub(average, 0.1 * (average - value))
                tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        return tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-3))


def module_fn(is_training):
    """An image feature vector, by the signature that image modules have in common."""
    images = tf.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="images")
    x = convolve(images, 8, is_training, "first")
    x = convolve(x, FEATURES, is_training, "second")
    hub.add_signature(inputs={"images": images}, outputs=tf.reduce_mean(x, axis=[1, 2]))
    info = hub.ImageModuleInfo()
    info.default_image_size.height = info.default_image_size.width = SIZE
    hub.attach_image_module_info(info)


def publish(path):
    """Writes the module with its initial weights."""
    spec = hub.create_module_spec(
        module_fn,
        tags_and_args=[(set(), {"is_training": False}), ({"train"}, {"is_training": True})],
    )
    with tf.Graph().as_default(), tf.Session() as session:
        module = hub.Module(spec)
        session.run(tf.global_variables_initializer())
        module.export(path, session)


def classify(features):
    with tf.variable_scope("head"):
        kernel = tf.get_variable("kernel", [FEATURES, CLASSES])
        bias = tf.get_variable("bias", [CLASSES], initializer=tf.zeros_initializer())
        return tf.matmul(features, kernel) + bias


def fine_tune(path, tuned_path, head_path):
    """Trains the module and a classifier on it; returns the last batches' accuracy."""
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        images = tf.placeholder(tf.float32, [None, SIZE, SIZE, 3])
        labels = tf.placeholder(tf.int32, [None])
        module = hub.Module(path, trainable=True, tags={"train"})
        logits = classify(module(images))
        correct = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), labels)

        # The module brings its weight decay and the updates of its moving averages.
        tf.losses.sparse_softmax_cross_entropy(labels, logits)
        loss = tf.losses.get_total_loss()
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            train = tf.train.AdamOptimizer(0.02).minimize(loss)

        with tf.Session() as session:
            session.run([tf.global_variables_initializer(), tf.tables_initializer()])
            accuracies = []
            for step in range(STEPS):
                batch_images, batch_labels = make_images(BATCH, seed=step)
                _, right = session.run(
                    [train, correct], {images: batch_images, labels: batch_labels}
                )
                accuracies.append(np.mean(right))
            module.export(tuned_path, session)
            tf.train.Saver(tf.global_variables("head/")).save(session, head_path)
    return np.mean(accuracies[-10:])


def evaluate(path, head_path):
    """Accuracy of the module's graph for inference on new images."""
    spec = hub.load_module_spec(path)
    height, width = hub.get_expected_image_size(spec)
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, [None, height, width, 3])
        predictions = tf.argmax(classify(hub.Module(spec)(images)), axis=1)
        with tf.Session() as session:
            session.run([tf.global_variables_initializer(), tf.tables_initializer()])
            tf.train.Saver(tf.global_variables("head/")).restore(session, head_path)
            new_images, labels = make_images(500, seed=STEPS)
            return np.mean(session.run(predictions, {images: new_images}) == labels)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path, tuned_path, head_path = (
            os.path.join(folder, name) for name in ("module", "tuned", "head.ckpt")
        )
        publish(path)
        trained = fine_tune(path, tuned_path, head_path)
        reloaded = evaluate(tuned_path, head_path)
        untuned = evaluate(path, head_path)
    print(f"accuracy in training: {trained:.3f}")
    print(f"accuracy reloaded: {reloaded:.3f}")
    print(f"accuracy of the same head on the module before: {untuned:.3f}")
    return 0 if min(trained, reloaded) >= REQUIRED_ACCURACY else 1


if __name__ == "__main__":
    sys.exit(main())
