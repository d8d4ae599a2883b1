"""Functions of modules keep apart, although TensorFlow gives them the same names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from apis.module import module_fns as fns
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

import unihub as hub
from unihub.apis.module.variant import with_unique_functions

v1 = tf.compat.v1


def of_another_process(folder: Path, other: Path) -> str:
    """The module again, with functions that have the same names and subtract."""
    fns.exported(hub, hub.load_module_spec(folder), other)
    file = other / "saved_model.pb"
    saved_model = SavedModel.FromString(file.read_bytes())
    for function in saved_model.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            node.op = node.op.replace("Mul", "Sub")
    file.write_bytes(saved_model.SerializeToString())
    return str(other)


def test_two_modules_in_one_graph(graph: tf.Graph, tmp_path: Path) -> None:
    fns.exported(hub, fns.spec(hub, fns.function), tmp_path / "doubling")
    folders = [tmp_path / "doubling", of_another_process(tmp_path / "doubling", tmp_path / "other")]
    outputs = [hub.Module(folder)([5.0]) for folder in folders]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        assert [value.tolist() for value in session.run(outputs)] == [[10.0], [3.0]]


def graph_with_functions(gain: float) -> Any:
    with tf.Graph().as_default() as graph:

        @tf.function
        def scaled(x: Any) -> Any:
            return x * gain

        scaled(tf.constant(1.0))
    return graph.as_graph_def()


def names(graph_def: Any) -> set:
    return {function.signature.name for function in graph_def.library.function}


def test_names_follow_the_content() -> None:
    graph_def = graph_with_functions(2.0)
    renamed = with_unique_functions(graph_def)
    assert names(renamed) == names(with_unique_functions(graph_def))
    assert names(renamed).isdisjoint(names(graph_def))
    assert names(renamed).isdisjoint(names(with_unique_functions(renamed)))


def test_calls_follow_the_names() -> None:
    renamed = with_unique_functions(graph_with_functions(2.0))
    called = {node.attr["f"].func.name for node in renamed.node if "f" in node.attr}
    assert called <= names(renamed) and called


def test_graph_without_functions_is_not_copied() -> None:
    graph_def = tf.compat.v1.GraphDef()
    assert with_unique_functions(graph_def) is graph_def
