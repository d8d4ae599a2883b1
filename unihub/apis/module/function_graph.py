"""Modules inside the graph of a function: tf.function, tf.data, v2 control flow, TPU.

A function runs all ops of its graph that have side effects. So it may hold no
more of a module than what the outputs depend on, above all no initializers.
"""

from __future__ import annotations

from typing import Any, Iterator, List, Set

import tensorflow as tf

from unihub.apis.module.errors import CollectionsInFunction
from unihub.apis.module.tensors import component_names
from unihub.apis.module.variant import GraphVariant
from unihub.errors import listed

_KEYS = tf.compat.v1.GraphKeys

_V1_CONTROL_FLOW_OPS = frozenset(("Switch", "RefSwitch", "Enter", "RefEnter"))


def is_inside(graph: tf.Graph, outer: tf.Graph) -> bool:
    """Whether a graph is the other one, or a function's graph built within it."""
    while graph is not None and graph is not outer:
        graph = getattr(graph, "outer_graph", None)
    return graph is outer


def captured(graph: tf.Graph, tensor: tf.Tensor) -> tf.Tensor:
    """The tensor as a function's graph sees it."""
    if tensor.graph is graph or not graph.building_function:
        return tensor
    return graph.capture(tensor)


def reachable_part(variant: GraphVariant, signature: Any, trainable: bool) -> Any:
    """The MetaGraphDef of what the outputs of a signature depend on.

    It has no collections: those of a function's graph reach nobody.

    Raises:
        CollectionsInFunction: if the module does not work without them.
    """
    nodes = _reachable_nodes(variant.graph_def, signature)
    needed = [_KEYS.UPDATE_OPS] if trainable else []
    if any(node.op in _V1_CONTROL_FLOW_OPS for node in nodes):
        needed += [_KEYS.COND_CONTEXT, _KEYS.WHILE_CONTEXT]
    found = [key for key in needed if key in variant.meta_graph.collection_def]
    if found:
        raise CollectionsInFunction(collections=listed(found))
    return variant.part((), nodes)


def _reachable_nodes(graph_def: Any, signature: Any) -> List[Any]:
    nodes = {node.name: node for node in graph_def.node}
    todo = [
        name.rpartition(":")[0]
        for info in signature.outputs.values()
        for name in component_names(info)
    ]
    reached: Set[str] = set()
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo.extend(_needed_by(nodes[name]))
    return [node for node in graph_def.node if node.name in reached]


def _needed_by(node: Any) -> Iterator[str]:
    for name in node.input:
        yield name.lstrip("^").partition(":")[0]
    if "_class" in node.attr:
        for group in node.attr["_class"].list.s:
            prefix, _, target = tf.compat.as_str_any(group).partition("loc:@")
            if target and not prefix:
                yield target
