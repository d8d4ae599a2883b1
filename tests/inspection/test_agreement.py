"""What is inspected, beside what TensorFlow itself reads and loads."""

from __future__ import annotations

import contextlib

import pytest
import tensorflow as tf
from conftest import MODELS
from inspection.acting_table import ACTING, other_models
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import loader_impl

import unihub
from unihub.errors import UnihubError
from unihub.inspection.checkpoint import read_checkpoint
from unihub.matrix import Format

FOLDERS = [*other_models(), *sorted(ACTING.iterdir())]
IN_TF1 = tf.__version__.startswith("1.")


def mode():
    return contextlib.nullcontext() if tf.executing_eagerly() else tf.Graph().as_default()


def by_tensorflow(tensors):
    return {
        name: (
            info.name or info.coo_sparse.values_tensor_name,
            tf.dtypes.as_dtype(info.dtype).name,
            None
            if info.tensor_shape.unknown_rank
            else tuple(None if d.size < 0 else d.size for d in info.tensor_shape.dim),
        )
        for name, info in tensors.items()
        if info.WhichOneof("encoding") != "composite_tensor"
    }


def by_unihub(tensors):
    return {
        name: (info.name, info.dtype, info.shape)
        for name, info in tensors.items()
        if info.kind != "composite"
    }


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_signatures_and_ops(folder):
    parsed = loader_impl.parse_saved_model(str(folder))
    assert isinstance(parsed, saved_model_pb2.SavedModel)
    info = unihub.inspect(folder)
    assert len(info.meta_graphs) == len(parsed.meta_graphs)
    for found, expected in zip(info.meta_graphs, parsed.meta_graphs):
        assert set(found.tags) == set(expected.meta_info_def.tags)
        signatures = {
            name: (by_tensorflow(definition.inputs), by_tensorflow(definition.outputs))
            for name, definition in expected.signature_def.items()
            if not name.startswith("__saved_model_")
        }
        assert {
            signature.name: (by_unihub(signature.inputs), by_unihub(signature.outputs))
            for signature in found.signatures
        } == signatures
        functions = expected.graph_def.library.function
        ops = {node.op for node in expected.graph_def.node}
        ops |= {node.op for function in functions for node in function.node_def}
        assert set(found.ops) == ops - {function.signature.name for function in functions}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_checkpoint(folder):
    prefix = str(folder / "variables" / "variables")
    checkpoint = read_checkpoint(prefix)
    if checkpoint is None:
        assert not (folder / "variables" / "variables.index").exists()
        return
    expected = [
        (name, tuple(shape))
        for name, shape in tf.train.list_variables(prefix)
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    ]
    assert [(tensor.name, tensor.shape) for tensor in checkpoint.tensors] == expected
    reader = tf.train.load_checkpoint(prefix)
    dtypes = reader.get_variable_to_dtype_map()
    assert all(tensor.dtype == dtypes[tensor.name].name for tensor in checkpoint.tensors)
    assert checkpoint.damage == ""


LOADED = ["tf2_reusable", "tf2_dict", "tf2_list", "tf2_text"]
LOADED += [] if IN_TF1 else ["tf2_reusable_tf215", "keras2_saved_model", "keras2_dict_outputs"]


@pytest.mark.parametrize("name", LOADED)
def test_callables_and_variables(name):
    (graph,) = unihub.inspect(MODELS / name).meta_graphs
    with mode():
        loaded = tf.compat.v2.saved_model.load(str(MODELS / name))
        assert len(graph.callables[0].accepted) == len(loaded.__call__.concrete_functions)
        for listed, found in (
            ("variables", graph.variables),
            ("trainable_variables", graph.trainable_variables),
        ):
            if hasattr(loaded, listed):
                assert [(v.dtype, v.shape) for v in found] == [
                    (variable.dtype.name, tuple(variable.shape))
                    for variable in getattr(loaded, listed)
                ]


EXAMPLES = ["tf1_hub_image", "tf1_saved_model_pb", "tf2_dict", "tf2_list", "tf2_text"]
EXAMPLES += ["tf2_signatures_only", "tf2_sub_objects", "tf2_reusable"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_lines_of_code_run(name):
    info = unihub.inspect(MODELS / name)
    graph = info.meta_graphs[0]
    examples = [signature.example for signature in graph.signatures]
    examples += [call.example for call in graph.callables]
    assert examples
    for example in examples:
        with mode():
            exec(example, {"unihub": unihub, "tf": tf})


def test_what_is_refused_by_one_is_refused_by_both(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x12\xff")
    with pytest.raises((OSError, ValueError)):
        loader_impl.parse_saved_model(str(tmp_path))
    with pytest.raises(UnihubError):
        unihub.inspect(tmp_path)


def test_formats():
    found = {unihub.inspect(folder).format for folder in other_models()}
    assert found == set(Format)
