"""Graphs of newer releases of TensorFlow: what of them is read, and how ours are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest
import tensorflow as tf
from apis.module import module_fns as fns
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

import unihub
from unihub.errors import beside

v1 = tf.compat.v1


def nodes_of(saved_model: SavedModel) -> Iterator[Any]:
    for meta_graph in saved_model.meta_graphs:
        yield from meta_graph.graph_def.node
        for function in meta_graph.graph_def.library.function:
            yield from function.node_def


def read(folder: Path) -> SavedModel:
    return SavedModel.FromString((folder / "saved_model.pb").read_bytes())


def multiplying(within_function: bool) -> None:
    x = v1.placeholder(tf.float32, [], name="x")
    twice = tf.function(lambda x: x * 2.0) if within_function else lambda x: x * 2.0
    unihub.add_signature(inputs=x, outputs=twice(x))


def of_newer(folder: Path, value: bytes, within_function: bool) -> Path:
    """A module of a TensorFlow whose op Mul has one more attribute, with the default b"up"."""
    spec = unihub.create_module_spec(lambda: multiplying(within_function))
    fns.exported(unihub, spec, folder)
    saved_model = read(folder)
    (meta_graph,) = saved_model.meta_graphs
    meta_graph.meta_info_def.tensorflow_version = "9.15.5"
    described = meta_graph.meta_info_def.stripped_op_list.op
    names = {op.name for op in described}
    if "Mul" not in names:
        described.add(name="Mul")
    (definition,) = (op for op in described if op.name == "Mul")
    attribute = definition.attr.add(name="rounding", type="string")
    attribute.default_value.s = b"up"
    changed = [node for node in nodes_of(saved_model) if node.op == "Mul"]
    assert len(changed) == 1
    changed[0].attr["rounding"].s = value
    (folder / "saved_model.pb").write_bytes(saved_model.SerializeToString())
    return folder


@pytest.mark.parametrize("within_function", [False, True])
def test_a_default_that_this_tensorflow_does_not_know_is_left_out(
    within_function: bool, graph: tf.Graph, tmp_path: Path
) -> None:
    y = unihub.Module(of_newer(tmp_path / "m", b"up", within_function))(3.0)
    with v1.Session() as session:
        assert session.run(y) == 6.0


@pytest.mark.parametrize("within_function", [False, True])
def test_anything_else_is_said(within_function: bool, graph: tf.Graph, tmp_path: Path) -> None:
    spec = unihub.load_module_spec(of_newer(tmp_path / "m", b"down", within_function))
    assert spec.get_signature_names() == ["default"]
    with pytest.raises(ValueError, match="module-attributes-missing") as caught:
        unihub.Module(spec)
    assert "'rounding of Mul'" in caught.value.what
    assert caught.value.do == beside.with_newer("9.15.5")


@pytest.mark.parametrize("api", ["module", None])
def test_load_says_it_too(api: Any, graph: tf.Graph, tmp_path: Path) -> None:
    folder = of_newer(tmp_path / "m", b"down", False)
    with pytest.raises(ValueError, match="module-attributes-missing"):
        unihub.load(folder, api=api)


def test_what_is_written_sets_no_defaults(graph: tf.Graph, tmp_path: Path) -> None:
    """Neither does a module that is made of a SavedModel which does."""
    source = tmp_path / "saved_model"
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 2], name="x")
        w = v1.get_variable("w", initializer=[[1.0], [2.0]], use_resource=True)
        product = tf.function(lambda x, w: tf.matmul(x, w, transpose_a=False))
        y = tf.matmul(x, w) + product(x, w)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(source), {"x": x}, {"y": y})
    spec = unihub.create_module_spec_from_saved_model(source)
    fns.exported(unihub, spec, tmp_path / "m", tags={"serve"})

    def transposing(folder: Path) -> int:
        products = [node for node in nodes_of(read(folder)) if node.op == "MatMul"]
        assert len(products) == 2
        return sum("transpose_a" in node.attr for node in products)

    assert (transposing(source), transposing(tmp_path / "m")) == (2, 0)
    module = unihub.Module(tmp_path / "m", tags={"serve"})
    y = module({"x": [[1.0, 1.0]]}, "serving_default", as_dict=True)["y"]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        assert session.run(y).tolist() == [[6.0]]
