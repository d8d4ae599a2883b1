from __future__ import annotations

import contextlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS
from fixtures.expected import expected_file, read_cases
from packaging.version import Version

import unihub
from unihub.apis.layers import keras_layer_class
from unihub.dispatch.support import chosen
from unihub.errors import MatrixRefusal, UnihubError
from unihub.matrix import Format, Operation, Runtime, Status

v1 = tf.compat.v1


def model(name):
    return str(MODELS / name)


def is_module(loaded):
    return isinstance(loaded, unihub.Module)


@pytest.mark.parametrize(
    "word", ["fine_tuning", "fine-tuning", "Fine_Tuning", Operation.FINE_TUNING]
)
def test_words_for_a_choice(word):
    assert chosen(Operation, word, "op") is Operation.FINE_TUNING


def test_support_defaults_to_the_present_runtime():
    here = Runtime.TF2 if tf.executing_eagerly() else Runtime.TF1
    assert unihub.support("tf1_hub").runtime is here
    with tf.Graph().as_default():
        cell = unihub.support(Format.TF1_HUB, operation="creation")
    assert (cell.status, cell.apis) == (Status.FULL, ("save",))


def test_support_of_a_named_runtime():
    cell = unihub.support("tf1-hub", "tf2", "fine-tuning")
    assert cell.refusal.code == "tf1-hub-fine-tuning-in-tf2"


class TestInAGraph:
    pytestmark = pytest.mark.usefixtures("graph")

    def test_a_module_is_returned_as_it_is(self):
        assert type(unihub.load(model("tf1_hub_scalar"))) is unihub.Module

    def test_fine_tuning_takes_the_train_graph(self):
        unihub.load(model("tf1_hub_image"), op="fine_tuning")(tf.zeros([1, 8, 8, 3]))
        assert len(v1.get_collection(v1.GraphKeys.UPDATE_OPS)) == 2
        assert len(v1.get_collection(v1.GraphKeys.REGULARIZATION_LOSSES)) == 1
        assert v1.trainable_variables()

    def test_evaluating_takes_the_other(self):
        unihub.load(model("tf1_hub_image"), op="fine_tuning", training=False)(
            tf.zeros([1, 8, 8, 3])
        )
        assert v1.get_collection(v1.GraphKeys.UPDATE_OPS) == []
        assert v1.trainable_variables()

    def test_inference_trains_nothing(self):
        unihub.load(model("tf1_hub_image"))
        assert v1.trainable_variables() == []

    def test_a_module_without_train_graph_is_fine_tuned_all_the_same(self):
        module = unihub.load(model("tf1_hub_scalar"), op="fine_tuning")
        assert is_module(module)
        assert v1.trainable_variables()

    def test_the_name_is_the_modules(self):
        unihub.load(model("tf1_hub_scalar"), name="embedding")
        assert [v.op.name.partition("/")[0] for v in v1.global_variables()] == ["embedding"] * len(
            v1.global_variables()
        )

    def test_a_signature_that_is_named(self):
        module = unihub.load(model("tf1_hub_multi"), signature="statistics", output_key="mean")
        assert is_module(module)
        (case,) = (c for c in cases("tf1_hub_multi") if c.signature == "statistics")
        np.testing.assert_allclose(run(module(case.inputs["x"])), case.outputs["mean"], rtol=1e-5)

    def test_a_module_made_callable_can_still_be_told(self):
        module = unihub.load(model("tf1_hub_multi"), signature="statistics")
        outputs = module(tf.ones([1, 3]), signature="score", as_dict=True)
        assert list(outputs) == ["score"]
        assert sorted(module.get_signature_names()) == ["default", "pair", "score", "statistics"]

    @pytest.mark.parametrize("api", ["module", "load"])
    def test_a_signature_whose_name_has_slashes(self, api, tmp_path):
        name = "tensorflow/serving/regress"
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None], name="x")
            factor = v1.get_variable("factor", initializer=3.0, use_resource=True)
            signature = v1.saved_model.predict_signature_def({"x": x}, {"y": x * factor})
            session.run(v1.global_variables_initializer())
            builder = v1.saved_model.Builder(str(tmp_path / "m"))
            builder.add_meta_graph_and_variables(session, ["serve"], {name: signature})
            builder.save()
        with tf.name_scope("outer"):
            loaded = unihub.load(tmp_path / "m", api=api, signature=name)
            outputs = [loaded([1.0, 2.0]), loaded({"x": [3.0]}), loaded([4.0])]
        assert [run(y).tolist() for y in outputs] == [[3.0, 6.0], [9.0], [12.0]]

    def test_tags_that_are_named(self):
        unihub.load(model("tf1_hub_image"), tags=["train"])(tf.zeros([1, 8, 8, 3]))
        # Not trainable: the train graph alone adds no update ops.
        assert v1.get_collection(v1.GraphKeys.UPDATE_OPS) == []

    def test_tags_of_a_saved_model(self):
        (case,) = (c for c in cases("tf1_saved_model_tags") if c.signature == "project")
        plain, negated = (
            unihub.load(model("tf1_saved_model_tags"), tags=tags, signature="project")(
                case.inputs["x"]
            )
            for tags in (None, {"serve", "gpu"})
        )
        np.testing.assert_allclose(run(plain), -run(negated), rtol=1e-5)


