"""The interface of the root object of a TF2 SavedModel."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Deque, Dict, List, Optional, Set, Tuple

from unihub.formats.message import Message

_CALL = "__call__"
_KINDS = (
    "user_object",
    "asset",
    "function",
    "variable",
    "bare_concrete_function",
    "constant",
    "resource",
    "captured_tensor",
)
_FUNCTIONS = ("function", "bare_concrete_function")
_SIGNATURES = "signature_map"
# Containers whose elements are reached by subscript rather than attribute.
_LISTS = ("trackable_list_wrapper", "trackable_tuple_wrapper")
_DICTS = ("trackable_dict_wrapper",)
# Of Keras: beside __call__ the same function twice again, and its own records.
# The losses are functions too, and like the variables belong to the interface of the root.
_NOT_OFFERED = (
    "call_and_return_all_conditional_losses",
    "call_and_return_conditional_losses",
    "keras_api",
    "regularization_losses",
    "trainable_variables",
    "variables",
)
_MOST_CALLABLES = 100
_MOST_VISITED = 10_000
_LONGEST_PATH = 200


@dataclass(frozen=True)
class ObjectGraph:
    """The interface of the root object of a TF2 SavedModel.

    Attributes:
        callable: whether it has a ``__call__``.
        children: names of its attributes.
        callables: how to reach the callable objects below it, nearest first:
            ``"encoder.embed"``, ``"heads[0]"``, ``"heads['a']"``. Names that no
            Python attribute can have, or that are private, are left out, and
            everything beyond the first 100.
        best_callable: the nearest of them that takes inputs, of an object with
            trainable variables where there is one; "" where none takes inputs.
        trainable_callable: the same, where its object lists trainable variables; else "".
        variables, trainable_variables, regularization_losses: how many its
            lists of these names hold; 0 where it has no such list.
        has_training_argument: whether its ``__call__`` takes ``training``.
        child_nodes: index of the node of each of ``children``.

    Source: https://www.tensorflow.org/hub/reusable_saved_models.
    """

    callable: bool
    children: Tuple[str, ...]
    callables: Tuple[str, ...]
    variables: int
    trainable_variables: int
    regularization_losses: int
    has_training_argument: bool
    best_callable: str = ""
    trainable_callable: str = ""
    child_nodes: Tuple[int, ...] = field(default=(), compare=False, repr=False)

    def children_by_name(self) -> Dict[str, int]:
        """The attributes of the root object: indices of nodes."""
        return dict(zip(self.children, self.child_nodes))


def read_object_graph(graph: Message) -> Optional[ObjectGraph]:
    """The interface of the root of a SavedObjectGraph; None if it has no objects."""
    if not graph.count("nodes"):
        return None
    root = graph.item("nodes", 0)
    children = children_of(root, graph)
    call = graph.item("nodes", children[_CALL]) if _CALL in children else None
    found = _callables(graph, root, children)
    best, trains = ("", False) if call is not None else _best(graph, found)
    return ObjectGraph(
        callable=call is not None,
        children=tuple(children),
        callables=tuple(found),
        best_callable=best,
        trainable_callable=best if trains else "",
        variables=_list_length("variables", children, graph),
        trainable_variables=_list_length("trainable_variables", children, graph),
        regularization_losses=_list_length("regularization_losses", children, graph),
        has_training_argument=call is not None and "training" in _arguments(call),
        child_nodes=tuple(children.values()),
    )


def has_traced_call(graph: Message) -> bool:
    """Whether the root of a SavedObjectGraph has a ``__call__`` with a graph in it.

    A tf.function has none before it is called, and is saved all the same.
    """
    call = children_of(graph.item("nodes", 0), graph).get(_CALL)
    if call is None:
        return False
    function = graph.item("nodes", call)
    kind = function.which(*_KINDS)
    return kind != "function" or function.message("function").count("concrete_functions") > 0


def find_callables(graph: Message, children: Dict[str, int]) -> Dict[str, int]:
    """Where the functions lie that a model is called by.

    Args:
        graph: a SavedObjectGraph.
        children: what `ObjectGraph.children_by_name` gives for it.

    Returns:
        The index of the node of the root's own ``__call__``, under ``""``; or else
        those of the callables below it, by path.
    """
    if _CALL in children:
        return {"": children[_CALL]}
    if not children:
        return {}
    found = _callables(graph, graph.item("nodes", 0), children)
    return {path: function for path, (function, _) in found.items()}


def list_elements(graph: Message, index: int) -> List[int]:
    """Indices of the elements of a list, itself the node at ``index``."""
    nodes = graph.count("nodes")
    elements = graph.item("nodes", index).rows("children", "node_id")
    return [index for (index,) in elements if 0 <= index < nodes]


def children_of(node: Message, graph: Message) -> Dict[str, int]:
    references = node.rows("children", "local_name", "node_id")
    nodes = graph.count("nodes")
    return {name: index for name, index in references if 0 <= index < nodes}


def _list_length(name: str, children: Dict[str, int], graph: Message) -> int:
    return graph.item("nodes", children[name]).count("children") if name in children else 0


def _arguments(function: Message) -> List[str]:
    """The names of a function's arguments, positional and keyword-only."""
    spec = function.message("function").message("function_spec").message("fullargspec")
    names: List[str] = []
    for pair in spec.message("named_tuple_value").messages("values"):
        if pair.text("key") in ("args", "kwonlyargs"):
            values = pair.message("value").message("list_value").messages("values")
            names += [value.text("string_value") for value in values]
    return names


