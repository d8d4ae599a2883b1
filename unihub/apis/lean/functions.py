"""A function of a library with all that it calls, checked and under unique names."""

from __future__ import annotations

import heapq
from typing import AbstractSet, Any, Dict, FrozenSet, List, Mapping, Sequence

import tensorflow as tf

from unihub.apis.lean.nodes import called_functions, check_function, check_interface, check_node
from unihub.apis.lean.plan import Declined

_INTERFACE = "api_implements"
_SHAPES = "_output_shapes"
_RESOURCE = tf.resource.as_datatype_enum


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
