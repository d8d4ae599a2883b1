"""Functions that are sure to do the same by themselves: each node of them is checked.

`closure` gives a function with all that it calls; `copies` and `renamed` put them under
unique names, as TensorFlow's own loader would.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import (
    AbstractSet,
    Any,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
)

import tensorflow as tf

from unihub.apis.lean.plan import Declined
from unihub.apis.lean.private import attribute_defaults, op_definition

# The ops that run functions, and their attributes that name these.
_CALLING = {
    "Case": ("branches",),
    "If": ("then_branch", "else_branch"),
    "PartitionedCall": ("f",),
    "StatefulPartitionedCall": ("f",),
    "StatelessCase": ("branches",),
    "StatelessIf": ("then_branch", "else_branch"),
    "StatelessWhile": ("cond", "body"),
    "While": ("cond", "body"),
}
# Stateful to TensorFlow, and yet without a state that a second object would miss: what
# is called is checked by itself, and tables are given only where nothing changes them.
_READING = frozenset(
    (
        "Assert",
        "LookupTableFindV2",
        "LookupTableSizeV2",
        "ReadVariableOp",
        "ResourceGather",
        "ResourceGatherNd",
        "VariableShape",
        *_CALLING,
    )
)
_CPU = ("CPU:0", "CPU:*")
_FUNCTION_TYPES = ("func", "list(func)")
_RESOURCE = tf.resource.as_datatype_enum
_HANDLES = (_RESOURCE, tf.variant.as_datatype_enum)
_INTERFACE = "api_implements"
_SHAPES = "_output_shapes"
# Of a function: those that change nothing of what it computes. Those that name an API
# are of Keras's recurrent layers, and looked at by `check_interface`.
_HARMLESS = frozenset(
    (
        "_input_shapes",
        "_construction_context",
        "_disable_call_shape_inference",
        _INTERFACE,
        "api_preferred_device",
        "go_backwards",
        "time_major",
    )
)


@dataclass(frozen=True)
class _Op:
    definition: Any
    attributes: FrozenSet[str]
    required: FrozenSet[str]
    reason: str


_OPS: Dict[str, Optional[_Op]] = {}


def check_node(node: Any, also: FrozenSet[str] = frozenset()) -> Any:
    """Checks that a node computes its outputs from its inputs, whoever runs it.

    Args:
        node: a NodeDef.
        also: ops that may do more.

    Returns:
        The OpDef of its op.

    Raises:
        Declined: it keeps a state, writes to one, or is not fully understood.
    """
    op = _OPS.get(node.op) or _op(node.op)
    if op.reason and node.op not in also:
        raise Declined(f"{node.op} {op.reason}")
    check_device(node.device, node.name)
    given = {name for name in node.attr if not name.startswith("_")}
    if not (op.required <= given <= op.attributes):
        raise Declined(f"the attributes of {node.name} are not those of {node.op}")
    if node.attr.get("_XlaMustCompile") and node.attr["_XlaMustCompile"].b:
        raise Declined(f"{node.name} is compiled by XLA")
    return op.definition


def check_device(device: str, what: str) -> None:
    """Checks that a device is the only one there is, the CPU.

    Raises:
        Declined: it is another one.
    """
    if device and not any(name in device.upper() for name in _CPU):
        raise Declined(f"{what} wants the device {device}")


def called_functions(node: Any) -> Iterator[Any]:
    """The attributes of a node that name functions, each a NameAttrList."""
    for name in _CALLING.get(node.op, ()):
        value = node.attr[name]
        if value.HasField("func"):
            yield value.func
        else:
            yield from value.list.func


def check_function(function: Any) -> None:
    """Checks that a FunctionDef is no more than its nodes.

    Raises:
        Declined: an attribute asks for more, such as compilation.
    """
    if len(function.signature.attr):
        raise Declined(f"{function.signature.name} is many functions in one")
    for name, value in function.attr.items():
        if name not in _HARMLESS and not (name == "_XlaMustCompile" and not value.b):
            raise Declined(f"{function.signature.name} has the attribute {name}")


def check_interface(function: Any, library: Iterable[Any]) -> None:
    """Checks that TensorFlow runs a function itself, and none that stands in for it.

    On each device it exchanges a function for another of the same interface that
    prefers this device, and for nothing where there is none.

    Raises:
        Declined: there is one for the CPU, or the function is for another device.
    """
    interface = _text(function, _INTERFACE)
    for_cpu = [
        other.signature.name
        for other in library
        if _text(other, _INTERFACE) == interface and _text(other, "api_preferred_device") == b"CPU"
    ]
    if for_cpu != [function.signature.name]:
        raise Declined(f"{function.signature.name} stands for one of several functions")


def _text(function: Any, attribute: str) -> bytes:
    value: bytes = function.attr[attribute].s if attribute in function.attr else b""
    return value


def check_dtype(dtype: int, what: str) -> None:
    """Checks that a tensor of a signature is a value, and no handle of one.

    Raises:
        Declined: it is a resource or a variant.
    """
    if dtype in _HANDLES:
        raise Declined(f"{what} is a handle")


def _op(name: str) -> _Op:
    definition = op_definition(name)
    if definition is None:
        raise Declined(f"the op {name} is not registered")
    defaults = attribute_defaults(definition)
    found = _OPS[name] = _Op(
        definition,
        frozenset(defaults),
        frozenset(key for key, default in defaults.items() if default is None),
        _objection(name, definition),
    )
    return found


def _objection(name: str, definition: Any) -> str:
    if name not in _CALLING and any(a.type in _FUNCTION_TYPES for a in definition.attr):
        return "takes functions"
    if definition.is_stateful and name not in _READING:
        return "has a state"
    if any(argument.is_ref for argument in definition.input_arg):
        return "takes references"
    if not hasattr(tf.raw_ops, name):
        return "is no op of TensorFlow's own"
    return ""


def closure(library: Mapping[str, Any], name: str, also: FrozenSet[str] = frozenset()) -> List[str]:
    """The names of a function and of all that it calls, checked.

    Args:
        library: the FunctionDefs of a model, by name.
        name: of the function.
        also: ops that are allowed in it beside those that only compute.

    Raises:
        Declined: one of them does more than compute.
    """
    names, waiting = [], [name]
    seen = {name}
    while waiting:
        current = waiting.pop()
        if current not in library:
            raise Declined(f"the function {current} is missing")
        names.append(current)
        function = library[current]
        check_function(function)
        if _INTERFACE in function.attr:
            check_interface(function, library.values())
        for node in function.node_def:
            for other in functions_of(node, library, also):
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
    return names


def functions_of(
    node: Any, library: Mapping[str, Any], also: FrozenSet[str] = frozenset()
) -> List[str]:
    """The names of the functions that a node calls.

    Raises:
        Declined: the node does more than compute.
    """
    if node.op in library:
        return [node.op]
    check_node(node, also)
    return [function.name for function in called_functions(node)]


def renamed(function: Any, names: AbstractSet[str], suffix: str) -> Any:
    """A FunctionDef under a unique name, with those that it calls; changed in place.

    It becomes the very one that TensorFlow's own loader makes of it.
    """
    function.signature.name += suffix
    _note_input_shapes(function)
    for argument in (*function.signature.input_arg, *function.signature.output_arg):
        argument.ClearField("handle_data")
    function.attr["_construction_context"].s = b"kEagerRuntime"
    # TensorFlow exchanges a function for another that implements the same, of any model.
    if _INTERFACE in function.attr:
        function.attr[_INTERFACE].s += suffix.encode()
    _sort_nodes(function.node_def)
    for node in function.node_def:
        rename_calls(node, names, suffix)
    return function


def _sort_nodes(nodes: Any) -> None:
    """Puts nodes in the order in which TensorFlow's own loader adds them to a graph.

    Of those whose inputs are there, it adds the one that was written first.
    """
    places = {node.name: place for place, node in enumerate(nodes)}
    users: List[List[int]] = [[] for _ in nodes]
    missing = []
    for place, node in enumerate(nodes):
        given = [text.lstrip("^").partition(":")[0] for text in node.input]
        sources = [places[name] for name in given if name in places]
        missing.append(len(sources))
        for source in sources:
            users[source].append(place)
    ready = [place for place, count in enumerate(missing) if not count]
    order: Dict[str, int] = {}
    while ready:
        place = heapq.heappop(ready)
        order[nodes[place].name] = len(order)
        for user in users[place]:
            missing[user] -= 1
            if not missing[user]:
                heapq.heappush(ready, user)
    # In a loop of TensorFlow 1 each waits for the others.
    if len(order) == len(places):
        nodes.sort(key=lambda node: order[node.name])


def _note_input_shapes(function: Any) -> None:
    """Moves the shapes of the inputs to where TensorFlow's own loader puts them.

    What TensorFlow makes of a function depends on them, to the last bits of the results.
    """
    if "_input_shapes" not in function.attr:
        return
    shapes = function.attr["_input_shapes"].list.shape
    for place, (argument, shape) in enumerate(zip(function.signature.input_arg, shapes)):
        if argument.type != _RESOURCE:
            noted = function.arg_attr[place].attr
            if _SHAPES not in noted:
                noted[_SHAPES].list.shape.add().CopyFrom(shape)
    del function.attr["_input_shapes"]


def rename_calls(node: Any, names: AbstractSet[str], suffix: str) -> None:
    """Makes a node call the functions under their unique names; changed in place."""
    if _SHAPES in node.attr:
        del node.attr[_SHAPES]
    if node.op in names:
        node.op += suffix
    else:
        for called in called_functions(node):
            called.name += suffix


def copies(library: Mapping[str, Any], names: Sequence[str], suffix: str) -> List[Any]:
    """Functions of a library under unique names, as FunctionDefs of their own."""
    found = []
    for name in names:
        copy = type(library[name])()
        copy.CopyFrom(library[name])
        found.append(renamed(copy, set(names), suffix))
    return found
