"""Lookup tables and their assets, in a load of one signature."""

from __future__ import annotations

import gc
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS

from unihub import runtime, settings
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.lean_loading import FullLoads, counted, full_object, lean_object, request_for

from unihub.apis.lean import inference as fast
from unihub.apis.lean import objects
from unihub.apis.lean.plan import Declined
from unihub.apis.lean.private import SavedModel
from unihub.apis.saved_model import load_saved_model
from unihub.inspection.refused_files import AssetEscapes

lookup = tf.lookup
WORDS = tf.constant(["a", "seven", "b", "words"])
PAIRS = [
    ([b"a", b"b"], [1, 2], tf.string, tf.int64),
    ([b"a", b"b"], [1, 2], tf.string, tf.int32),
    ([b"a", b"b"], [b"x", b"y"], tf.string, tf.string),
    ([b"a", b"b"], [0.5, 1.5], tf.string, tf.float32),
    ([1, 2], [b"x", b"y"], tf.int64, tf.string),
    ([1, 2], [0.5, 1.5], tf.int64, tf.float64),
    ([1, 2], [3, 4], tf.int32, tf.int32),
]


def table_of(keys, values, key_dtype, value_dtype, **keywords):
    initializer = lookup.KeyValueTensorInitializer(keys, values, key_dtype, value_dtype)
    default = tf.zeros([], value_dtype) if value_dtype != tf.string else ""
    return lookup.StaticHashTable(initializer, default, **keywords)


def from_file(path, **keywords):
    initializer = lookup.TextFileInitializer(
        str(path),
        tf.string,
        lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        lookup.TextFileIndex.LINE_NUMBER,
    )
    return lookup.StaticHashTable(initializer, -1, **keywords)


class Model(tf.Module):
    """Looks words up in a table and gives the rows of a variable."""

    def __init__(self, table, body=None):
        super().__init__()
        self.table = table
        self.w = tf.Variable([[0.5, 1.0], [1.5, 2.0], [2.5, 3.0], [3.5, 4.0]])
        self._body = body

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words")])
    def call(self, words):
        if self._body is not None:
            return self._body(self, words)
        ids = self.table.lookup(words)
        return {"ids": ids, "rows": tf.gather(self.w, ids + 1), "size": self.table.size()}


def saved(path, table, body=None):
    model = Model(table, body)
    tf.saved_model.save(model, str(path), signatures=model.call)
    return str(path)


@pytest.fixture
def vocabulary(tmp_path):
    file = tmp_path / "vocabulary.txt"
    file.write_text("a\nb\nc\n")
    return file


@pytest.fixture
def model(tmp_path, vocabulary):
    path = saved(tmp_path / "model", from_file(vocabulary))
    vocabulary.unlink()
    return path


def outputs(model, x=WORDS):
    return {name: (v.dtype, np.asarray(v).tolist()) for name, v in model(x).items()}


def ids(model):
    return model(WORDS)["ids"].numpy().tolist()


def handles(lean):
    return [id(t) for t in lean._lean_function.tensors[0] if t.dtype == tf.resource]


def gradient(model):
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(WORDS)["rows"] ** 2)
    return tf.convert_to_tensor(tape.gradient(total, model.w)).numpy().tolist()


def test_a_table_of_an_asset_gives_what_the_full_load_gives(model):
    lean, loads = counted(model, as_dict=True)
    full = full_object(model, as_dict=True)
    assert ids(lean) == [0, -1, 1, -1]
    assert outputs(lean) == outputs(full)
    assert loads.count == 0
    assert gradient(lean) == gradient(full)
    assert loads.count == 1
    assert outputs(lean) == outputs(full)
    traced = tf.function(lambda words: lean(words), autograph=False)
    assert outputs(traced) == outputs(full)
    for model in (lean, full):
        with pytest.raises(Exception) as caught:
            model(tf.constant([1, 2]))
        assert type(caught.value).__name__ == "WrongInputDtype"


def test_tables_of_every_dtype(tmp_path):
    def body(model, words):
        found = {}
        for place, (table, (keys, _, key_dtype, _)) in enumerate(zip(model.table, PAIRS)):
            asked = tf.constant([keys[1], keys[0]], key_dtype)
            found[str(place)] = table.lookup(asked)
        found["nameless"] = model.table[-1].lookup(words)
        return found

    made = [table_of(*pair) for pair in PAIRS]
    nameless = table_of(*PAIRS[0], experimental_is_anonymous=True)
    path = saved(
        tmp_path / "model", [*made, nameless], tf.autograph.experimental.do_not_convert(body)
    )
    lean, loads = counted(path, as_dict=True)
    found = outputs(lean)
    assert found["5"] == (tf.float64, [1.5, 0.5])
    assert found == outputs(full_object(path, as_dict=True))
    assert loads.count == 0


