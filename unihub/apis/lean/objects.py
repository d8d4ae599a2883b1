"""The plan of a signature of a TF2 SavedModel, from its object graph."""

from __future__ import annotations

import collections
from typing import Any, Dict, Iterable, Tuple

import tensorflow as tf

from unihub.apis.lean.functions import check_dtype, closure, renamed
from unihub.apis.lean.plan import Capture, Declined, Input, Plan, Shape, Variable
from unihub.apis.lean.private import TrackableObjectGraph
from unihub.apis.lean.tables import captured_table, child_ids, fixed_values

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
    """What a function captures, from the places in the object graph.

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
    return Variable(key, variable.dtype, variable.shape, place)


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
