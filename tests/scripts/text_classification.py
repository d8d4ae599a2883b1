"""Sentiment of short sentences, on a frozen text embedding module."""

import argparse

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

GOOD = ["quick", "brown"]
BAD = ["fox", "hub"]


def load_data(count, seed):
    random = np.random.RandomState(seed)
    labels = random.randint(2, size=count)
    words = [random.choice((BAD, GOOD)[label], 3) for label in labels]
    sentences = [" ".join(["the", *row]) for row in words]
    return {"sentence": np.array(sentences), "label": labels}


def build(features, labels, module):
    column = hub.text_embedding_column(key="sentence", module_spec=module)
    embedded = tf.feature_column.input_layer(features, [column])
    logits = tf.layers.dense(embedded, 2, name="classifier")
    loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32))
    return loss, accuracy


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", required=True)
    parser.add_argument("--steps", type=int, default=150)
    args = parser.parse_args()

    tf.set_random_seed(1)
    sentences = tf.placeholder(tf.string, [None])
    labels = tf.placeholder(tf.int64, [None])
    loss, accuracy = build({"sentence": sentences}, labels, args.module)
    train_op = tf.train.AdamOptimizer(0.1).minimize(loss)

    train, test = load_data(64, seed=0), load_data(32, seed=1)
    with tf.Session() as sess:
        sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
        for _ in range(args.steps):
            sess.run(train_op, {sentences: train["sentence"], labels: train["label"]})
        score = sess.run(accuracy, {sentences: test["sentence"], labels: test["label"]})
    print("trainable variables:", [v.op.name for v in tf.trainable_variables()])
    print(f"test accuracy: {score:.2f}")


if __name__ == "__main__":
    main()