def _best(graph: Message, callables: Dict[str, Tuple[int, int]]) -> Tuple[str, bool]:
    """The callable to offer, and whether it can be trained: it takes inputs."""
    best, found = (False, False), ""
    for path, (function, owner) in callables.items():
        if not _takes_inputs(graph.item("nodes", function)):
            continue
        node = graph.item("nodes", owner)
        children = children_of(node, graph)
        kinds = (graph.item("nodes", child).which(*_KINDS) for child in children.values())
        rank = (_list_length("trainable_variables", children, graph) > 0, "variable" in kinds)
        if not found or rank > best:
            best, found = rank, path
    return found, best[0]


def _takes_inputs(function: Message) -> bool:
    bare = function.message("bare_concrete_function").texts("argument_keywords")
    names = [*bare, *_arguments(function)]
    return not {"self", "training", "mask"}.issuperset(names) or _takes_any_number(function)


def _takes_any_number(function: Message) -> bool:
    """Whether it has ``*args``, as what Keras saves may have in the place of its inputs."""
    spec = function.message("function").message("function_spec").message("fullargspec")
    pairs = spec.message("named_tuple_value").messages("values")
    return any(p.text("key") == "varargs" and p.message("value").has("string_value") for p in pairs)


def _callables(
    graph: Message, root: Message, children: Dict[str, int]
) -> Dict[str, Tuple[int, int]]:
    """Paths of the callable objects; the nodes of the functions that serve them, and their own."""
    found: Dict[str, Tuple[int, int]] = {}
    seen: Set[int] = {0}
    waiting: Deque[Tuple[int, str]] = deque()

    def enqueue(children: Dict[str, int], path: str, container: str) -> None:
        for name, child in children.items():
            child_path = _path(path, name, container)
            if child_path and child not in seen and len(seen) < _MOST_VISITED:
                seen.add(child)
                waiting.append((child, child_path))

    enqueue(children, "", _identifier(root))
    while waiting and len(found) < _MOST_CALLABLES:
        index, path = waiting.popleft()
        node = graph.item("nodes", index)
        kind = node.which(*_KINDS)
        if kind in _FUNCTIONS:
            found[path] = (index, index)
        elif kind == "user_object" and _identifier(node) != _SIGNATURES:
            children = children_of(node, graph)
            if _CALL in children:
                found[path] = (children[_CALL], index)
            enqueue(children, path, _identifier(node))
    return found


def _identifier(node: Message) -> str:
    return node.message("user_object").text("identifier")


def _path(parent: str, name: str, container: str) -> str:
    """The expression that reaches a child; empty if there is none to offer."""
    if name in _NOT_OFFERED or len(parent) + len(name) > _LONGEST_PATH:
        return ""
    if container in _LISTS:
        return f"{parent}[{name}]" if name.isascii() and name.isdecimal() else ""
    if container in _DICTS:
        return f"{parent}[{name!r}]"
    if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
        return ""
    return f"{parent}.{name}" if parent else name