def test_a_table_goes_through_branches_and_loops(tmp_path, vocabulary):
    def body(model, words):
        looked_up = tf.map_fn(model.table.lookup, words, tf.int64)
        chosen = tf.cond(tf.size(words) > 2, lambda: model.table.lookup(words), lambda: looked_up)
        return {"y": looked_up, "z": chosen}

    body = tf.autograph.experimental.do_not_convert(body)
    path = saved(tmp_path / "model", from_file(vocabulary), body)
    lean, loads = counted(path, as_dict=True)
    full = full_object(path, as_dict=True)
    for words in (WORDS, WORDS[:1], WORDS[:0]):
        assert outputs(lean, words) == outputs(full, words)
    assert loads.count == 0


def test_loads_do_not_disturb_each_other(model, tmp_path):
    other = str(tmp_path / "other")
    shutil.copytree(model, other)
    (tmp_path / "other" / "assets" / "vocabulary.txt").write_text("seven\nb\na\n")
    expected, of_other = [0, -1, 1, -1], [2, 0, 1, -1]
    full = full_object(model, as_dict=True)
    first, second = lean_object(model, as_dict=True), lean_object(other, as_dict=True)
    again = lean_object(model, as_dict=True)
    assert handles(again) == handles(first)
    assert [ids(m) for m in (first, second, again, full)] == [
        expected,
        of_other,
        expected,
        expected,
    ]
    del first, full
    gc.collect()
    assert [ids(m) for m in (second, again)] == [of_other, expected]
    assert again.w.shape == [4, 2]
    later = full_object(model, as_dict=True)
    assert [ids(m) for m in (second, again, later)] == [of_other, expected, expected]
    del again, second
    gc.collect()
    assert ids(later) == expected
    assert ids(lean_object(other, as_dict=True)) == of_other


def test_it_is_loaded_and_called_in_threads(model):
    def load_and_call(_):
        return ids(lean_object(model, as_dict=True))

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(load_and_call, range(12))) == [[0, -1, 1, -1]] * 12


def test_the_table_and_its_functions_leave_with_the_object(model):
    context = pytest.importorskip("tensorflow.python.eager.context").context()
    before = set(context.list_function_names())
    lean = lean_object(model, as_dict=True)
    assert ids(lean) == [0, -1, 1, -1]
    assert not any("_unihub_table_" in name for name in context.list_function_names())
    del lean
    gc.collect()
    assert set(context.list_function_names()) <= before


def test_an_asset_that_is_changed_is_read_anew(model):
    first, _ = counted(model, as_dict=True)
    assert ids(first) == [0, -1, 1, -1]
    asset = os.path.join(model, "assets", "vocabulary.txt")
    with open(asset, "w") as file:
        file.write("b\na\nseven\n")
    os.utime(asset, ns=(1, 1))
    assert ids(lean_object(model, as_dict=True)) == [1, 2, 0, -1]
    assert ids(full_object(model, as_dict=True)) == [1, 2, 0, -1]
    assert ids(first) == [0, -1, 1, -1]
    with pytest.raises(RuntimeError, match="model-changed"):
        str(first.w)


@pytest.mark.parametrize("content", [None, "a\na\n"], ids=["missing", "twice the same word"])
def test_an_asset_that_cannot_be_read_fails_as_in_the_full_load(model, content):
    asset = os.path.join(model, "assets", "vocabulary.txt")
    os.unlink(asset)
    if content is not None:
        with open(asset, "w") as file:
            file.write(content)
    assert lean_object(model, as_dict=True) is None
    errors = []
    for how in ({}, {"fast": False}):
        with pytest.raises(Exception) as caught:
            load_saved_model(request_for(model, as_dict=True, **how))
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


def test_an_asset_outside_of_the_folder_is_refused(model, tmp_path):
    file = os.path.join(model, "saved_model.pb")
    with open(file, "rb") as opened:
        saved_model = SavedModel.FromString(opened.read())
    (tmp_path / "outside.txt").write_text("a\n")
    saved_model.meta_graphs[0].asset_file_def[0].filename = "../../outside.txt"
    with open(file, "wb") as opened:
        opened.write(saved_model.SerializeToString())
    assert lean_object(model, as_dict=True) is None
    with pytest.raises(AssetEscapes):
        load_saved_model(request_for(model, as_dict=True))


@pytest.mark.parametrize("name", ["../a", "/a", "a/b", "a\\..\\b", "gs://a/b", ""])
def test_no_other_name_is_that_of_an_asset(name):
    with pytest.raises(Declined):
        objects.asset_path(name, "folder/variables/variables")


def test_the_path_of_an_asset_is_spelled_as_by_tensorflow():
    for folder in ("/a/b", "/a/b/", "/a/b//", "b", "."):
        prefix = os.path.join(folder, "variables", "variables")
        assert objects.asset_path("c", prefix) == os.path.join(folder, "assets", "c")