@pytest.mark.usefixtures("eager")
class TestEagerly:
    def test_inference_returns_the_loaded_object(self):
        assert unihub.load(model("tf2_reusable")).trainable_variables

    def test_fine_tuning_returns_a_trainable_layer(self):
        layer = unihub.load(model("tf2_reusable"), op="fine_tuning")
        assert isinstance(layer, keras_layer_class())
        assert layer.trainable

    def test_fine_tuning_by_load(self):
        loaded = unihub.load(model("tf2_reusable"), op="fine_tuning", api="load")
        assert not isinstance(loaded, keras_layer_class())

    def test_inference_by_keras_is_frozen(self):
        layer = unihub.load(model("tf2_reusable"), api="keras", name="encoder")
        assert (layer.trainable, layer.name) == (False, "encoder")

    @pytest.mark.parametrize("name", ["tf1_hub_multi", "tf1_saved_model_pb"])
    def test_formats_of_tf1_are_refused_for_fine_tuning(self, name):
        with pytest.raises(MatrixRefusal):
            unihub.load(model(name), op="fine_tuning")

    def test_fine_tuning_through_a_signature_is_refused(self):
        with pytest.raises(ValueError, match="not-reusable-saved-model") as raised:
            unihub.load(model("tf2_reusable"), op="fine_tuning", signature="serving_default")
        assert raised.value.do.startswith("unihub.load(")

    def test_a_path_is_as_good_as_text(self):
        assert callable(unihub.load(MODELS / "tf2_reusable"))

    def test_positional_arguments_are_those_of_hub_load(self):
        loaded = unihub.load(model("tf1_hub_image"), ["train"], None)
        assert loaded._is_hub_module_v1

    def test_a_tilde_is_expanded(self, monkeypatch):
        monkeypatch.setenv("HOME", str(MODELS))
        assert callable(unihub.load("~/tf2_reusable"))


@pytest.mark.skipif(Version(tf.__version__) < Version("2.6"), reason="needs TensorFlow 2.6")
def test_a_tf1_format_is_converted_once_and_fine_tuned(eager, tmp_path):
    with unihub.configure(cache=tmp_path / "cache"):
        layer = unihub.load(model("tf1_hub_image"), op="fine_tuning", convert=True)
        (converted,) = (tmp_path / "cache" / "converted").iterdir()
        written = converted.stat().st_mtime_ns
        again = unihub.load(model("tf1_hub_image"), op="fine_tuning", api="load", convert=True)
    assert converted.stat().st_mtime_ns == written
    assert layer.trainable
    assert len(layer.trainable_weights) == len(again.trainable_variables) > 0


def test_convert_leaves_a_tf2_model_as_it_is(eager, tmp_path):
    with unihub.configure(cache=tmp_path / "cache"):
        assert callable(unihub.load(model("tf2_reusable"), convert=True))
    assert not (tmp_path / "cache").exists()


def test_convert_is_not_needed_in_graph_mode(graph, tmp_path):
    with unihub.configure(cache=tmp_path / "cache"):
        unihub.load(model("tf1_hub_scalar"), op="fine_tuning", convert=True)
    assert not (tmp_path / "cache").exists()


