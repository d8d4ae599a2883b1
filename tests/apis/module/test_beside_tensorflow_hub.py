"""Scripts that use unihub and the installed tensorflow_hub side by side."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from apis.module import module_fns as fns
from fixtures.expected import expected_file, read_cases

import unihub
from unihub.errors import UnihubError

v1 = tf.compat.v1

VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])

pytestmark = pytest.mark.skipif(
    VERSION >= (2, 16), reason="no tensorflow_hub has hub.Module for TensorFlow 2.16 and later"
)


@pytest.fixture
def hub() -> Any:
    return importlib.import_module("tensorflow_hub")


def run(fetches: Any) -> Any:
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        return session.run(fetches)


def answer(spec: Any, x: Any, **options: Any) -> Any:
    """What our Module of a spec or handle returns, as nested lists."""
    with tf.Graph().as_default():
        return run(unihub.Module(spec, **options)(x)).tolist()


def words(tmp_path: Any) -> str:
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n", encoding="utf-8")
    return str(path)


def test_a_spec_of_tensorflow_hub_is_instantiated(hub, tmp_path):
    assert answer(fns.spec(hub, fns.scale), 3.0) == 6.0
    assert answer(fns.spec(hub, fns.vocabulary, words(tmp_path)), ["b", "x"]) == [[1, -1]]


def test_so_is_a_spec_that_it_has_loaded(hub, tmp_path):
    dense = fns.exported(hub, fns.spec(hub, fns.dense), tmp_path / "dense")
    table = fns.exported(hub, fns.spec(hub, fns.vocabulary, words(tmp_path)), tmp_path / "table")
    assert answer(hub.load_module_spec(dense), [[1.0, 0.0, 0.0]]) == answer(dense, [[1.0, 0, 0]])
    assert answer(hub.load_module_spec(table), ["b", "x"]) == [[1, -1]]


def test_so_is_one_of_a_saved_model(hub, models):
    path = str(models / "tf1_saved_model_table")
    (case, *_) = read_cases(expected_file("tf1_saved_model_table"))
    with tf.Graph().as_default():
        module = unihub.Module(hub.create_module_spec_from_saved_model(path), tags={"serve"})
        found = run(module(dict(case.inputs), case.signature, as_dict=True))
    assert sorted(found) == sorted(case.outputs)
    for name, expected in case.outputs.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-5)


def test_its_graph_variants_and_messages_come_along(hub, graph):
    def module_fn(is_training):
        fns.normalized(hub, is_training)
        hub.attach_message("numbers", tf.train.Int64List(value=[4, 2]))

    spec = hub.create_module_spec(module_fn, tags_and_args=fns.TRAIN_AND_SERVE)
    module = unihub.Module(spec, trainable=True, tags={"train"})
    module([[1.0, 2.0], [3.0, 4.0]])
    assert [len(v1.get_collection(key)) for key in ("trainable_variables", "update_ops")] == [1, 1]
    message = module.get_attached_message("numbers", tf.train.Int64List)
    assert list(message.value) == [4, 2]


def test_a_spec_of_somebodys_own_class_is_refused(hub, graph):
    class Own(hub.ModuleSpec):
        """A kind of module that tensorflow_hub lets one invent."""

    with pytest.raises(ValueError) as raised:
        unihub.Module(Own())
    assert isinstance(raised.value, UnihubError)


def test_a_spec_is_evaluated(hub):
    with unihub.eval_function_for_module(fns.spec(hub, fns.scale)) as evaluate:
        assert evaluate(4.0) == 8.0


@pytest.mark.parametrize("kind", ["text", "sparse", "image"])
def test_columns_take_a_spec_of_tensorflow_hub(kind, hub, graph):
    def text_fn():
        texts = v1.placeholder(tf.string, [None])
        lengths = tf.cast(tf.strings.length(texts), tf.float32)
        hub.add_signature(inputs=texts, outputs=tf.reshape(lengths, [-1, 1]) * [[1.0, 10.0]])

    def image_fn():
        images = v1.placeholder(tf.float32, [None, 2, 3, 3])
        hub.add_signature(inputs={"images": images}, outputs=tf.reduce_sum(images, [1, 2]))

    if kind == "image":
        column = unihub.image_embedding_column("f", hub.create_module_spec(image_fn))
        assert unihub.get_expected_image_size(hub.create_module_spec(image_fn)) == [2, 3]
        assert unihub.get_num_image_channels(column.module_spec) == 3
        features, expected = tf.ones([1, 2, 3, 3]), [[6, 6, 6]]
    elif kind == "text":
        column = unihub.text_embedding_column("f", hub.create_module_spec(text_fn))
        features, expected = tf.constant(["a", "abc"]), [[1, 10], [3, 30]]
    else:
        column = unihub.sparse_text_embedding_column(
            "f", hub.create_module_spec(text_fn), "sum", ""
        )
        features = tf.SparseTensor([[0, 0], [0, 1]], ["a", "abc"], [1, 2])
        expected = [[4, 40]]
    output = v1.feature_column.input_layer({"f": features}, [column])
    assert run(output).tolist() == expected


@pytest.mark.parametrize("of_spec", ["ours", "theirs"])
def test_columns_of_both_stand_side_by_side(of_spec, hub, models, graph):
    path = str(models / "tf1_hub_text")
    theirs = hub.text_embedding_column("their", path)
    ours = unihub.text_embedding_column(
        "our", path if of_spec == "ours" else hub.load_module_spec(path)
    )
    texts = tf.constant(["so easy", "very bad"])
    output = v1.feature_column.input_layer({"our": texts, "their": texts}, [ours, theirs])
    # In the order of their names.
    first, second = np.split(run(output), 2, axis=1)
    np.testing.assert_array_equal(first, second)


def trained(module: Any) -> Any:
    """A session in which the module's w is 7."""
    session = v1.Session()
    session.run(v1.global_variables_initializer())
    session.run(module.variable_map["w"].assign(7.0))
    return session


