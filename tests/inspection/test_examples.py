"""The lines that inspect prints are run, on every model at hand.

`python tests/inspection/test_examples.py` runs all of them, and prints how many.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pytest
import tensorflow as tf
from inspection.test_one_judge import AT_HAND, SMALL, name_of

import unihub

MODES = ["eager", "graph"] if tf.executing_eagerly() else ["graph"]


def failures(path, mode):
    """How many lines there are, and those that do not run with what they raise."""
    count, failed = 0, []
    for graph in unihub.inspect(path).meta_graphs:
        for one in (*graph.signatures, *graph.callables):
            if one.example:
                count += 1
                with tf.Graph().as_default() if mode == "graph" else contextlib.ExitStack():
                    try:
                        exec(one.example, {"unihub": unihub, "tf": tf})
                    except Exception as error:
                        failed.append((one.example, error))
    return count, failed


@pytest.mark.parametrize("path", AT_HAND, ids=name_of)
def test_every_line_runs(path):
    assert failures(path, MODES[0])[1] == []


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("path", SMALL, ids=name_of)
def test_every_line_runs_in_a_graph(path):
    assert failures(path, "graph")[1] == []


def main():
    warnings.simplefilter("ignore")
    print(f"TensorFlow {tf.__version__}, tf.keras is {unihub.environment().keras.value}")
    for mode in MODES:
        count = run = 0
        for path in AT_HAND:
            found, failed = failures(path, mode)
            count, run = count + found, run + found - len(failed)
            for line, error in failed:
                print(f"{line} raised {error!r}")
        print(f"{mode}: {len(AT_HAND)} models, {count} example lines, {run} run")


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


class Sequences(tf.Module):
    """Parses one tf.train.SequenceExample, of which no example is made up."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def __call__(self, serialized):
        feature = tf.io.FixedLenSequenceFeature([2], tf.float32)
        return tf.io.parse_single_sequence_example(serialized, {}, {"f": feature})[1]["f"]


def test_a_text_that_is_parsed_by_what_no_code_is_known_for_is_not_shown_as_a_text(eager, tmp_path):
    module, path = Sequences(), str(tmp_path / "m")
    tf.saved_model.save(module, path, signatures=module.__call__)
    graph = unihub.inspect(path).meta_graphs[0]
    assert [one.example for one in (*graph.signatures, *graph.callables)] == ["", ""]
    for model in unihub.load(path), unihub.load(path, signature="serving_default"):
        with pytest.raises(ValueError, match="not-an-example") as refused:
            model("text")
        assert refused.value.do == f"print(unihub.inspect({path!r}))  # what it takes"


class Composite(tf.Module):
    """Its signature takes two tensors apart."""

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None])])
    def rows(self, r):
        return tf.reduce_sum(r, 1)

    @tf.function(input_signature=[tf.SparseTensorSpec([None, 4])])
    def cells(self, s):
        return tf.sparse.reduce_sum(s, 1)


@pytest.mark.parametrize("name", ["rows", "cells"])
def test_the_components_of_a_tensor_fit_each_other(eager, name, tmp_path):
    module = Composite()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=getattr(module, name))
    graph = unihub.inspect(str(tmp_path / "m")).meta_graphs[0]
    for one in (*graph.signatures, *graph.callables):
        assert one.example
        exec(one.example, {"unihub": unihub, "tf": tf})


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("op", ["DecodeJSONExample", "StringToNumber"])
def test_no_text_is_made_up_for_what_reads_more_than_text(op, tmp_path):
    module = tf.Module()
    raw = {"DecodeJSONExample": "json_examples", "StringToNumber": "string_tensor"}
    module.__call__ = tf.function(
        lambda x: getattr(tf.raw_ops, op)(**{raw[op]: x}),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path / "m"))
    graph = unihub.inspect(str(tmp_path / "m")).meta_graphs[0]
    assert {one.example for one in (*graph.signatures, *graph.callables)} == {""}


if __name__ == "__main__":
    main()
