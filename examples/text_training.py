"""Fine-tunes a text embedding inside of a Keras model.

The same file runs on every TensorFlow from 1.15 on, with Keras 2, tf_keras and
Keras 3. It publishes a text embedding as a TF2 SavedModel, untrained, loads it
for fine-tuning, and trains it with a new head on sentences that it makes.

    python examples/text_training.py

The exit status is 1 if the accuracy on new sentences falls short.
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

THINGS = ["film", "plot", "actor", "scene", "song", "book", "dish", "room", "view", "trip"]
GOOD = ["great", "lovely", "warm", "funny", "clever", "bright", "fresh", "superb", "rich", "fine"]
BAD = ["awful", "dull", "boring", "cold", "stupid", "bland", "dreadful", "stale", "clumsy", "noisy"]
BUCKETS = 1000
DIMENSIONS = 8
REQUIRED_ACCURACY = 0.95


class Embedding(tf.train.Checkpoint):
    """The mean of the embeddings of a sentence's words, as a Reusable SavedModel."""

    def __init__(self):
        super().__init__()
        start = np.random.RandomState(0).uniform(-0.1, 0.1, (BUCKETS, DIMENSIONS))
        self.table = tf.Variable(start.astype(np.float32), name="table")
        self.variables = [self.table]
        self.trainable_variables = [self.table]
        self.regularization_losses = []

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, sentences):
        words = tf.strings.split(sentences)
        numbers = tf.strings.to_hash_bucket_fast(words.values, BUCKETS)
        summed = tf.math.unsorted_segment_sum(
            tf.gather(self.table, numbers), words.value_rowids(), words.nrows()
        )
        return summed / tf.cast(words.row_lengths(), tf.float32)[:, tf.newaxis]


def make_sentences(count, seed):
    """Sentences of good or of bad words among things, and which of the two."""
    random = np.random.RandomState(seed)
    labels = random.randint(2, size=count)
    sentences = []
    for label in labels:
        words = [*random.choice((BAD, GOOD)[label], 3), *random.choice(THINGS, 2)]
        sentences.append(" ".join(random.permutation(words)))
    return np.array(sentences, object), labels.astype(np.float32)


def publish(path):
    """Writes the embedding; in TensorFlow 1.15 from a graph, in a session."""
    if tf.executing_eagerly():
        unihub.save(Embedding(), path)
        return
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        embedding = Embedding()
        # Saving would make this variable, too late to be initialised.
        _ = embedding.save_counter
        unihub.initialize(session)
        unihub.save(embedding, path)


def main():
    with tempfile.TemporaryDirectory() as folder:
        handle = os.path.join(folder, "embedding")
        publish(handle)
        layer = unihub.load(handle, op="fine_tuning", input_shape=[], dtype=tf.string)
        model = keras.Sequential([layer, keras.layers.Dense(1)])
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.05), loss)
        model.fit(*make_sentences(500, seed=1), epochs=5, batch_size=50, verbose=0)

        sentences, labels = make_sentences(500, seed=2)
        logits = model.predict(sentences)[:, 0]
    accuracy = np.mean((logits > 0) == (labels > 0))
    print(f"accuracy on new sentences: {accuracy:.3f}")
    return 0 if accuracy >= REQUIRED_ACCURACY else 1


if __name__ == "__main__":
    sys.exit(main())
