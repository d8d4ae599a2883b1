"""Fine-tunes an image feature extractor inside of a Keras model.

The same file runs on every TensorFlow from 1.15 on, with Keras 2, tf_keras and
Keras 3. It publishes a convolutional network as a TF2 SavedModel, untrained and
with dropout and a regularizer, loads it for fine-tuning, and trains it with a
new head to tell horizontal from vertical stripes.

    python examples/image_training.py

The exit status is 1 if the accuracy on new images falls short.
"""

import os
import sys
import tempfile

import numpy as np
import tensorflow.compat.v2 as tf

import unihub

if unihub.environment().keras.value == "keras3":
    import keras
else:
    from tensorflow import keras

SIZE = 12
FILTERS = 8
REQUIRED_ACCURACY = 0.95


class Features(tf.train.Checkpoint):
    """A convolution and the mean over the image, as a Reusable SavedModel."""

    def __init__(self):
        super().__init__()
        start = np.random.RandomState(0).uniform(-0.3, 0.3, (3, 3, 1, FILTERS))
        self.kernel = tf.Variable(start.astype(np.float32), name="kernel")
        self.bias = tf.Variable(np.zeros(FILTERS, np.float32), name="bias")
        self.variables = [self.kernel, self.bias]
        self.trainable_variables = [self.kernel, self.bias]
        self.regularization_losses = [self.penalty]

    @tf.function(input_signature=[])
    def penalty(self):
        return 1e-4 * tf.reduce_sum(tf.square(self.kernel))

    @tf.function
    def __call__(self, images, training=False):
        features = tf.nn.relu(tf.nn.conv2d(images, self.kernel, 1, "SAME") + self.bias)
        if training:
            features = tf.nn.dropout(features, 0.2)
        return tf.reduce_mean(features, [1, 2])


def make_images(count, seed):
    """Noisy stripes, float32 [count, SIZE, SIZE, 1], and whether they are vertical."""
    random = np.random.RandomState(seed)
    labels = random.randint(2, size=count)
    stripes = np.sin(np.arange(SIZE) * 2.0 + random.uniform(0, 6, (count, 1)))
    images = np.repeat(stripes[:, :, np.newaxis], SIZE, axis=2)
    images[labels == 1] = images[labels == 1].transpose(0, 2, 1)
    images += random.normal(scale=0.3, size=images.shape)
    return images[..., np.newaxis].astype(np.float32), labels.astype(np.float32)


def trace(features):
    """A Reusable SavedModel holds what was traced: here with and without training."""
    images = tf.TensorSpec([None, SIZE, SIZE, 1], tf.float32)
    for training in (True, False):
        features.__call__.get_concrete_function(images, training=training)
    return features


def publish(path):
    """Writes the network; in TensorFlow 1.15 from a graph, in a session."""
    if tf.executing_eagerly():
        unihub.save(trace(Features()), path)
        return
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        features = trace(Features())
        # Saving would make this variable, too late to be initialised.
        _ = features.save_counter
        unihub.initialize(session)
        unihub.save(features, path)


def main():
    with tempfile.TemporaryDirectory() as folder:
        handle = os.path.join(folder, "features")
        publish(handle)
        layer = unihub.load(handle, op="fine_tuning", input_shape=[SIZE, SIZE, 1])
        model = keras.Sequential([layer, keras.layers.Dense(1)])
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.03), loss)
        model.fit(*make_images(500, seed=1), epochs=10, batch_size=50, verbose=0)

        images, labels = make_images(500, seed=2)
        logits = model.predict(images)[:, 0]
    accuracy = np.mean((logits > 0) == (labels > 0))
    print(f"accuracy on new images: {accuracy:.3f}")
    return 0 if accuracy >= REQUIRED_ACCURACY else 1


if __name__ == "__main__":
    sys.exit(main())
