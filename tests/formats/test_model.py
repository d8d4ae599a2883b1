from __future__ import annotations

import copy
import csv
import json
import pickle
import subprocess
import sys

import pytest
from conftest import MODELS, ROOT, SHARED_MODELS
from hand_made import (
    HUB_GRAPH,
    HUB_MODULE,
    TF1,
    TF2,
    meta_graph,
    saved_model,
    saved_object,
    shape,
    signature,
    tensor_info,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unihub.formats import FormatError, TensorInfo, read_ops, read_saved_model
from unihub.formats.model import Named
from unihub.matrix import Format


@pytest.fixture
def folder(tmp_path):
    """Writes a folder's files, and reads it."""

    def read(content, **files):
        (tmp_path / "saved_model.pb").write_bytes(content)
        for name, file_content in files.items():
            (tmp_path / f"{name}.pb").write_bytes(file_content)
        return read_saved_model(tmp_path)

    return read


def test_tf1_saved_model(folder, tmp_path):
    model = folder(TF1)
    assert model.path == str(tmp_path)
    assert model.format is Format.TF1_SAVED_MODEL
    assert model.evidence == "saved_model.pb without an object graph, tags ['serve']"
    assert (model.module_format, model.required_features) == (None, ())
    assert model.tags == (("serve",),)
    (graph,) = model.meta_graphs
    assert graph.tensorflow_version == "2.15.1"
    assert graph.object_graph is None
    assert str(graph.signatures["serving_default"]) == (
        "serving_default(x: float32[?,2]) -> {y: float32[?,2]}"
    )
    assert graph.signatures["serving_default"].method_name == "tensorflow/serving/predict"
    assert graph.signatures["serving_default"].inputs["x"] == TensorInfo(
        name="x:0", dtype="float32", shape=(None, 2), kind="dense", components=("x:0",)
    )


def test_tf2_saved_model(folder):
    model = folder(TF2)
    assert model.format is Format.TF2_SAVED_MODEL
    assert model.evidence == "saved_model.pb with an object graph, tags ['serve']"
    (graph,) = model.meta_graphs
    assert list(graph.signatures) == ["serving_default"]
    assert graph.collections == ("saved_model_main_op",)
    assert graph.object_graph.callable
    assert graph.object_graph.callables == ("encoder", "encoder.embed")
    assert (graph.variables, graph.trainable_variables, graph.regularization_losses) == (1, 0, 0)


def test_tf1_hub(folder):
    model = folder(HUB_GRAPH, tfhub_module=HUB_MODULE)
    assert model.format is Format.TF1_HUB
    assert model.evidence == "tfhub_module.pb, tags [], ['train']"
    assert model.tags == ((), ("train",))
    assert (model.module_format, model.required_features) == (3, ())


def test_a_hub_module_is_told_by_its_file_alone(folder):
    # tensorflow_hub takes it for that, and loads it with tags [].
    assert folder(TF2, tfhub_module=HUB_MODULE).format is Format.TF1_HUB


def test_several_meta_graphs_with_objects(folder):
    # tf.saved_model.load restores no objects from these.
    objects = (saved_object(4, {}),)
    model = folder(saved_model(meta_graph(objects=objects), meta_graph(("gpu",), objects=objects)))
    assert model.format is Format.TF1_SAVED_MODEL
    assert model.evidence == "saved_model.pb with several MetaGraphs, tags ['serve'], ['gpu']"


def test_an_object_graph_without_objects(folder):
    assert folder(saved_model(meta_graph(more=[(7, [])]))).format is Format.TF1_SAVED_MODEL


def test_tags_are_sorted_and_distinct(folder):
    assert folder(saved_model(meta_graph(("serve", "gpu", "serve")))).tags == (("gpu", "serve"),)


def test_internal_signatures_are_left_out(folder):
    names = ("__saved_model_init_op", "__saved_model_train_op", "b", "a")
    model = folder(saved_model(meta_graph(signatures=dict.fromkeys(names, signature({}, {})))))
    assert list(model.meta_graphs[0].signatures) == ["a", "b"]


def test_the_number_of_variables_of_a_tf1_model(folder):
    def collection(size, kind):
        return [(kind, [(1, b"x")] * size)]

    model = folder(
        saved_model(
            meta_graph(
                collections={
                    "variables": collection(3, 2),
                    "trainable_variables": collection(2, 2),
                    "regularization_losses": collection(1, 1),
                    "train_op": collection(1, 1),
                }
            )
        )
    )
    (graph,) = model.meta_graphs
    assert (graph.variables, graph.trainable_variables, graph.regularization_losses) == (3, 2, 1)
    assert graph.collections == (
        "regularization_losses",
        "train_op",
        "trainable_variables",
        "variables",
    )


LIBRARY = (2, [(1, [(1, [(1, "f")]), (3, [(1, "n"), (2, "Mul")]), (3, [(1, "m"), (2, "f")])])])


@pytest.mark.parametrize(
    ("stripped", "expected"), [(["Add", "f"], ("Add", "Mul")), ([], ("Mul", "Relu"))]
)
def test_ops(folder, stripped, expected):
    graph = [(1, [(1, "y"), (2, "Relu")]), (1, [(1, "z"), (2, "f")]), LIBRARY]
    info = [(2, [(1, [(1, name)]) for name in stripped])]
    model = folder(saved_model(meta_graph(more=[(1, info), (2, graph)])))
    assert read_ops(model.path, model.meta_graphs[0].tags) == expected


def test_assets(folder):
    collection = [(5, [(1, [(1, "type/tensorflow.AssetFileDef"), (2, [(2, "words.txt")])])])]
    model = folder(
        saved_model(
            meta_graph(
                collections={"saved_model_assets": collection},
                more=[(6, [(2, "labels.txt")]), (6, [(2, "words.txt")])],
            )
        )
    )
    assert model.meta_graphs[0].assets == ("labels.txt", "words.txt")


RAGGED_STATE = [
    (52, [(1, [(31, shape(-1, -1, 3))]), (1, [(32, 3)]), (1, [(12, 1)]), (1, [(32, 9)])])
]
RAGGED = [
    (5, [(1, [(1, 3), (2, RAGGED_STATE), (3, "RaggedTensorSpec")]),
         (2, tensor_info("flat:0", 3, -1, 3)), (2, tensor_info("splits:0", 9, -1))])
]  # fmt: skip
OPAQUE = [(5, [(1, [(3, "OptionalSpec")]), (2, tensor_info("o:0", 21))])]
SPARSE = [(4, [(1, "v:0"), (2, "i:0"), (3, "s:0")]), (2, 1), (3, shape(-1, 4))]


@pytest.mark.parametrize(
    ("encoded", "expected", "text"),
    [
        (
            tensor_info("x:0", 1, -1, 2),
            TensorInfo("x:0", "float32", (None, 2), "dense", ("x:0",)),
            "float32[?,2]",
        ),
        (tensor_info("x:0", 9), TensorInfo("x:0", "int64", (), "dense", ("x:0",)), "int64[]"),
        (
            [(1, "x:0"), (2, 7), (3, [(3, 1)])],
            TensorInfo("x:0", "string", None, "dense", ("x:0",)),
            "string[...]",
        ),
        (
            [(1, "x:0"), (2, 101)],
            TensorInfo("x:0", "float32_ref", None, "dense", ("x:0",)),
            "float32_ref[...]",
        ),
        (
            [(1, "x:0"), (2, 99)],
            TensorInfo("x:0", "unknown (99)", None, "dense", ("x:0",)),
            "unknown (99)[...]",
        ),
        (
            SPARSE,
            TensorInfo("v:0", "float32", (None, 4), "sparse", ("v:0", "i:0", "s:0")),
            "sparse float32[?,4]",
        ),
        (
            RAGGED,
            TensorInfo(
                "flat:0",
                "int32",
                (None, None, 3),
                "composite",
                ("flat:0", "splits:0"),
                "RaggedTensorSpec",
            ),
            "RaggedTensorSpec int32[?,?,3]",
        ),
        (
            OPAQUE,
            TensorInfo("o:0", "invalid", None, "composite", ("o:0",), "OptionalSpec"),
            "OptionalSpec invalid[...]",
        ),
        ([], TensorInfo("", "invalid", None, "dense", ("",)), "invalid[...]"),
    ],
    ids=[
        "dense",
        "scalar",
        "unknown rank",
        "ref",
        "unknown",
        "sparse",
        "ragged",
        "optional",
        "none",
    ],
)
def test_tensors(folder, encoded, expected, text):
    model = folder(saved_model(meta_graph(signatures={"s": signature({"x": encoded}, {})})))
    tensor = model.meta_graphs[0].signatures["s"].inputs["x"]
    assert tensor == expected
    assert str(tensor) == text


def test_names_are_in_alphabetical_order_and_immutable():
    named = Named({"b": 1, "a": 2})
    assert list(named) == ["a", "b"]
    assert named == {"a": 2, "b": 1}
    assert repr(named) == "{'a': 2, 'b': 1}"
    with pytest.raises(TypeError):
        named["c"] = 3  # type: ignore[index]


def test_what_was_read_is_a_value(folder):
    model = folder(TF2)
    assert pickle.loads(pickle.dumps(model)) == model
    assert copy.deepcopy(model) == model
    assert len({model, folder(TF2)}) == 1
    with pytest.raises(AttributeError):
        model.format = Format.TF1_HUB


def test_the_path_may_be_a_path_or_bytes(folder, tmp_path):
    model = folder(TF1)
    assert read_saved_model(str(tmp_path)) == model
    assert read_saved_model(bytes(tmp_path)) == model


def test_binary_goes_before_text(folder, tmp_path):
    (tmp_path / "saved_model.pbtxt").write_text("not read")
    assert folder(TF1).format is Format.TF1_SAVED_MODEL


def test_a_link_is_followed(folder, tmp_path):
    (tmp_path / "blob").write_bytes(TF1)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").symlink_to(tmp_path / "blob")
    assert read_saved_model(tmp_path / "model").format is Format.TF1_SAVED_MODEL


UNWANTED = ("tensorflow", "google.protobuf", "keras", "tf_keras", "numpy", "absl", "wrapt")


@pytest.mark.parametrize(
    ("sought", "expected"), [(UNWANTED, "[]\n"), ((*UNWANTED, "mmap"), "['mmap']\n")]
)
def test_reading_imports_neither_tensorflow_nor_protobuf(sought, expected):
    code = (
        "import sys, unihub.formats; unihub.formats.read_saved_model(sys.argv[1]); "
        "print([name for name in sys.argv[2:] if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(MODELS / "tf1_hub_scalar"), *sought]
    found = subprocess.run(
        command, cwd=str(ROOT), stdout=subprocess.PIPE, check=True, encoding="utf-8"
    )
    assert found.stdout == expected


FIXTURE_FORMATS = {
    "tf1_hub": Format.TF1_HUB,
    "tf1_saved_model": Format.TF1_SAVED_MODEL,
    "tf2": Format.TF2_SAVED_MODEL,
    "keras2": Format.TF2_SAVED_MODEL,
    "keras3": Format.TF2_SAVED_MODEL,
}


@pytest.mark.parametrize(
    "path", sorted(p for p in MODELS.glob("*") if p.is_dir()), ids=lambda p: p.name
)
def test_format_of_fixtures(path):
    expected = [found for name, found in FIXTURE_FORMATS.items() if path.name.startswith(name)]
    assert [read_saved_model(path).format] == expected


def test_text_and_binary_of_one_model_agree():
    text, binary = (
        read_saved_model(MODELS / f"tf1_saved_model_{kind}").meta_graphs for kind in ("pbtxt", "pb")
    )
    assert text == binary


MANIFEST_FORMATS = {
    "tf1-hub": Format.TF1_HUB,
    "tf1-plain": Format.TF1_SAVED_MODEL,
    "tf1-plain (pbtxt)": Format.TF1_SAVED_MODEL,
    "tf2": Format.TF2_SAVED_MODEL,
    "tf2-keras": Format.TF2_SAVED_MODEL,
}


def test_models_of_others_are_as_their_manifest_says(shared_models):
    with open(str(shared_models / "MANIFEST.tsv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    found, expected = {}, {}
    for row in rows:
        model = read_saved_model(shared_models / row["dir"])
        (graph,) = model.meta_graphs
        found[row["dir"]] = (
            model.format,
            "{" + ",".join(graph.tags) + "}",
            {name: [len(s.inputs), len(s.outputs)] for name, s in graph.signatures.items()},
            graph.tensorflow_version,
        )
        expected[row["dir"]] = (
            MANIFEST_FORMATS[row["format"]],
            row["tags"],
            json.loads(row["signatures{name:[n_in,n_out]}"]),
            row["tf_version"],
        )
    assert found == expected
    assert len(rows) == 17


def available_models():
    folders = [*MODELS.glob("*"), *SHARED_MODELS.glob("*")]
    return sorted(path for path in folders if path.is_dir())


def parsed(path):
    """A folder's SavedModel as TensorFlow's protobuf classes parse it."""
    from google.protobuf import text_format
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    if (path / "saved_model.pb").exists():
        model.ParseFromString((path / "saved_model.pb").read_bytes())
    else:
        text_format.Parse((path / "saved_model.pbtxt").read_text(), model)
    return model


def tensors_by_tensorflow(tensors):
    import tensorflow as tf

    def shape_of(proto):
        found = tf.TensorShape(proto)
        return None if found.rank is None else tuple(found.as_list())

    return {
        name: (
            {"name": "dense", "coo_sparse": "sparse"}[info.WhichOneof("encoding")],
            info.name or info.coo_sparse.values_tensor_name,
            tf.as_dtype(info.dtype).name,
            shape_of(info.tensor_shape),
        )
        for name, info in tensors.items()
    }


def graph_by_tensorflow(graph):
    info, library = graph.meta_info_def, graph.graph_def.library.function
    functions = {function.signature.name for function in library}
    ops = {op.name for op in info.stripped_op_list.op} or {node.op for node in graph.graph_def.node}
    ops |= {node.op for function in library for node in function.node_def}
    return {
        "tags": sorted(info.tags),
        "version": info.tensorflow_version,
        "ops": sorted(ops - functions),
        "collections": sorted(graph.collection_def),
        "signatures": {
            name: (
                tensors_by_tensorflow(found.inputs),
                tensors_by_tensorflow(found.outputs),
                found.method_name,
            )
            for name, found in graph.signature_def.items()
            if not name.startswith("__saved_model")
        },
        "children": [child.local_name for child in graph.object_graph_def.nodes[0].children]
        if graph.object_graph_def.nodes
        else None,
    }


def tensors_by_unihub(tensors):
    return {name: (t.kind, t.name, t.dtype, t.shape) for name, t in tensors.items()}


def graph_by_unihub(path, graph):
    return {
        "tags": list(graph.tags),
        "version": graph.tensorflow_version,
        "ops": list(read_ops(path, graph.tags)),
        "collections": list(graph.collections),
        "signatures": {
            name: (tensors_by_unihub(s.inputs), tensors_by_unihub(s.outputs), s.method_name)
            for name, s in graph.signatures.items()
        },
        "children": list(graph.object_graph.children) if graph.object_graph else None,
    }


@pytest.mark.parametrize("path", available_models(), ids=lambda path: path.name)
def test_agrees_with_tensorflow(path):
    ours = [graph_by_unihub(path, graph) for graph in read_saved_model(path).meta_graphs]
    assert ours == [graph_by_tensorflow(graph) for graph in parsed(path).meta_graphs]


WRITTEN_AS_TEXT = ("tf1_hub_image", "tf1_hub_text", "tf2_text", "keras2_saved_model", "tf_serving")


@pytest.mark.parametrize("as_one_line", [False, True])
@pytest.mark.parametrize(
    "path",
    [path for path in available_models() if path.name.startswith(WRITTEN_AS_TEXT)],
    ids=lambda path: path.name,
)
def test_text_written_by_protobuf(path, as_one_line, tmp_path):
    from google.protobuf import text_format

    text = text_format.MessageToString(parsed(path), as_one_line=as_one_line)
    (tmp_path / "saved_model.pbtxt").write_text(text)
    assert read_saved_model(tmp_path).meta_graphs == read_saved_model(path).meta_graphs


def test_composite_tensors_written_by_tensorflow(folder, graph):
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    ragged = tf.compat.v1.ragged.placeholder(tf.int32, 1, [3])
    sparse = tf.compat.v1.sparse_placeholder(tf.float32, [None, 4])
    build = tf.compat.v1.saved_model.build_tensor_info
    definition = tf.compat.v1.saved_model.build_signature_def(
        {"ragged": build(ragged), "sparse": build(sparse)}, {}, ""
    )
    model = saved_model_pb2.SavedModel()
    model.meta_graphs.add().signature_def["s"].CopyFrom(definition)
    inputs = folder(model.SerializeToString()).meta_graphs[0].signatures["s"].inputs
    assert str(inputs["ragged"]) == "RaggedTensorSpec int32[?,?,3]"
    assert (inputs["sparse"].kind, inputs["sparse"].dtype) == ("sparse", "float32")
    assert inputs["sparse"].shape == tuple(sparse.get_shape().as_list())
    assert inputs["ragged"].components == (ragged.flat_values.name, ragged.row_splits.name)
    assert inputs["sparse"].name == sparse.values.name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from([TF1, TF2, HUB_GRAPH]),
    st.lists(st.tuples(st.integers(0, len(TF1) - 1), st.binary(max_size=3)), max_size=5),
    st.integers(0, 30),
    st.one_of(st.none(), st.just(HUB_MODULE), st.binary(max_size=8)),
)
def test_mutated_folders_give_an_answer_or_a_format_error(tmp_path, data, changes, cut, hub_module):
    changed = bytearray(data[: len(data) - cut])
    for position, put in changes:
        changed[position : position + len(put)] = put
    (tmp_path / "saved_model.pb").write_bytes(bytes(changed))
    hub_file = tmp_path / "tfhub_module.pb"
    if hub_module is not None:
        hub_file.write_bytes(hub_module)
    elif hub_file.exists():
        hub_file.unlink()
    try:
        model = read_saved_model(tmp_path)
        assert repr(model)
    except FormatError as error:
        assert str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=400))
def test_random_files_give_an_answer_or_a_format_error(tmp_path, data):
    (tmp_path / "saved_model.pb").write_bytes(data)
    try:
        assert repr(read_saved_model(tmp_path))
    except FormatError as error:
        assert str(error)


def test_a_model_prints_what_it_offers():
    path = str(MODELS / "tf1_hub_image")
    assert str(read_saved_model(path)) == (
        f"{path}: TF1 Hub format (tfhub_module.pb, tags [], ['train'])\n"
        "tags []: not callable, 7 variables, 5 trainable, 1 regularization losses\n"
        "  default(images: float32[?,8,8,3]) -> {default: float32[?,5]}\n"
        "  image_feature_vector(images: float32[?,8,8,3]) -> "
        "{default: float32[?,4], net/conv: float32[?,3,3,4]}\n"
        "tags ['train']: not callable, 7 variables, 5 trainable, 1 regularization losses\n"
        "  default(images: float32[?,8,8,3]) -> {default: float32[?,5]}\n"
        "  image_feature_vector(images: float32[?,8,8,3]) -> "
        "{default: float32[?,4], net/conv: float32[?,3,3,4]}"
    )