def test_save_reports_what_was_written(tmp_path):
    with session_if_needed() as start:
        root = tf.Module()
        root.weight = v1.Variable(2.0, use_resource=True)
        root.trainable_variables_ = [root.weight]
        root.__call__ = tf.function(
            lambda x: x * root.weight, input_signature=[tf.TensorSpec([None], tf.float32)]
        )
        start()
        written = unihub.save(root, tmp_path / "m", signatures={"double": root.__call__})
    assert written.format is Format.TF2_SAVED_MODEL
    (graph,) = written.meta_graphs
    assert (list(graph.signatures), graph.object_graph.callable) == (["double"], True)


def test_save_of_a_module_fn(tmp_path):
    def module_fn():
        x = v1.placeholder(tf.float32, [None])
        unihub.add_signature(inputs=x, outputs=x * 2.0)

    with tf.Graph().as_default():
        written = unihub.save(module_fn, tmp_path / "m")
    assert (written.format, written.tags) == (Format.TF1_HUB, ((),))


def test_save_of_a_module_with_its_session(tmp_path):
    with tf.Graph().as_default(), v1.Session() as session:
        module = unihub.load(model("tf1_hub_scalar"), op="fine_tuning")
        session.run(v1.global_variables_initializer())
        session.run([v.assign(v * 0.0) for v in module.variables])
        unihub.save(module, tmp_path / "m", session=session)
    with tf.Graph().as_default():
        assert run(unihub.load(tmp_path / "m")([5.0])).tolist() == [0.5]


def test_save_of_a_checkpoint_in_graph_mode(tmp_path):
    with tf.Graph().as_default(), v1.Session() as session:
        root = tf.train.Checkpoint(factor=v1.Variable(3.0, use_resource=True))
        root.triple = tf.function(
            lambda x: x * root.factor, input_signature=[tf.TensorSpec([None], tf.float32)]
        )
        session.run(v1.global_variables_initializer())
        written = unihub.save(root, tmp_path / "m", signatures={"triple": root.triple})
    assert [list(graph.signatures) for graph in written.meta_graphs] == [["triple"]]


@contextlib.contextmanager
def session_if_needed():
    """Gives what initialises variables: nothing to do where TensorFlow executes eagerly."""
    if tf.executing_eagerly():
        yield lambda: None
        return
    with tf.Graph().as_default(), v1.Session() as session:
        yield lambda: session.run(v1.global_variables_initializer())


def cases(name):
    return read_cases(expected_file(name))


def run(tensor):
    with v1.Session(graph=tensor.graph) as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        return session.run(tensor)


@pytest.mark.parametrize("choices", [{}, {"fast": False}, {"weights": "mmap"}])
def test_the_process_may_go_elsewhere(tmp_path, monkeypatch, eager, choices):
    monkeypatch.setenv("UNIHUB_CACHE", str(tmp_path / "cache"))
    shutil.copytree(str(MODELS / "tf2_reusable"), str(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)
    loaded = unihub.load("model", **choices)
    x = tf.ones([2, 3])
    before = loaded(x).numpy().tolist()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert loaded.variables
    assert loaded(x).numpy().tolist() == before


def test_nobody_is_led_to_ignore_what_is_unsafe_by_a_typing_error():
    with pytest.raises(UnihubError) as raised:
        unihub.load(MODELS / "tf2_reusable", on_unsafe="nope")
    assert "'warn', 'refuse', 'ignore'" in raised.value.why
    assert "on_unsafe='warn')" in raised.value.do


@pytest.mark.parametrize(
    ("argument", "value", "line"),
    [
        ("input_shape", (3,), "unihub.load({0!r}, api='keras', input_shape=(3,))"),
        ("arguments", {}, "unihub.load({0!r}, api='keras', arguments={{}})"),
        ("tag", None, "unihub.load({0!r}, tags=None)"),
        ("weight", None, "unihub.load({0!r}, weights=None)"),
        ("batch_size", 3, "unihub.load({0!r})  # without batch_size="),
        ("cache_dir", None, "unihub.configure(cache=None); unihub.load({0!r})"),
    ],
)
def test_an_argument_is_answered_by_one_that_does_what_is_meant(argument, value, line, eager):
    handle = model("tf2_reusable")
    with pytest.raises(TypeError) as refused:
        unihub.load(handle, **{argument: value})
    assert refused.value.do == line.format(handle)
    exec(refused.value.do)
