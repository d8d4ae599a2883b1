"""Attributes of ops, which every release of TensorFlow adds to.

A graph is read by an older release as long as it sets none that this one lacks.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Set

import tensorflow as tf

from unihub.apis.module.compat import MetaGraphDef, strip_default_attributes
from unihub.apis.module.errors import AttributesMissing
from unihub.errors import listed
from unihub.runtime import is_newer
from unihub.runtime.tensorflow import op_definition

# By op: those that change no result, and are set to more than a default. The one is
# for messages, the other checks once more what the shapes in the graph say.
_IDLE = {"VarHandleOp": ("debug_name",), "AssignVariableOp": ("validate_shape",)}


def drop_for_older(meta_graph: MetaGraphDef) -> None:
    """Takes out of a graph that is written what older releases may lack, and nothing needs.

    Without this, a resource variable of 2.1 or later is not read by 1.15.
    """
    strip_default_attributes(meta_graph)
    for node in _nodes(meta_graph):
        for name in _IDLE.get(node.op, ()):
            if name in node.attr:
                del node.attr[name]


def drop_of_newer(meta_graph: MetaGraphDef) -> None:
    """Takes out of a graph that is read what this TensorFlow lacks, and nothing needs.

    TensorFlow does so with the nodes of a graph, and not with those of its functions.
    """
    if not is_newer(meta_graph.meta_info_def.tensorflow_version):
        return
    defaults = _defaults_of_writer(meta_graph)
    for node in _nodes(meta_graph):
        for name in _unknown(node):
            has_default = node.attr[name] == defaults.get(node.op, {}).get(name)
            if has_default or name in _IDLE.get(node.op, ()):
                del node.attr[name]


def check_attributes(meta_graph: MetaGraphDef) -> None:
    """Raises AttributesMissing for attributes that this TensorFlow does not have."""
    writer = meta_graph.meta_info_def.tensorflow_version
    if not is_newer(writer):
        return
    missing = {f"{name} of {node.op}" for node in _nodes(meta_graph) for name in _unknown(node)}
    if missing:
        raise AttributesMissing(
            attributes=listed(sorted(missing)), version=tf.version.VERSION, writer=writer
        )


def _nodes(meta_graph: MetaGraphDef) -> Iterator[Any]:
    yield from meta_graph.graph_def.node
    for function in meta_graph.graph_def.library.function:
        yield from function.node_def


def _unknown(node: Any) -> Set[str]:
    """The names of a node's attributes that its op does not have here."""
    definition = op_definition(node.op)
    if definition is None:
        return set()
    known = {attribute.name for attribute in definition.attr}
    return {name for name in node.attr if name not in known and not name.startswith("_")}


def _defaults_of_writer(meta_graph: MetaGraphDef) -> Dict[str, Mapping[str, Any]]:
    """From each op that the writer describes to the defaults of its attributes."""
    return {
        op.name: {one.name: one.default_value for one in op.attr if one.HasField("default_value")}
        for op in meta_graph.meta_info_def.stripped_op_list.op
    }
