"""Which nodes of a graph are sure to do the same in a function by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, Iterable, Iterator, Optional

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
_HANDLES = (tf.resource.as_datatype_enum, tf.variant.as_datatype_enum)
# Of a function: those that change nothing of what it computes. Those that name an API
# are of Keras's recurrent layers, and looked at by `check_interface`.
_HARMLESS = frozenset(
    (
        "_input_shapes",
        "_construction_context",
        "_disable_call_shape_inference",
        "api_implements",
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
    interface = _text(function, "api_implements")
    for_cpu = [
        other.signature.name
        for other in library
        if _text(other, "api_implements") == interface
        and _text(other, "api_preferred_device") == b"CPU"
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