def test_the_path_itself_is_captured_too(tmp_path, vocabulary):
    asset = tf.saved_model.Asset(str(vocabulary))

    def body(model, words):
        return {"path": asset.asset_path, "text": tf.io.read_file(asset.asset_path)}

    body = tf.autograph.experimental.do_not_convert(body)
    path = saved(tmp_path / "model", asset, body)
    lean, loads = counted(path, as_dict=True)
    assert outputs(lean) == outputs(full_object(path, as_dict=True))
    assert outputs(lean)["text"] == (tf.string, b"a\nb\nc\n")
    assert loads.count == 0


def test_it_is_loaded_with_mapped_weights(model, tmp_path, monkeypatch):
    monkeypatch.setenv("UNIHUB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir(mode=0o700)
    assert settings.current().cache == str(tmp_path / "cache")
    request = request_for(model, as_dict=True)
    lean = fast.load_lean(request, FullLoads(request), "mmap")
    assert outputs(lean) == outputs(full_object(model, as_dict=True))


def mutable(vocabulary):
    return lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)


def dense(vocabulary):
    return lookup.experimental.DenseHashTable(tf.string, tf.int64, -1, "", "deleted")


@pytest.mark.parametrize("make", [mutable, dense], ids=lambda make: make.__name__)
def test_a_table_that_is_written_to_is_left_to_tensorflow(make, vocabulary, tmp_path):
    def body(model, words):
        return {"ids": model.table.lookup(words)}

    table = make(vocabulary)
    table.insert(tf.constant(["a"]), tf.constant([7], tf.int64))
    path = saved(tmp_path / "model", table, tf.autograph.experimental.do_not_convert(body))
    assert lean_object(path, as_dict=True) is None


def test_a_resource_of_another_kind_is_left_to_tensorflow(tmp_path):
    class Counter(tf.saved_model.experimental.TrackableResource):
        def _create_resource(self):
            return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[])

        def _initialize(self):
            tf.raw_ops.AssignVariableOp(resource=self.resource_handle, value=tf.constant(3.0))

    def body(model, words):
        handle = model.table.resource_handle
        return {"y": tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)}

    counter = Counter()
    counter._initialize()
    body = tf.autograph.experimental.do_not_convert(body)
    path = saved(tmp_path / "model", counter, body)
    assert full_object(path, as_dict=True)(WORDS)["y"].numpy() == 3.0
    assert lean_object(path, as_dict=True) is None


def changed(model, change):
    """A model whose MetaGraph was changed by hand."""
    file = os.path.join(model, "saved_model.pb")
    with open(file, "rb") as opened:
        saved_model = SavedModel.FromString(opened.read())
    meta_graph = saved_model.meta_graphs[0]
    (resource,) = (n for n in meta_graph.object_graph_def.nodes if n.HasField("resource"))
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    change(meta_graph, resource, functions)
    with open(file, "wb") as opened:
        opened.write(saved_model.SerializeToString())
    return model


def creator(functions):
    return next(n for f in functions.values() for n in f.node_def if n.op == "HashTableV2")


def on_a_gpu(meta_graph, resource, functions):
    resource.resource.device = "/device:GPU:0"


def of_another_class(meta_graph, resource, functions):
    resource.registered_name = "Else.Table"


def with_a_saver(meta_graph, resource, functions):
    resource.saveable_objects["table"].save_function = 1


def shared_by_name(meta_graph, resource, functions):
    creator(functions).attr["use_node_name_sharing"].b = True


def of_another_op(meta_graph, resource, functions):
    creator(functions).op = "MutableHashTableV2"


def without_a_creator(meta_graph, resource, functions):
    kept = [child for child in resource.children if child.local_name != "_create_resource"]
    del resource.children[:]
    resource.children.extend(kept)


@pytest.mark.parametrize(
    "change",
    [
        on_a_gpu,
        of_another_class,
        with_a_saver,
        shared_by_name,
        of_another_op,
        without_a_creator,
    ],
    ids=lambda change: change.__name__,
)
def test_a_table_that_is_not_plain_is_left_to_tensorflow(change, model):
    assert lean_object(changed(model, change), as_dict=True) is None


@pytest.mark.parametrize(
    ("name", "signature"),
    [("tf2_text", "serving_default"), ("tf1_hub_text", "default")],
)
def test_the_text_models_of_tensorflow_1_15(name, signature):
    words = tf.constant(["a sentence of words", "", "the cat"])
    lean, loads = counted(MODELS / name, signature=signature, as_dict=True)
    full = full_object(MODELS / name, signature=signature, as_dict=True)
    assert outputs(lean, words) == outputs(full, words)
    assert loads.count == 0
