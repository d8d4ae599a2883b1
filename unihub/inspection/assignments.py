"""The values that a graph assigns to its variables, as far as it tells."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from unihub.inspection.graph import Graph, Node, node_of

_VARIABLE, _ASSIGN = "VarHandleOp", "AssignVariableOp"
# They use a variable, and leave it as it is.
_LOOKING = ("DestroyResourceOp", "ReadVariableOp", "VarIsInitializedOp", "VariableShape")

# Beyond these it is not known what else is assigned.
_MOST = 100

# Assigned tensors by the name of a variable; None for what is not known.
Assignments = Dict[str, List[Optional[str]]]


def assignments(graph: Graph) -> Assignments:
    """All that a graph assigns to the variables of its own nodes.

    Nodes with one name for what they share stand for one variable. Under ``""`` is what may be
    assigned to any.
    """
    found: Assignments = {}
    for node in graph.nodes.values():
        for index, name in enumerate(node.data_inputs):
            is_assigning = node.op == _ASSIGN and index == 0 and len(node.data_inputs) > 1
            assigned = node.data_inputs[1] if is_assigning else None
            names = variables(graph, name)
            if is_assigning and not names:
                _add(found, "", assigned)
            if node.op not in _LOOKING:
                for variable in names:
                    _add(found, variable, assigned)
    for function in graph.functions_with(_VARIABLE):
        for handle in function.nodes_with(_VARIABLE):
            for variable in _names(handle):
                _add(found, variable, None)
    return found


def variables(graph: Graph, tensor: str) -> Tuple[str, ...]:
    """The names that the variable of a handle may have; none where it is no handle of one."""
    node = graph.nodes.get(node_of(tensor))
    return _names(node) if node is not None and node.op == _VARIABLE else ()


def _add(found: Assignments, variable: str, assigned: Optional[str]) -> None:
    values = found.setdefault(variable, [])
    if len(values) < _MOST:
        values.append(assigned if len(values) < _MOST - 1 else None)


def _names(handle: Node) -> Tuple[str, ...]:
    shared = [text.decode("utf-8", "replace") for text in handle.attribute_strings("shared_name")]
    # Without a name TensorFlow takes the node's, in some releases.
    return (*filter(None, shared), *([] if any(shared) else [handle.name, ""]))
