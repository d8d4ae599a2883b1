"""From where, and when, a node or function of a model is run."""

from __future__ import annotations

from enum import Enum
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from unihub.formats.message import Message
from unihub.inspection.graph import Graph, node_of

_INIT_SIGNATURE = "__saved_model_init_op"
# Collections whose ops are run when a model is loaded, by one loader or another.
_RUN_AT_LOAD = ("saved_model_main_op", "legacy_init_op", "table_initializer")
# Functions that tf.saved_model.load calls itself, of a table or other resource.
_RESOURCE_FUNCTIONS = ("_create_resource", "_initialize", "_destroy_resource")
# A function's traces are children of it, by such names.
_TRACE = "'trace_"
# Each looks through the graph; after so many, following it from its roots is cheaper.
_MOST_ASKED = 20


class When(str, Enum):
    """When something of a model runs."""

    LOAD = "load"
    CALL = "call"
    SAVE = "save"
    KERAS_LOAD = "keras load"
    NEVER = "never by itself"


class Trigger(NamedTuple):
    """What sets a part of the graph going.

    Attributes:
        by: for people, such as ``"signature 'serving_default'"``.
        restores: whether it restores the variables.
    """

    when: When
    by: str
    restores: bool = False


class Reachability:
    """Answers what runs the nodes and functions of one MetaGraph.

    Args:
        meta_graph: a MetaGraphDef.
        graph: its graph, or one that is nested in it.
        outer: for a nested graph, what runs it.
    """

    def __init__(
        self, meta_graph: Message, graph: Graph, outer: Optional[Tuple[Trigger, ...]] = None
    ) -> None:
        self.graph = graph
        self._outer = outer
        self._meta_graph = meta_graph
        self._objects = meta_graph.message("object_graph_def")
        self._asked = 0
        self._reached: Dict[Trigger, Set[str]] = {}
        self._roots: Optional[List[Tuple[Trigger, List[str]]]] = None
        self._function_triggers: Dict[str, Tuple[Trigger, ...]] = {}
        self._resource_functions: Optional[Dict[str, Trigger]] = None

    def of_node(self, name: str) -> Tuple[Trigger, ...]:
        """What runs a node of the graph itself."""
        if self._outer is not None:
            return self._outer
        roots = self._root_nodes()
        # The saver's nodes are the common case, and lead nowhere.
        self._asked += 1
        if self._asked <= _MOST_ASKED and not self._has_consumers(name):
            return tuple(trigger for trigger, names in roots if name in map(node_of, names))
        return tuple(trigger for trigger, names in roots if name in self._from(trigger, names))

    def of_function(self, name: str) -> Tuple[Trigger, ...]:
        """What runs a function, directly or through others."""
        if self._outer is not None:
            return self._outer
        if name not in self._function_triggers:
            self._function_triggers[name] = tuple(dict.fromkeys(self._trace(name)))
        return self._function_triggers[name]

    def concrete_function(self, name: str) -> Optional[Message]:
        """A function of an object: a SavedConcreteFunction."""
        for index in self._objects.holding("concrete_functions", name.encode("utf-8")):
            entry = self._objects.item("concrete_functions", index)
            if entry.text("key") == name:
                return entry.message("value")
        return None

    def _trace(self, name: str) -> Iterator[Trigger]:
        waiting, seen = [name], {name}
        while waiting:
            current = waiting.pop()
            if self.concrete_function(current) is not None:
                yield self._of_concrete_function(current)
            functions, nodes = self.graph.callers(current)
            for node in nodes:
                yield from self.of_node(node.name)
            found = {function.name for function in functions}
            for of in self.graph.gradients_by(current):
                yield Trigger(When.CALL, f"the gradient of {of!r}")
            waiting += found - seen
            seen |= found

    def _of_concrete_function(self, name: str) -> Trigger:
        if self._resource_functions is None:
            self._resource_functions = dict(self._functions_of_objects())
        return self._resource_functions.get(name, Trigger(When.CALL, f"the function {name!r}"))

    def _functions_of_objects(self) -> Iterator[Tuple[str, Trigger]]:
        nodes = self._objects.messages("nodes")
        by_index: Dict[int, Trigger] = {}
        for node in nodes:
            for child in node.messages("children"):
                name = child.text("local_name")
                when = When.LOAD if name in _RESOURCE_FUNCTIONS else When.CALL
                trigger = Trigger(when, f"the function {name!r} of an object")
                known = by_index.get(child.number("node_id"))
                if known is None or known.when is When.CALL:
                    by_index[child.number("node_id")] = trigger
            for saveable in node.entries("saveable_objects").values():
                for field, when in (("save", When.SAVE), ("restore", When.LOAD)):
                    index = saveable.number(f"{field}_function")
                    by_index[index] = Trigger(when, f"an object's own {field}", when is When.LOAD)
        for index, trigger in sorted(by_index.items(), key=_telling_last):
            if not 0 <= index < len(nodes):
                continue
            node = nodes[index]
            names = node.message("function").texts("concrete_functions")
            names.append(node.message("bare_concrete_function").text("concrete_function_name"))
            for name in filter(None, names):
                yield name, trigger

    def _root_nodes(self) -> List[Tuple[Trigger, List[str]]]:
        if self._roots is None:
            self._roots = list(self._found_roots())
        return self._roots

    def _found_roots(self) -> Iterator[Tuple[Trigger, List[str]]]:
        collections = self._meta_graph.entries("collection_def")
        for name in _RUN_AT_LOAD:
            values = _node_list(collections[name]) if name in collections else []
            if values:
                yield Trigger(When.LOAD, f"the initialiser in {name}"), values
        saver = self._meta_graph.message("saver_def")
        restore, save = saver.text("restore_op_name"), saver.text("save_tensor_name")
        yield Trigger(When.LOAD, "the saver's restore", restores=True), [restore]
        yield Trigger(When.SAVE, "the saver"), [save]
        for name, signature in self._meta_graph.entries("signature_def").items():
            tensors = list(_tensor_names(signature))
            if name == _INIT_SIGNATURE:
                yield Trigger(When.LOAD, "the initialiser"), tensors
            else:
                yield Trigger(When.CALL, f"signature {name!r}"), tensors
        for name, collection in collections.items():
            values = _node_list(collection)
            if name not in _RUN_AT_LOAD and values:
                yield Trigger(When.CALL, f"collection {name!r}"), values

    def _has_consumers(self, name: str) -> bool:
        nodes = self.graph.nodes_holding(name)
        return any(name in map(node_of, node.inputs) for node in nodes)

    def _from(self, trigger: Trigger, roots: List[str]) -> Set[str]:
        if trigger not in self._reached:
            nodes = self.graph.nodes
            waiting = [node_of(name) for name in roots]
            seen = set(waiting)
            while waiting:
                node = nodes.get(waiting.pop())
                inputs = {node_of(name) for name in node.inputs} if node is not None else set()
                waiting += inputs - seen
                seen |= inputs
            self._reached[trigger] = seen
        return self._reached[trigger]


def _telling_last(item: Tuple[int, Trigger]) -> Tuple[bool, bool]:
    """A function that is shared counts for what happens soonest, then by its best name."""
    return item[1].when is When.LOAD, _TRACE not in item[1].by


def _node_list(collection: Message) -> List[str]:
    values = collection.message("node_list").contents("value")
    return [value.decode("utf-8", "replace") for value in values]


def _tensor_names(signature: Message) -> Iterator[str]:
    for field in ("outputs", "inputs"):
        for info in signature.entries(field).values():
            yield info.text("name")
            yield from info.message("coo_sparse").texts("values_tensor_name")
            for part in info.message("composite_tensor").messages("components"):
                yield part.text("name")
