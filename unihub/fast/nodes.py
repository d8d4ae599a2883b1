"""Which nodes of a graph are sure to do the same in a function by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, Iterator, Optional

import tensorflow as tf

from unihub.fast.plan import Declined
from unihub.fast.private import attribute_defaults, op_definition

# Stateful to TensorFlow, and yet without a state that a second object would miss.
_READING = frozenset(
    (
        "Assert",
        "PartitionedCall",
        "ReadVariableOp",
        "ResourceGather",
        "ResourceGatherNd",
        "StatefulPartitionedCall",
        "VariableShape",
    )
)
_CALLING = frozenset(("PartitionedCall", "StatefulPartitionedCall"))
_FUNCTION_TYPES = ("func", "list(func)")
_HANDLES = (tf.resource.as_datatype_enum, tf.variant.as_datatype_enum)
# Of a function: those that change nothing of what it computes.
_HARMLESS = frozenset(("_input_shapes", "_construction_context"))


@dataclass(frozen=True)
class _Op:
    definition: Any
    attributes: FrozenSet[str]
    required: FrozenSet[str]
    reason: str


_OPS: Dict[str, Optional[_Op]] = {}


def check_node(node: Any) -> Any:
    """Checks that a node computes its outputs from its inputs, whoever runs it.

    Args:
        node: a NodeDef.

    Returns:
        The OpDef of its op.

    Raises:
        Declined: it keeps a state, writes to one, or is not fully understood.
    """
    op = _OPS.get(node.op) or _op(node.op)
    if op.reason:
        raise Declined(f"{node.op} {op.reason}")
    if node.device and "CPU:0" not in node.device.upper():
        raise Declined(f"{node.name} wants the device {node.device}")
    given = {name for name in node.attr if not name.startswith("_")}
    if not (op.required <= given <= op.attributes):
        raise Declined(f"the attributes of {node.name} are not those of {node.op}")
    if node.attr.get("_XlaMustCompile") and node.attr["_XlaMustCompile"].b:
        raise Declined(f"{node.name} is compiled by XLA")
    return op.definition


def called_functions(node: Any) -> Iterator[Any]:
    """The attributes of a node that name functions, each a NameAttrList."""
    if node.op in _CALLING:
        yield node.attr["f"].func


def check_function(function: Any) -> None:
    """Checks that a FunctionDef is no more than its nodes.

    Raises:
        Declined: an attribute asks for more, such as compilation.
    """
    for name, value in function.attr.items():
        if name not in _HARMLESS and not (name == "_XlaMustCompile" and not value.b):
            raise Declined(f"{function.signature.name} has the attribute {name}")


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
