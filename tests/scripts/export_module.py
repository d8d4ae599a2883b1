"""Turns word vectors into a text module, exports it, and loads it again."""

import os
import shutil
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow_hub as hub
from tensorflow_hub import add_signature

VECTORS = {"cat": [1.0, 0.0], "dog": [0.0, 1.0], "bird": [-1.0, 0.5]}


def make_module_spec(vocabulary_file, dimensions):
    def module_fn():
        words = tf.placeholder(tf.string, shape=[None], name="words")
        table = tf.lookup.StaticVocabularyTable(
            tf.lookup.TextFileInitializer(
                vocabulary_file,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            num_oov_buckets=1,
        )
        vectors = tf.get_variable("vectors", [len(VECTORS) + 1, dimensions])
        embedded = tf.nn.embedding_lookup(vectors, table.lookup(words))
        add_signature(inputs=words, outputs=embedded)

    return hub.create_module_spec(module_fn)


def export(folder):
    vocabulary_file = os.path.join(folder, "vocabulary.txt")
    with tf.gfile.GFile(vocabulary_file, "w") as f:
        f.write("\n".join(VECTORS) + "\n")
    spec = make_module_spec(vocabulary_file, dimensions=2)
    export_path = os.path.join(folder, "module")
    with tf.Graph().as_default():
        module = hub.Module(spec)
        values = tf.placeholder(tf.float32, [len(VECTORS) + 1, 2])
        assign = tf.assign(module.variable_map["vectors"], values)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            sess.run(assign, {values: np.array([*VECTORS.values(), [0.0, 0.0]])})
            module.export(export_path, sess)
    os.remove(vocabulary_file)
    return export_path


def embed(path, words):
    with tf.Graph().as_default():
        module = hub.Module(path)
        print("signatures:", module.get_signature_names())
        embedded = module(words)
        with tf.Session() as sess:
            sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
            return sess.run(embedded)


def main():
    folder = tempfile.mkdtemp()
    try:
        path = export(folder)
        print("exported:", sorted(os.listdir(path)))
        print(embed(path, ["dog", "bird", "fish"]).tolist())
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
