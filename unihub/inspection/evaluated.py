"""Nodes that TensorFlow evaluates when a graph is built, though nothing has asked for them.

Its shape inference does so with a tensor of constants that a shape depends on: with one that is
made of a shape that is known, too, and in functions with what is given to them.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional, Set

from unihub.inspection.graph import Function, Graph, Node, node_of

# What depends on these is evaluated when it is run, and not before.
_EVALUATING_NOTHING = ("DatasetToSingleElement", "MakeIterator", "ReduceDataset")
_NOT_CONSTANT = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault", "ReadVariableOp")
# Constants where the shape of what they are given is known, whatever its values are.
_OF_SHAPES = ("Rank", "Shape", "ShapeN", "Size")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall", "SymbolicGradient")
# A function is not looked at more often: then all its arguments may be constants.
_MOST_LOOKS = 10
# Each is followed from what leads to it; after so many, following all from the graph is cheaper.
_MOST_ASKED = 20


class Evaluation:
    """Answers which nodes of a graph are evaluated when it is built.

    Args:
        graph: a graph with its functions.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._evaluated: Dict[Optional[Function], Set[str]] = {}
        self._constants: Optional[Dict[str, Set[str]]] = None

    def has(self, node: Node, function: Optional[Function]) -> bool:
        """Whether a node without side effects depends on nothing but constants, and is used.

        Args:
            node: a node of the graph or of its function.
            function: that holds the node.
        """
        if function not in self._evaluated:
            nodes = _nodes(self._graph, function)
            given = set(function.arguments) if function is not None else set()
            if function is not None and given:
                given -= self._constant_arguments(function)
            self._evaluated[function] = _used(nodes) - _changing(nodes, given)
        return node.name in self._evaluated[function]

    def _constant_arguments(self, function: Function) -> Set[str]:
        """The arguments that some caller gives as constants."""
        if self._constants is None and len(self._evaluated) > _MOST_ASKED:
            self._constants = self._followed(self._graph.functions)
        constants = self._constants
        if constants is None:
            constants = self._followed(self._leading_to(function))
        return constants[function.name]

    def _followed(self, functions: List[Function]) -> Dict[str, Set[str]]:
        """The arguments of functions that are given constants, from the graph on."""
        by_name = {function.name: function for function in functions}
        constant: Dict[str, Set[str]] = {name: set() for name in by_name}
        looks = dict.fromkeys(by_name, 0)
        waiting: List[Optional[Function]] = [*functions, None]
        while waiting:
            caller = waiting.pop()
            given = set(caller.arguments) - constant[caller.name] if caller is not None else set()
            nodes = _nodes(self._graph, caller)
            changing = _changing(nodes, given)
            for node in nodes:
                for name in node.functions() & by_name.keys():
                    called = by_name[name]
                    more = _given_constants(node, called, changing) - constant[name]
                    if more and looks[name] < _MOST_LOOKS:
                        looks[name] += 1
                        constant[name] |= more if looks[name] < _MOST_LOOKS else {*called.arguments}
                        waiting.append(called)
        return constant

    def _leading_to(self, function: Function) -> List[Function]:
        """A function, and those that call it or lead to it."""
        found: Dict[str, Function] = {function.name: function}
        waiting = [function]
        while waiting:
            functions, _ = self._graph.callers(waiting.pop().name)
            for caller in functions:
                if caller.name not in found:
                    found[caller.name] = caller
                    waiting.append(caller)
        return list(found.values())


def _nodes(graph: Graph, function: Optional[Function]) -> List[Node]:
    return list((function.nodes if function is not None else graph.nodes).values())


def _given_constants(node: Node, called: Function, changing: Set[str]) -> Set[str]:
    """The arguments that a node gives to a function as constants."""
    if node.op not in (*_CALLS, called.name):
        return set()
    constants = [node_of(name) not in changing for name in node.data_inputs]
    arguments = called.arguments
    if arguments and called.has_list_arguments(until=len(arguments) - 1):
        return set(arguments) if any(constants) else set()
    return {argument for argument, is_constant in zip(arguments, constants) if is_constant}


def _used(nodes: Iterable[Node]) -> Set[str]:
    used = [node.data_inputs for node in nodes if node.op not in _EVALUATING_NOTHING]
    return {node_of(name) for names in used for name in names}


def _changing(nodes: Iterable[Node], given: Iterable[str]) -> Set[str]:
    """Names of what is given or may change, and of the nodes that depend on that."""
    users: Dict[str, List[str]] = {}
    changing = set(given)
    for node in nodes:
        if node.op in _NOT_CONSTANT:
            changing.add(node.name)
        if node.op not in _OF_SHAPES:
            for name in node.data_inputs:
                users.setdefault(node_of(name), []).append(node.name)
    waiting = list(changing)
    while waiting:
        more = set(users.get(waiting.pop(), ())) - changing
        changing |= more
        waiting += more
    return changing
