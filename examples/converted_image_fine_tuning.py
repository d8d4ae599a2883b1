"""Fine-tunes a TF1 image module in today's Keras, beside TF1 compat mode.

tf1_image_module/, with batch normalization, dropout and weight decay, was made
by TensorFlow 1.15 (tests/fixtures/make_image_module.py). It is converted into a
TF2 SavedModel and fine-tuned by Keras' fit(); then the same module is fine-tuned
by unihub.Module in TF1 compat mode, on the same batches, from the same weights.

    python examples/converted_image_fine_tuning.py

The exit status is 1 if an accuracy falls short.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

import unihub
from unihub.apis.keras.kerases import keras_module

MODULE = Path(__file__).parent / "tf1_image_module"
SIZE = 16
FEATURES = 12
CLASSES = 3
BATCH = 48
STEPS_PER_EPOCH = 15
EPOCHS = 10
LEARNING_RATE = 0.002
REQUIRED_ACCURACY = 0.9


def make_images(count, seed):
    """Narrow pale stripes on colored ground, and which way they run."""
    random = np.random.RandomState(seed)
    labels = random.randint(CLASSES, size=count)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    positions = np.stack([rows, columns, (rows + columns) / np.sqrt(2)])[labels]
    phases = random.uniform(0, 2 * np.pi, size=[count, 1, 1])
    stripes = np.sin(positions * 2 * np.pi / 4 + phases)[..., np.newaxis]
    ground = random.uniform(0.4, 0.8, size=[count, 1, 1, 3])
    noise = random.normal(0, 0.03, size=[count, SIZE, SIZE, 3])
    images = np.clip(ground + 0.1 * stripes + noise, 0, 1)
    return images.astype(np.float32), labels.astype(np.int32)


def first_kernel():
    """The classifier's weights to begin with, for both."""
    return np.random.RandomState(7).uniform(-0.5, 0.5, [FEATURES, CLASSES]).astype(np.float32)


def fine_tune_converted(path, batches, test):
    """Trains the converted model with fit(); returns the accuracy after each epoch."""
    keras = keras_module()
    keras.utils.set_random_seed(1)
    layer = unihub.load(path, op="fine_tuning")
    head = keras.layers.Dense(CLASSES, name="head")
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), layer, head])
    head.set_weights([first_kernel(), np.zeros(CLASSES, np.float32)])
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE, epsilon=1e-8),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    images, labels = (np.concatenate(parts) for parts in zip(*batches))
    history = model.fit(
        images, labels, BATCH, EPOCHS, shuffle=False, validation_data=test, verbose=0
    )
    return history.history["val_accuracy"]


def fine_tune_in_compat_mode(batches, test):
    """Trains the module by unihub.Module; returns the accuracy after each epoch."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(1)
        images = v1.placeholder(tf.float32, [None, SIZE, SIZE, 3])
        labels = v1.placeholder(tf.int32, [None])
        kernel = v1.get_variable("head/kernel", initializer=first_kernel())
        bias = v1.get_variable("head/bias", [CLASSES], initializer=v1.zeros_initializer())
        module = unihub.Module(str(MODULE), trainable=True, tags={"train"})
        v1.losses.sparse_softmax_cross_entropy(labels, module(images) @ kernel + bias)
        with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
            optimizer = v1.train.AdamOptimizer(LEARNING_RATE)
            train = optimizer.minimize(v1.losses.get_total_loss())
        evaluated = unihub.Module(str(MODULE), name="evaluated")
        copies = [
            v1.assign(evaluated.variable_map[name], trained)
            for name, trained in module.variable_map.items()
        ]
        logits = evaluated(images) @ kernel + bias
        hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), labels)
        session.run(v1.global_variables_initializer())
        accuracies = []
        for _ in range(EPOCHS):
            for batch in batches:
                session.run(train, dict(zip((images, labels), batch)))
            session.run(copies)
            accuracies.append(np.mean(session.run(hits, dict(zip((images, labels), test)))))
    return accuracies


def main():
    batches = [make_images(BATCH, seed) for seed in range(STEPS_PER_EPOCH)]
    test = make_images(1000, seed=1000)
    with tempfile.TemporaryDirectory() as folder:
        report = unihub.convert(MODULE, folder + "/converted")
        print(report)
        in_keras = fine_tune_converted(folder + "/converted", batches, test)
    in_compat_mode = fine_tune_in_compat_mode(batches, test)
    for epoch, accuracies in enumerate(zip(in_keras, in_compat_mode), start=1):
        print("after epoch {}: in Keras {:.3f}, in compat mode {:.3f}".format(epoch, *accuracies))
    print(f"accuracy converted, in Keras: {in_keras[-1]:.3f}")
    print(f"accuracy by Module, in compat mode: {in_compat_mode[-1]:.3f}")
    sys.exit(int(min(in_keras[-1], in_compat_mode[-1]) < REQUIRED_ACCURACY))


if __name__ == "__main__":
    main()
