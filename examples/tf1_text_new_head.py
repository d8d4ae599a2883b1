"""Trains a new head on a frozen text module with code written for TensorFlow 1.

The same file runs on every TensorFlow from 1.15 on. It publishes a module that
embeds sentences, learned from many sentences without labels, and trains a
sentiment classifier on top of it from a few sentences with labels. The
classifier is exported as a module of its own, loaded again, and evaluated on
sentences with words that had no label.

    python examples/tf1_text_new_head.py

The exit status is 1 if the accuracy falls short.
"""

import os
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

import unihub as hub

tf.disable_v2_behavior()

THINGS = ["film", "plot", "actor", "scene", "song", "book", "dish", "room", "view", "trip"]
GOOD = ["great", "lovely", "warm", "funny", "clever", "bright", "fresh", "superb", "rich", "fine"]
BAD = ["awful", "dull", "boring", "cold", "stupid", "bland", "dreadful", "stale", "clumsy", "noisy"]
VOCABULARY = THINGS + GOOD + BAD
DIMENSIONS = 8
LABELED_WORDS = 4
STEPS = 100
REQUIRED_ACCURACY = 0.95


def make_sentences(count, seed, words=slice(None)):
    """Sentences of some of the good or of the bad words, and which of the two."""
    random = np.random.RandomState(seed)
    labels = random.randint(2, size=count)
    sentences = []
    for label in labels:
        opinions = random.choice((BAD, GOOD)[label][words], 3)
        things = random.choice(THINGS, 2)
        sentences.append(" ".join(random.permutation(np.concatenate([opinions, things]))))
    return sentences, labels


def learn_embeddings():
    """Word embeddings from which words occur together: float32 [words, DIMENSIONS]."""
    number = {word: index for index, word in enumerate(VOCABULARY)}
    together = np.ones([len(VOCABULARY), len(VOCABULARY)])
    for sentence in make_sentences(2000, seed=0)[0]:
        numbers = [number[word] for word in sentence.split()]
        together[np.ix_(numbers, numbers)] += 1
    expected = np.outer(together.sum(axis=0), together.sum(axis=1)) / together.sum()
    vectors, scales, _ = np.linalg.svd(np.log(together / expected))
    return (vectors * scales)[:, :DIMENSIONS].astype(np.float32)


def embed_fn(vocabulary_path, embeddings):
    """The mean of a sentence's word embeddings; the words' file becomes an asset."""
    sentences = tf.placeholder(tf.string, [None], name="sentences")
    index = tf.lookup.TextFileIndex
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            vocabulary_path, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
        ),
        default_value=len(VOCABULARY),
    )
    unknown = np.zeros([1, DIMENSIONS], np.float32)
    weights = tf.get_variable("embeddings", initializer=np.concatenate([embeddings, unknown]))
    words, _ = tf.sparse.fill_empty_rows(tf.string_split(sentences), "")
    numbers = tf.SparseTensor(words.indices, table.lookup(words.values), words.dense_shape)
    hub.add_signature(
        inputs=sentences,
        outputs=tf.nn.embedding_lookup_sparse(weights, numbers, None, combiner="mean"),
    )


def classify_fn(embedder_path):
    """A new head on a frozen module."""
    sentences = tf.placeholder(tf.string, [None], name="sentences")
    embedded = hub.Module(embedder_path)(sentences)
    with tf.variable_scope("head"):
        kernel = tf.get_variable("kernel", [DIMENSIONS, 2], initializer=tf.zeros_initializer())
        bias = tf.get_variable("bias", [2], initializer=tf.zeros_initializer())
    logits = tf.matmul(embedded, kernel) + bias
    hub.add_signature(
        inputs=sentences, outputs={"default": tf.nn.softmax(logits), "logits": logits}
    )


def publish_embedder(folder):
    """Writes the module that embeds sentences; returns where."""
    vocabulary_path = os.path.join(folder, "words.txt")
    with open(vocabulary_path, "w") as file:
        file.write("\n".join(VOCABULARY) + "\n")
    embeddings = learn_embeddings()
    spec = hub.create_module_spec(lambda: embed_fn(vocabulary_path, embeddings))
    path = os.path.join(folder, "embedder")
    with tf.Graph().as_default(), tf.Session() as session:
        module = hub.Module(spec)
        session.run(tf.global_variables_initializer())
        module.export(path, session)
    os.remove(vocabulary_path)
    return path


def train(embedder_path, path):
    """Trains the head, and exports it together with the frozen module.

    Returns the accuracy on the sentences trained on.
    """
    spec = hub.create_module_spec(lambda: classify_fn(embedder_path))
    sentences, labels = make_sentences(40, seed=1, words=slice(LABELED_WORDS))
    with tf.Graph().as_default():
        module = hub.Module(spec, trainable=True)
        logits = module(sentences, as_dict=True)["logits"]
        loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
        step = tf.train.AdamOptimizer(0.1).minimize(loss)
        trained = [variable.op.name for variable in tf.trainable_variables()]
        assert trained == ["module/head/kernel", "module/head/bias"], trained

        with tf.Session() as session:
            session.run([tf.global_variables_initializer(), tf.tables_initializer()])
            for _ in range(STEPS):
                session.run(step)
            module.export(path, session)
            return np.mean(np.argmax(session.run(logits), axis=1) == labels)


def evaluate(path, words):
    """Accuracy of an exported classifier on new sentences of some words."""
    sentences, labels = make_sentences(500, seed=2, words=words)
    with tf.Graph().as_default():
        probabilities = hub.Module(path)(sentences)
        with tf.Session() as session:
            session.run([tf.global_variables_initializer(), tf.tables_initializer()])
            return np.mean(np.argmax(session.run(probabilities), axis=1) == labels)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "classifier")
        trained = train(publish_embedder(folder), path)
        known = evaluate(path, words=slice(LABELED_WORDS))
        new = evaluate(path, words=slice(LABELED_WORDS, None))
    print(f"accuracy in training: {trained:.3f}")
    print(f"accuracy reloaded, on words with labels: {known:.3f}")
    print(f"accuracy reloaded, on words without labels: {new:.3f}")
    return 0 if min(trained, known, new) >= REQUIRED_ACCURACY else 1


if __name__ == "__main__":
    sys.exit(main())
