"""Lookup tables that are filled once, and the files that they are filled from."""

from __future__ import annotations

import itertools
import os
from typing import Any, Dict, Iterable, Tuple

import tensorflow as tf

from unihub.apis.lean.files import model_folder
from unihub.apis.lean.functions import check_device, check_node, closure, copies
from unihub.apis.lean.plan import Asset, Constant, Declined, Fixed, Table
from unihub.apis.lean.private import add_functions, caller, remove_functions
from unihub.inspection.security import escapes

# Their tables are the same, but for the name under which others find the first.
_NAMELESS = "AnonymousHashTable"
CREATING = frozenset(("HashTableV2", _NAMELESS))
FILLING = frozenset(("InitializeTableV2", "InitializeTableFromTextFileV2", "LookupTableImportV2"))
# TensorFlow's loader makes both alike.
_REGISTERED = ("", "tf.StaticHashTable")
_PASSING = ("Identity", "NoOp")
_ASSETS = "assets"
_UNIQUE = itertools.count()


def child_ids(node: Any) -> Dict[str, int]:
    """The children of a node of an object graph, by name."""
    return {child.local_name: child.node_id for child in node.children}


def unique_suffix() -> str:
    """What makes the names of a table's functions unique."""
    return f"_unihub_table_{next(_UNIQUE)}"


def captured_table(meta_graph: Any, place: int, prefix: str) -> Table:
    """The table that a node of the object graph is.

    Args:
        meta_graph: the MetaGraphDef.
        place: of the node.
        prefix: of the checkpoint.

    Raises:
        Declined: it is of another kind, or its content depends on more than the files.
    """
    objects = meta_graph.object_graph_def
    node = objects.nodes[place]
    if node.registered_name not in _REGISTERED:
        raise Declined(f"a resource is a {node.registered_name}")
    if node.registered_saver or len(node.saveable_objects):
        raise Declined("a resource has a state of its own")
    check_device(node.resource.device, "a resource")
    library = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    creator, name = (_method(objects, node, part) for part in ("_create_resource", "_initialize"))
    closure(library, creator, also=CREATING)
    key_dtype, value_dtype = dtypes_of(_created(library[creator]))
    names = closure(library, name, also=FILLING)
    places = list(objects.concrete_functions[name].bound_inputs)
    if len(places) != len(library[name].signature.input_arg):
        raise Declined("a resource is initialized from inputs")
    fixed = fixed_values(meta_graph, [other for other in places if other != place], prefix)
    return Table(
        name=str(place),
        key_dtype=key_dtype,
        value_dtype=value_dtype,
        functions=copies(library, names, unique_suffix()),
        captures=tuple(fixed.get(other) for other in places),
    )


def fixed_values(meta_graph: Any, places: Iterable[int], prefix: str) -> Dict[int, Fixed]:
    """The captured tensors that the files of a model hold, by place in the object graph.

    Raises:
        Declined: one is neither a constant nor the path of an asset.
    """
    objects = meta_graph.object_graph_def
    found: Dict[int, Fixed] = {}
    nodes: Dict[str, Any] = {}
    for place in places:
        node = objects.nodes[place]
        kind = node.WhichOneof("kind")
        if kind == "asset":
            assets = dict(enumerate(meta_graph.asset_file_def))
            asset = assets.get(node.asset.asset_file_def_index)
            found[place] = Asset(asset_path(asset.filename if asset else "", prefix))
        elif kind == "constant":
            nodes = nodes or {node.name: node for node in meta_graph.graph_def.node}
            if node.constant.operation not in nodes:
                raise Declined(f"the constant {node.constant.operation} is missing")
            found[place] = Constant(nodes[node.constant.operation].attr["value"].tensor)
        else:
            raise Declined(f"a resource captures {kind}")
    return found


def asset_path(name: str, prefix: str) -> str:
    """The path of an asset, spelled as TensorFlow's loader does.

    Raises:
        Declined: it leads out of the model's folder.
    """
    if not name or escapes(name) or os.path.basename(name) != name:
        raise Declined(f"the asset {name} is no file of the folder of assets")
    return os.path.join(model_folder(prefix), _ASSETS, name)


def dtypes_of(node: Any) -> Tuple[int, int]:
    """The dtypes of the keys and values of the table that a node makes.

    Raises:
        Declined: other tables of the model could be the same one.
    """
    if not hasattr(tf.raw_ops, _NAMELESS):
        raise Declined("this TensorFlow has no tables without names")
    check_node(node, also=CREATING)
    shared = node.attr.get("use_node_name_sharing")
    if shared is not None and shared.b:
        raise Declined("a table is shared by its name")
    return node.attr["key_dtype"].type, node.attr["value_dtype"].type


def fixed_tensor(value: Fixed) -> Any:
    """What is captured, as a tensor."""
    return tf.constant(value.path if isinstance(value, Asset) else tf.make_ndarray(value.value))


def filled_table(table: Table) -> Any:
    """The handle of a new table, which lives as long as the handle does.

    Raises:
        tf.errors.OpError: it cannot be filled.
    """
    handle = tf.raw_ops.AnonymousHashTable(key_dtype=table.key_dtype, value_dtype=table.value_dtype)
    inputs = [handle if value is None else fixed_tensor(value) for value in table.captures]
    signature = table.functions[0].signature
    runtime = add_functions(table.functions)
    try:
        caller(runtime, signature.name, len(signature.output_arg))(inputs)
    finally:
        remove_functions(runtime, [function.signature.name for function in table.functions])
    return handle


def _method(objects: Any, node: Any, name: str) -> str:
    """Name of the sole function of a method that an object was saved with."""
    children = child_ids(node)
    method = objects.nodes[children[name]] if name in children else None
    if method is None or method.WhichOneof("kind") != "function":
        raise Declined(f"a resource has no {name}")
    names = list(method.function.concrete_functions)
    if len(names) != 1:
        raise Declined(f"a resource has several functions as {name}")
    found: str = names[0]
    return found


def _created(function: Any) -> Any:
    """The node of the table that a function creates."""
    created = [node for node in function.node_def if node.op in CREATING]
    others = {node.op for node in function.node_def} - CREATING - set(_PASSING)
    if others or len(created) != 1:
        raise Declined(f"a resource is made by {', '.join(sorted(others)) or 'several ops'}")
    if len(function.signature.input_arg) or len(function.signature.output_arg) != 1:
        raise Declined("a resource is made of inputs")
    return created[0]
