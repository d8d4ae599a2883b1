"""TF1's conds whose predicate is constant, resolved: one branch is all there is.

Keras 1 and TF-Slim wrote them for a learning phase or ``is_training`` that has
a default and that no signature feeds.
"""

from __future__ import annotations

from typing import Any, Callable, Container, Dict, List, Set

from unihub.conversion.nodes import (
    Nodes,
    control_inputs,
    data_inputs,
    node_name,
    reach,
    tensor_name,
)
from unihub.runtime.tensorflow import op_definition

_SWITCH, _MERGE = "Switch", "Merge"
_LOOPS = ("Enter", "Exit", "NextIteration", "LoopCond", "RefEnter", "RefExit")


def resolve_constant_conditions(
    nodes: Nodes, fed: Container[str], evaluate: Callable[[List[str]], List[Any]]
) -> Nodes:
    """The graph without the branches that are never taken.

    Args:
        nodes: all NodeDefs by name.
        fed: names of the tensors that signatures feed.
        evaluate: gives the values of tensors by name.

    Returns:
        The remaining nodes; Switch and Merge of such conds are Identity.
    """
    predicates = _constant_predicates(nodes, fed)
    if not predicates:
        return nodes
    values = dict(zip(predicates, evaluate(predicates)))
    taken = {
        name: bool(values[data_inputs(node)[1]])
        for name, node in nodes.items()
        if node.op == _SWITCH and data_inputs(node)[1] in values
    }
    dead = _dead_nodes(nodes, taken)
    return _without(nodes, dead, taken)


def _constant_predicates(nodes: Nodes, fed: Container[str]) -> List[str]:
    predicates = {data_inputs(node)[1]: None for node in nodes.values() if node.op == _SWITCH}
    return [name for name in predicates if _is_constant(nodes, name, fed)]


def _is_constant(nodes: Nodes, name: str, fed: Container[str]) -> bool:
    if name in fed:
        return False
    reached = reach(nodes, [name], (), ())
    return all(f"{node.name}:0" not in fed and _is_pure(node) for node in reached.nodes)


def _is_pure(node: Any) -> bool:
    definition = op_definition(node.op)
    if definition is None or definition.is_stateful:
        return False
    return node.op not in (_SWITCH, _MERGE, "Placeholder", "PlaceholderV2", *_LOOPS)


def _dead_nodes(nodes: Nodes, taken: Dict[str, bool]) -> Set[str]:
    dead: Set[str] = set()
    tensors = {f"{name}:{int(not side)}" for name, side in taken.items()}

    def is_dead(tensor: str) -> bool:
        return tensor in tensors or node_name(tensor) in dead

    before = -1
    while before < len(dead):
        before = len(dead)
        for name, node in nodes.items():
            inputs = data_inputs(node)
            if node.op == _MERGE:
                gone = bool(inputs) and all(map(is_dead, inputs))
            else:
                gone = any(map(is_dead, inputs)) or any(one in dead for one in control_inputs(node))
            if gone:
                dead.add(name)
    return dead


def _without(nodes: Nodes, dead: Set[str], taken: Dict[str, bool]) -> Nodes:
    live: Nodes = {}
    dead_sides = {f"{name}:{int(not side)}" for name, side in taken.items()}
    for name, node in nodes.items():
        if name in dead:
            continue
        kept = type(node)()
        kept.CopyFrom(node)
        inputs = [
            one
            for one in node.input
            if node_name(one) not in dead and tensor_name(one) not in dead_sides
        ]
        if name in taken:
            kept.op, inputs = "Identity", [inputs[0], *[i for i in inputs if i.startswith("^")]]
        elif node.op == _MERGE and len(inputs) < len(node.input):
            kept.op = "Identity"
            del kept.attr["N"]
        # A Switch has become an Identity, whose one output is the side taken.
        kept.input[:] = [
            one if one.startswith("^") or node_name(one) not in taken else node_name(one)
            for one in inputs
        ]
        live[name] = kept
    return live
