"""The plan of a signature of a TF2 SavedModel, from its object graph."""

from __future__ import annotations

import collections
import itertools
import os
from typing import Any, Dict, Iterable, Sequence, Tuple

import tensorflow as tf

from unihub.apis.lean.files import model_folder
from unihub.apis.lean.functions import (
    check_device,
    check_dtype,
    check_node,
    closure,
    copies,
    renamed,
)
from unihub.apis.lean.plan import (
    Asset,
    Capture,
    Constant,
    Declined,
    Fixed,
    Input,
    Plan,
    Shape,
    Table,
    Variable,
)
from unihub.apis.lean.private import TrackableObjectGraph, add_functions, caller, remove_functions
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
    """The ending that makes the names of a table's functions unique."""
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
            value = nodes[node.constant.operation].attr["value"].tensor
            # A copy: part of a message keeps all of it in memory.
            found[place] = Constant(type(value).FromString(value.SerializeToString()))
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
    """The captured value, as a tensor."""
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


_VALUE = "VARIABLE_VALUE"
# Loads as an object without behaviour of its own, unlike a dict or an optimizer.
_PLAIN_ROOTS = ("_generic_user_object", "_tf_keras_")


def plan_signature(meta_graph: Any, signature: str, prefix: str, suffix: str) -> Plan:
    """The plan of one signature.

    Args:
        meta_graph: the MetaGraphDef; its functions are renamed in place.
        signature: its name.
        prefix: of the checkpoint.
        suffix: to make the functions' names unique.

    Raises:
        Declined: the signature needs more than variables and constants.
    """
    objects = meta_graph.object_graph_def
    bare = _bare_function(objects, signature)
    name = bare.concrete_function_name
    library = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    names = closure(library, name)
    concrete = objects.concrete_functions[name]
    captures = captures_of(meta_graph, concrete.bound_inputs, prefix)
    function = library[name]
    own = len(function.signature.input_arg) - len(captures)
    inputs = _inputs(bare, concrete, function.signature.input_arg[:own])
    outputs = _outputs(concrete, function.signature.output_arg)
    return Plan(
        name=name + suffix,
        functions=[renamed(library[used], set(names), suffix) for used in names],
        inputs=inputs,
        outputs=outputs,
        result=tuple(concrete.output_signature.dict_value.fields),
        captures=captures,
        positional=bare.allowed_positional_arguments,
        shapes=_shapes(concrete, outputs),
    )


def concrete_function(objects: Any, signature: str) -> str:
    """Name of the function that a signature is.

    Raises:
        Declined: the root object or the signature is of an unusual kind.
    """
    name: str = _bare_function(objects, signature).concrete_function_name
    return name


def _bare_function(objects: Any, signature: str) -> Any:
    check_root(objects)
    children = child_ids(objects.nodes[0])
    if "signatures" not in children:
        raise Declined("the object graph has no signatures")
    signatures = child_ids(objects.nodes[children["signatures"]])
    node = objects.nodes[signatures[signature]] if signature in signatures else None
    if node is None or node.WhichOneof("kind") != "bare_concrete_function":
        raise Declined(f"{signature} is no bare function")
    return node.bare_concrete_function


def check_root(objects: Any) -> None:
    """Checks that the root object is of a usual kind.

    Raises:
        Declined: it is not.
    """
    root = objects.nodes[0]
    identifier = root.user_object.identifier
    if root.registered_name or not identifier.startswith(_PLAIN_ROOTS):
        raise Declined(f"the root object is a {root.registered_name or identifier}")


def _inputs(bare: Any, concrete: Any, arguments: Any) -> Tuple[Input, ...]:
    values = concrete.canonicalized_input_signature.tuple_value.values
    if len(values) != 2 or len(values[0].tuple_value.values):
        raise Declined("the signature takes inputs by position")
    fields = values[1].dict_value.fields
    names = sorted(fields)
    if list(bare.argument_keywords) != names or len(names) != len(arguments):
        raise Declined("the inputs have no evident order")
    for name, argument in zip(names, arguments):
        _check_tensor(fields[name], argument, f"input {name}")
    return tuple(
        Input(name, argument.type, shape_of(fields[name].tensor_spec_value.shape))
        for name, argument in zip(names, arguments)
    )


