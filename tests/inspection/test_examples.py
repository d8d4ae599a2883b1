"""The lines that inspect prints are run, on every model at hand."""

from __future__ import annotations

import pytest
import tensorflow as tf
from conftest import MODELS, SHARED_MODELS

import unihub

FOLDERS = sorted(path for path in MODELS.iterdir() if path.is_dir())
if SHARED_MODELS.is_dir():
    FOLDERS += sorted(path for path in SHARED_MODELS.iterdir() if path.is_dir())


def examples(folder):
    for graph in unihub.inspect(str(folder)).meta_graphs:
        yield from (one.example for one in (*graph.signatures, *graph.callables) if one.example)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_line_runs(folder):
    for line in examples(folder):
        exec(line, {"unihub": unihub, "tf": tf})


class Parsing(tf.Module):
    """Has features of every kind, a training argument, and a number that a tensor stands for."""

    def _features(self, text):
        features = {
            "a": tf.io.FixedLenFeature([2, 2], tf.float32),
            "b": tf.io.FixedLenFeature([], tf.int64),
            "c": tf.io.FixedLenFeature([1], tf.string, default_value=["c"]),
            "d": tf.io.VarLenFeature(tf.int64),
        }
        return tf.io.parse_example(text, features)["a"]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def parse(self, serialized):
        return self._features(serialized)

    @tf.function
    def smooth(self, x, momentum=0.99, mode=None, training=False):
        return x * momentum if mode is None else x


@pytest.fixture
def parsing(eager, tmp_path):
    module = Parsing()
    module.smooth.get_concrete_function(
        tf.TensorSpec([None, 3]), tf.TensorSpec([]), mode=None, training=False
    )
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.parse)
    return unihub.inspect(str(tmp_path / "m")).meta_graphs[0]


def test_a_serialized_example_has_the_features_that_are_required(parsing):
    (signature,) = parsing.signatures
    feature = "tf.train.Feature"
    assert signature.example.partition("; ")[2] == (
        "m(tf.constant([tf.train.Example(features=tf.train.Features(feature={"
        f"'a': {feature}(float_list=tf.train.FloatList(value=[0.0] * 4)), "
        f"'b': {feature}(int64_list=tf.train.Int64List(value=[0]))"
        "})).SerializeToString()]))"
    )
    assert exec(signature.example, {"unihub": unihub, "tf": tf}) is None


def test_a_number_that_a_tensor_stands_for_is_left_out(parsing):
    lines = {one.path: one.example for one in parsing.callables}
    assert lines["smooth"].partition("; ")[2] == "m.smooth(tf.zeros([1, 3]))"
    for line in lines.values():
        exec(line, {"unihub": unihub, "tf": tf})
