"""NodeDefs: their inputs, what they reach, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Container, Dict, Iterable, Iterator, List, Mapping, Set, Tuple

import tensorflow as tf

from unihub.runtime.tensorflow import op_definition

Nodes = Dict[str, Any]

PLACEHOLDERS = ("Placeholder", "PlaceholderV2")
REFERENCE_VARIABLES = ("VariableV2", "Variable")


@dataclass(frozen=True)
class Reached:
    """Dependencies of tensors and ops.

    Attributes:
        nodes: the NodeDefs, in the graph's order; neither what is fed nor
            where the walk ended.
        ends: where it ended: names among the given ones.
    """

    nodes: Tuple[Any, ...]
    ends: Tuple[str, ...]


def tensor_name(text: str) -> str:
    """A node's data input as the name of a tensor, such as "x:0"."""
    return text if ":" in text else f"{text}:0"


def node_name(text: str) -> str:
    """The node that an input names, whether as data or as control."""
    return text.lstrip("^").partition(":")[0]


def data_inputs(node: Any) -> List[str]:
    """The tensors that a node takes, by name."""
    return [tensor_name(name) for name in node.input if not name.startswith("^")]


def control_inputs(node: Any) -> List[str]:
    """The nodes that a node waits for, by name."""
    return [name[1:] for name in node.input if name.startswith("^")]


def reach(
    nodes: Nodes, roots: Iterable[str], feeds: Container[str], ends: Container[str]
) -> Reached:
    """Finds all that roots depend on.

    Args:
        nodes: all NodeDefs of the graph, by name.
        roots: names of tensors ("x:0") and of ops ("x").
        feeds: names of tensors that are given.
        ends: names of nodes that stand for state.
    """
    todo = [root for root in roots if root not in feeds]
    found: Set[str] = set()
    ended: Dict[str, None] = {}
    while todo:
        name = node_name(todo.pop())
        if name in found:
            continue
        if name in ends:
            ended[name] = None
            continue
        found.add(name)
        node = nodes[name]
        todo += [one for one in data_inputs(node) if one not in feeds]
        # What is fed waits for nothing, and nothing has to wait for it.
        todo += [one for one in control_inputs(node) if f"{one}:0" not in feeds]
    ordered = tuple(node for name, node in nodes.items() if name in found)
    return Reached(ordered, tuple(ended))


def op_types(nodes: Iterable[Any], library: Mapping[str, Any]) -> Iterator[Tuple[str, str]]:
    """Op types used by nodes and the functions they call, each with where it is."""
    todo: List[Tuple[str, Any]] = [(node.name, node) for node in nodes]
    seen: Set[str] = set()
    while todo:
        place, node = todo.pop()
        if node.op not in library:
            yield node.op, place
        for name in _called(node):
            if name in library and name not in seen:
                seen.add(name)
                todo += [(f"{place} → {one.name}", one) for one in library[name].node_def]


def _called(node: Any) -> Iterator[str]:
    yield node.op
    for value in node.attr.values():
        yield value.func.name
        for function in value.list.func:
            yield function.name


def reference_inputs(node: Any) -> List[bool]:
    """For each data input of a node, whether its op takes a reference."""
    definition = op_definition(node.op)
    flags: List[bool] = []
    for argument in definition.input_arg if definition else ():
        flags += [argument.is_ref] * _count(node, argument)
    return flags


def _count(node: Any, argument: Any) -> int:
    if argument.number_attr:
        return int(node.attr[argument.number_attr].i)
    if argument.type_list_attr:
        return len(node.attr[argument.type_list_attr].list.type)
    return 1


def attribute(value: Any) -> Any:
    """An AttrValue of a dtype or a bool."""
    proto = tf.compat.v1.AttrValue()
    if isinstance(value, tf.DType):
        proto.type = value.as_datatype_enum
    else:
        proto.b = value
    return proto


def node_def(name: str, op: str, inputs: Iterable[str], **attributes: Any) -> Any:
    """A NodeDef."""
    node = tf.compat.v1.NodeDef(name=name, op=op, input=list(inputs))
    for key, value in attributes.items():
        node.attr[key].CopyFrom(value)
    return node
