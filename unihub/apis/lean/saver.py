"""The variables that a TF1 graph's saver restores, and those that its init op sets afterwards."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Set

import tensorflow as tf

from unihub.apis.lean.plan import Declined
from unihub.apis.lean.private import VariableDef

_ASSIGNING = ("Assign", "AssignVariableOp")
_INIT_SIGNATURE = "__saved_model_init_op"
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
_TABLE_INITIALIZERS = "table_initializer"
_LOCAL_VARIABLES, _GLOBAL_VARIABLES = "local_variables", "variables"


def checkpoint_keys(
    meta_graph: Any, nodes: Mapping[str, Any], variables: Iterable[str]
) -> Dict[str, str]:
    """The names under which a graph's saver finds variables in the checkpoint.

    Args:
        meta_graph: the MetaGraphDef.
        nodes: of its graph, by name.
        variables: names of the nodes to be restored.

    Raises:
        Declined: the saver does not restore one of them, or only a part of it.
    """
    wanted = list(variables)
    if not wanted:
        return {}
    if not meta_graph.HasField("saver_def"):
        return _names_of_globals(meta_graph, wanted)
    found: Dict[str, str] = {}
    for node in _reachable(nodes, [meta_graph.saver_def.restore_op_name]):
        if node.op in _ASSIGNING and node.input[0] in wanted:
            if node.input[0] in found:
                raise Declined(f"the saver restores {node.input[0]} twice")
            found[node.input[0]] = _key(nodes, node.input[1])
    missing = [name for name in wanted if name not in found]
    if missing:
        raise Declined(f"the saver does not restore {missing[0]}")
    return found


def initialized_nodes(meta_graph: Any, nodes: Mapping[str, Any]) -> Set[str]:
    """Names of the nodes that TensorFlow's loader runs after it has restored.

    Raises:
        Declined: local variables are set then, by an op that it makes itself.
    """
    if _LOCAL_VARIABLES in meta_graph.collection_def:
        raise Declined("the graph has local variables")
    roots = (
        [
            info.name.partition(":")[0]
            for info in meta_graph.signature_def[_INIT_SIGNATURE].outputs.values()
        ]
        if _INIT_SIGNATURE in meta_graph.signature_def
        else []
    )
    for collection in _INIT_COLLECTIONS:
        if collection in meta_graph.collection_def:
            roots += meta_graph.collection_def[collection].node_list.value
    return {node.name for node in _reachable(nodes, roots)}


def initializers(meta_graph: Any, nodes: Mapping[str, Any]) -> List[Any]:
    """The nodes that fill tables when TensorFlow's loader initializes them.

    Raises:
        Declined: there are several init ops, of which it takes one.
    """
    groups = [
        meta_graph.collection_def[name]
        for name in _INIT_COLLECTIONS
        if name in meta_graph.collection_def
    ]
    roots = [list(group.node_list.value) for group in groups]
    if _INIT_SIGNATURE in meta_graph.signature_def:
        outputs = meta_graph.signature_def[_INIT_SIGNATURE].outputs.values()
        roots.append([info.name for info in outputs])
    # Without one it runs those of the tables.
    if not roots and _TABLE_INITIALIZERS in meta_graph.collection_def:
        roots.append(list(meta_graph.collection_def[_TABLE_INITIALIZERS].node_list.value))
    if len(roots) > 1:
        raise Declined("the graph has several init ops")
    return _reachable(nodes, roots[0]) if roots else []


def global_resources(meta_graph: Any) -> List[str]:
    """Names of the nodes of all variables that TensorFlow's loader makes tf.Variables of."""
    names = (
        definition.variable_name.partition(":")[0]
        for definition in _globals(meta_graph)
        if definition.is_resource
    )
    return list(dict.fromkeys(names))


def _globals(meta_graph: Any) -> List[Any]:
    if _GLOBAL_VARIABLES not in meta_graph.collection_def:
        return []
    written = meta_graph.collection_def[_GLOBAL_VARIABLES].bytes_list.value
    return [VariableDef.FromString(one) for one in written]


def _names_of_globals(meta_graph: Any, wanted: Iterable[str]) -> Dict[str, str]:
    """Without a saver TensorFlow makes one, of the global variables by their names."""
    whole = {
        definition.variable_name.partition(":")[0]
        for definition in _globals(meta_graph)
        if not definition.HasField("save_slice_info_def")
    }
    for name in wanted:
        if name not in whole:
            raise Declined(f"{name} is no global variable, or a part of one")
    return {name: name for name in wanted}


def _key(nodes: Mapping[str, Any], text: str) -> str:
    """The checkpoint's name of the tensor that an assignment takes."""
    name, _, index = text.partition(":")
    node = nodes.get(name)
    while node is not None and node.op == "Identity":
        name, _, index = node.input[0].partition(":")
        node = nodes.get(name)
    if node is None or node.op != "RestoreV2":
        raise Declined("the saver changes what it restores")
    names, slices = (_strings(nodes, text) for text in node.input[1:3])
    place = int(index or 0)
    if place >= min(len(names), len(slices)) or slices[place]:
        raise Declined("the saver restores parts of variables")
    return names[place].decode()


def _strings(nodes: Mapping[str, Any], text: str) -> List[bytes]:
    node = nodes.get(text.partition(":")[0])
    if node is None or node.op != "Const":
        raise Declined("the saver's names are no constants")
    return [bytes(value) for value in tf.make_ndarray(node.attr["value"].tensor).ravel()]


def _reachable(nodes: Mapping[str, Any], roots: Iterable[str]) -> List[Any]:
    waiting, seen = list(roots), set()
    found = []
    while waiting:
        name = waiting.pop().lstrip("^").partition(":")[0]
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        found.append(nodes[name])
        waiting.extend(nodes[name].input)
    return found