def _outputs(concrete: Any, results: Any) -> Tuple[str, ...]:
    if not concrete.output_signature.HasField("dict_value"):
        raise Declined("the outputs are no dict")
    fields = concrete.output_signature.dict_value.fields
    names = sorted(fields)
    if not names or len(names) != len(results):
        raise Declined("the outputs have no evident order")
    for name, result in zip(names, results):
        _check_tensor(fields[name], result, f"output {name}")
    return tuple(names)


def _shapes(concrete: Any, outputs: Sequence[str]) -> Tuple[Shape, ...]:
    fields = concrete.output_signature.dict_value.fields
    return tuple(shape_of(fields[name].tensor_spec_value.shape) for name in outputs)


def _check_tensor(value: Any, argument: Any, what: str) -> None:
    """Checks that a StructuredValue is the one tensor that a function has for it."""
    if not value.HasField("tensor_spec_value"):
        raise Declined(f"{what} is not one tensor")
    check_dtype(argument.type, what)
    if value.tensor_spec_value.dtype != argument.type:
        raise Declined(f"{what} has two dtypes")


def shape_of(shape: Any) -> Shape:
    """A TensorShapeProto as a tuple; None for unknown rank."""
    if shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in shape.dim)


def captures_of(meta_graph: Any, places: Iterable[int], prefix: str) -> Tuple[Capture, ...]:
    """The captures of a function, from the places in the object graph.

    Raises:
        Declined: one is not sure to be the same in every load.
    """
    objects = meta_graph.object_graph_def
    places = list(places)
    by_kind = collections.defaultdict(list)
    for place in dict.fromkeys(places):
        by_kind[objects.nodes[place].WhichOneof("kind")].append(place)
    variables, tables = by_kind.pop("variable", []), by_kind.pop("resource", [])
    fixed = by_kind.pop("constant", []) + by_kind.pop("asset", [])
    if by_kind:
        raise Declined(f"it captures {', '.join(sorted(map(str, by_kind)))}")
    keys = _keys(objects, variables, prefix) if variables else {}
    found: Dict[int, Capture] = {
        place: _variable(objects.nodes[place], keys[place], place) for place in variables
    }
    found.update(fixed_values(meta_graph, fixed, prefix))
    found.update((place, captured_table(meta_graph, place, prefix)) for place in tables)
    return tuple(found[place] for place in places)


def _variable(node: Any, key: str, place: int) -> Variable:
    variable = node.variable
    check_dtype(variable.dtype, f"variable {key}")
    if node.registered_name or len(variable.experimental_distributed_variable_components):
        raise Declined(f"variable {key} is of an unusual kind")
    return Variable(key, variable.dtype, shape_of(variable.shape), place)


def _keys(objects: Any, wanted: Iterable[int], prefix: str) -> Dict[int, str]:
    """The checkpoint's names of variables, found as TensorFlow's own loader does.

    The SavedModel and the checkpoint have each a graph of the objects; those that
    are reached by the same path from the root are the same.
    """
    saved = _saved_objects(prefix)
    counterparts = {0: 0}
    waiting = collections.deque([0])
    missing = set(wanted)
    while waiting and missing:
        place = waiting.popleft()
        names = child_ids(saved.nodes[counterparts[place]])
        for child in objects.nodes[place].children:
            if child.node_id not in counterparts and child.local_name in names:
                counterparts[child.node_id] = names[child.local_name]
                waiting.append(child.node_id)
                missing.discard(child.node_id)
    if missing:
        raise Declined("a variable is not in the checkpoint's object graph")
    return {place: _key(saved.nodes[counterparts[place]]) for place in wanted}


def _saved_objects(prefix: str) -> Any:
    reader = tf.train.load_checkpoint(prefix)
    return TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))


def check_only_variables(prefix: str, count: int) -> None:
    """Checks that a checkpoint holds no state but that of a number of variables.

    Raises:
        Declined: it holds more, such as the content of a table.
    """
    nodes = _saved_objects(prefix).nodes
    with_state = [node for node in nodes if len(node.attributes) or node.registered_saver.name]
    if len(with_state) != count:
        raise Declined("the checkpoint holds more than variables")


def _key(node: Any) -> str:
    attributes = [attribute for attribute in node.attributes if attribute.name == _VALUE]
    if len(attributes) != 1 or len(node.attributes) != 1:
        raise Declined("a variable is saved in an unusual way")
    key: str = attributes[0].checkpoint_key
    return key