def test_a_module_of_tensorflow_hub_is_saved(hub, tmp_path, graph):
    module = hub.Module(fns.spec(hub, fns.scale))
    with trained(module) as session:
        written = unihub.save(module, tmp_path / "given", session=session)
        unihub.save(module, tmp_path / "default")
    assert written.format is unihub.Format.TF1_HUB
    assert [answer(str(tmp_path / name), 2.0) for name in ("given", "default")] == [14.0, 14.0]


def test_a_spec_of_tensorflow_hub_is_saved(hub, tmp_path, graph):
    spec = fns.spec(hub, fns.scale)
    unihub.save(spec, tmp_path / "initial")
    module = hub.Module(spec)
    with trained(module) as session:
        checkpoint = v1.train.Saver(module.variable_map).save(session, str(tmp_path / "values"))
    unihub.save(spec, tmp_path / "trained", checkpoint_path=checkpoint)
    assert answer(str(tmp_path / "initial"), 2.0) == 4.0
    assert answer(str(tmp_path / "trained"), 2.0) == 14.0


@pytest.mark.parametrize("maker", ["ours", "theirs"])
def test_module_fn_may_declare_by_the_other_library(maker, hub, tmp_path, graph):
    making, declaring = (unihub, hub) if maker == "ours" else (hub, unihub)

    def module_fn():
        fns.scale(declaring)
        declaring.attach_message("numbers", tf.train.Int64List(value=[1]))
        declaring.attach_message("numbers", tf.train.Int64List(value=[4, 2]))
        size = declaring.ImageModuleInfo()
        size.default_image_size.height = size.default_image_size.width = 5
        declaring.attach_image_module_info(size)

    spec = making.create_module_spec(module_fn)
    folder = fns.exported(making, spec, tmp_path / "m")
    for library in (hub, unihub):
        module = library.Module(folder)
        assert run(module(3.0)) == 6.0
        assert list(module.get_attached_message("numbers", tf.train.Int64List).value) == [4, 2]
        assert library.get_expected_image_size(module) == [5, 5]


def test_save_takes_a_module_fn_that_declares_by_tensorflow_hub(hub, tmp_path, graph):
    def module_fn():
        fns.scale(hub)

    unihub.save(module_fn, tmp_path / "m")
    assert answer(str(tmp_path / "m"), 2.0) == 4.0


@pytest.mark.parametrize("module_of", ["ours", "theirs"])
@pytest.mark.parametrize("registered_by", ["ours", "theirs"])
@pytest.mark.parametrize("exported_by", ["ours", "theirs"])
def test_an_estimator_exports_what_either_registers(
    module_of, registered_by, exported_by, hub, tmp_path
):
    library = {"ours": unihub, "theirs": hub}
    spec = fns.spec(library[module_of], fns.scale)

    def model_fn(features, labels, mode):
        module = library[module_of].Module(spec, trainable=True)
        library[registered_by].register_module_for_export(module, "scale")
        output = module(features["x"])
        step = v1.train.GradientDescentOptimizer(0.5).minimize(
            output, global_step=v1.train.get_global_step()
        )
        return v1.estimator.EstimatorSpec(mode, loss=output, train_op=step, predictions=output)

    def serving_input_fn():
        x = v1.placeholder(tf.float32, [])
        return v1.estimator.export.ServingInputReceiver({"x": x}, {"x": x})

    estimator = v1.estimator.Estimator(model_fn, model_dir=str(tmp_path / "run"))
    estimator.train(lambda: ({"x": tf.constant(1.0)}, tf.constant(0.0)), steps=1)
    exporter = library[exported_by].LatestModuleExporter("modules", serving_input_fn)
    folder = exporter.export(estimator, str(tmp_path / "out"), estimator.latest_checkpoint())
    assert answer(f"{folder.decode()}/scale", 2.0) == 3.0


def test_a_name_that_the_other_library_registered_is_taken(hub, graph):
    module = unihub.Module(fns.spec(unihub, fns.scale))
    hub.register_module_for_export(module, "scale")
    with pytest.raises(ValueError, match="export-name-taken"):
        unihub.register_module_for_export(module, "scale")


def test_a_spec_from_before_install_is_taken(hub, tmp_path, graph):
    spec = fns.spec(hub, fns.scale)
    module = hub.Module(spec)
    with unihub.install(), trained(module) as session:
        stand_in = importlib.import_module("tensorflow_hub")
        assert stand_in.Module is unihub.Module
        assert answer(spec, 3.0) == 6.0
        stand_in.save(module, str(tmp_path / "m"), session=session)
    assert answer(str(tmp_path / "m"), 2.0) == 14.0
