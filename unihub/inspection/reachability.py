"""From where, and when, a node or function of a model is run."""

from __future__ import annotations

from enum import Enum
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from unihub.formats import wire
from unihub.formats.message import Message
from unihub.inspection.graph import Graph, node_of

# What TensorFlow runs when it loads a model, by one loader or another: tf.saved_model.load of
# either format, tf.compat.v1.saved_model.load, hub.Module.
#
# The ops that a collection names.
_COLLECTIONS_RUN = ("saved_model_main_op", "legacy_init_op", "table_initializer")
# The outputs of a signature.
_SIGNATURES_RUN = ("__saved_model_init_op",)
# The initializers of variables that no checkpoint holds, in collections of VariableDefs.
_VARIABLES_INITIALISED = ("local_variables",)
# The functions with which an object saves and restores itself. TensorFlow calls the one that
# saves to learn what there is to restore.
_SAVEABLE_FUNCTIONS = ("save_function", "restore_function")
# The functions of an object under a name that TensorFlow calls: _create_resource, _initialize and
# _destroy_resource of a resource, and of any object one that stands in the place of a method of
# TensorFlow's own class, such as _maybe_initialize_trackable. Only these are left to the caller:
_CALLED_LATER = ("__call__", "_default_save_signature")
_PRIVATE = "_"
_TRACE = "trace_"
_REFERENCES = ("children", "dependencies")
_NAMES_OF_SPARSE = ("values_tensor_name", "indices_tensor_name", "dense_shape_tensor_name")

# Each looks through the graph; after so many, following it from its roots is cheaper.
_MOST_ASKED = 20
_MOST_TRACED = 50
_LONGEST_DEF = 1 << 16


class When(str, Enum):
    """When something of a model runs."""

    LOAD = "load"
    CALL = "call"
    SAVE = "save"
    KERAS_LOAD = "keras load"
    NEVER = "never by itself"


class Fed(str, Enum):
    """The values that the loader gives to the graph while it runs a part of it."""

    NOTHING = "nothing"
    ASSETS = "the paths of the assets"
    CHECKPOINT = "the path of the checkpoint"


class Trigger(NamedTuple):
    """A way to set a part of the graph going.

    Attributes:
        by: for people, such as ``"signature 'serving_default'"``.
        fed: of the graph itself; None where functions are run without it.
    """

    when: When
    by: str
    fed: Optional[Fed] = None


BUILDING = Trigger(When.LOAD, "the building of its graph", Fed.NOTHING)


class Reachability:
    """Answers what runs the nodes and functions of one MetaGraph.

    Args:
        meta_graph: a MetaGraphDef.
        file: that it is read from, for messages.
        graph: its graph, or one that is nested in it.
        outer: for a nested graph, what runs it.
    """

    def __init__(
        self,
        meta_graph: Message,
        file: str,
        graph: Graph,
        outer: Optional[Tuple[Trigger, ...]] = None,
    ) -> None:
        self.graph = graph
        self.is_nested = outer is not None
        self._outer = outer
        self.file = file
        self._meta_graph = meta_graph
        self._objects = meta_graph.message("object_graph_def")
        self._asked = 0
        self._reached: Dict[Trigger, Set[str]] = {}
        self._roots: Optional[List[Tuple[Trigger, List[str]]]] = None
        self._function_triggers: Dict[str, Tuple[Trigger, ...]] = {}
        self._all_triggers: Optional[Dict[str, List[Trigger]]] = None
        self._of_objects: Optional[Dict[str, List[Trigger]]] = None

    def of_node(self, name: str) -> Tuple[Trigger, ...]:
        """The triggers that run a node of the graph itself."""
        if self._outer is not None:
            return self._outer
        roots = self._root_nodes()
        # The saver's nodes are the common case, and lead nowhere.
        self._asked += 1
        if self._asked <= _MOST_ASKED and not self._has_consumers(name):
            return tuple(trigger for trigger, names in roots if name in map(node_of, names))
        return tuple(trigger for trigger, names in roots if name in self._from(trigger, names))

    def of_function(self, name: str) -> Tuple[Trigger, ...]:
        """The triggers that run a function, directly or through others.

        Of many triggers of a kind it need not name them all.
        """
        if self._outer is not None:
            return self._outer
        if len(self._function_triggers) >= _MOST_TRACED:
            if self._all_triggers is None:
                self._all_triggers = self._trace_all()
            return tuple(self._all_triggers.get(name, ()))
        if name not in self._function_triggers:
            self._function_triggers[name] = tuple(dict.fromkeys(self._trace(name)))
        return self._function_triggers[name]

    def concrete_functions(self, name: str) -> List[Message]:
        """The traces of a function of an object, by its name: SavedConcreteFunctions."""
        places = self._objects.places_of("concrete_functions", "key", name)
        return [self._objects.item("concrete_functions", i).message("value") for i in places]

    def _trace(self, name: str) -> Iterator[Trigger]:
        waiting, seen = [name], {name}
        interfaces: Set[bytes] = set()
        while waiting:
            current = waiting.pop()
            if self.concrete_functions(current):
                yield from self._of_concrete_function(current)
            functions, nodes = self.graph.callers(current)
            for node in nodes:
                yield from self.of_node(node.name)
            found = {function.name for function in functions}
            # Grappler takes the one that is for its device, whichever is called.
            for interface in set(self.graph.interfaces(current)) - interfaces:
                interfaces.add(interface)
                found.update(self.graph.implementing(interface))
            for of in self.graph.gradients_by(current):
                yield Trigger(When.CALL, f"the gradient of {of!r}")
            waiting += found - seen
            seen |= found

    def _trace_all(self) -> Dict[str, List[Trigger]]:
        """The triggers that run each function, followed from what is run to what that calls."""
        found: Dict[str, Dict[Tuple[When, Optional[Fed]], Trigger]] = {}
        called: Dict[str, List[str]] = {}
        waiting: List[Tuple[str, Trigger]] = []
        for name, _ in self._objects.all_entries("concrete_functions"):
            waiting += [(name, trigger) for trigger in self._of_concrete_function(name)]
        for name, of in self.graph.gradients():
            waiting.append((name, Trigger(When.CALL, f"the gradient of {of!r}")))
        for name, (functions, nodes) in self.graph.all_callers().items():
            for function in functions:
                called.setdefault(function.name, []).append(name)
            for node in nodes:
                waiting += [(name, trigger) for trigger in self.of_node(node.name)]
        for function in self.graph.functions:
            for interface in self.graph.interfaces(function.name):
                # In the place of a function that calls each of them.
                place = f"\0{interface!r}"
                called.setdefault(function.name, []).append(place)
                called.setdefault(place, []).append(function.name)
        while waiting:
            name, trigger = waiting.pop()
            of_kind = found.setdefault(name, {})
            if (trigger.when, trigger.fed) not in of_kind:
                of_kind[trigger.when, trigger.fed] = trigger
                waiting += [(callee, trigger) for callee in called.get(name, ())]
        return {name: list(of_kind.values()) for name, of_kind in found.items()}

    def _of_concrete_function(self, name: str) -> List[Trigger]:
        if self._of_objects is None:
            self._of_objects = self._functions_of_objects()
        triggers = self._of_objects.get(name, [Trigger(When.CALL, f"the function {name!r}")])
        # First its best name.
        return sorted(triggers, key=lambda trigger: f"'{_TRACE}" in trigger.by)

    def _functions_of_objects(self) -> Dict[str, List[Trigger]]:
        nodes = self._objects.messages("nodes")
        by_index: Dict[int, List[Trigger]] = {}
        for node in nodes:
            for field in _REFERENCES:
                for child, name in node.rows(field, "node_id", "local_name"):
                    when = When.CALL if _is_called_later(node, name) else When.LOAD
                    trigger = Trigger(when, f"the function {name!r} of an object")
                    by_index.setdefault(_place(child, nodes), []).append(trigger)
            for _, saveable in node.all_entries("saveable_objects"):
                for function in _SAVEABLE_FUNCTIONS:
                    trigger = Trigger(When.LOAD, f"the {function} of an object")
                    place = _place(saveable.number(function), nodes)
                    by_index.setdefault(place, []).append(trigger)
        found: Dict[str, List[Trigger]] = {}
        for index, triggers in by_index.items():
            for name in _functions_of(nodes[index]) if 0 <= index < len(nodes) else ():
                found.setdefault(name, []).extend(triggers)
        return found

    def _root_nodes(self) -> List[Tuple[Trigger, List[str]]]:
        if self._roots is None:
            self._roots = list(self._found_roots())
        return self._roots

    def _found_roots(self) -> Iterator[Tuple[Trigger, List[str]]]:
        collections = self._meta_graph.all_entries("collection_def")
        for name, collection in collections:
            values = _node_list(collection)
            if values and name in _COLLECTIONS_RUN:
                yield Trigger(When.LOAD, f"the initialiser in {name}", Fed.ASSETS), values
            if name in _VARIABLES_INITIALISED:
                values = list(self._initializers(collection))
                yield Trigger(When.LOAD, f"the initializers of {name}", Fed.ASSETS), values
        saver = self._meta_graph.message("saver_def")
        restore, save = saver.text("restore_op_name"), saver.text("save_tensor_name")
        yield Trigger(When.LOAD, "the saver's restore", Fed.CHECKPOINT), [restore]
        yield Trigger(When.SAVE, "the saver", Fed.CHECKPOINT), [save]
        for name, signature in self._meta_graph.all_entries("signature_def"):
            tensors = list(_tensor_names(signature))
            if name in _SIGNATURES_RUN:
                yield Trigger(When.LOAD, "the initialiser", Fed.ASSETS), tensors
            else:
                yield Trigger(When.CALL, f"signature {name!r}", Fed.NOTHING), tensors
        for name, collection in collections:
            values = _node_list(collection)
            if name not in _COLLECTIONS_RUN and values:
                yield Trigger(When.CALL, f"collection {name!r}", Fed.NOTHING), values

    def _initializers(self, collection: Message) -> Iterator[str]:
        for content in collection.message("bytes_list").contents("value", _LONGEST_DEF):
            variable = wire.read_message(content, self.file, "VariableDef", "variable")
            yield variable.text("initializer_name")

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


def _is_called_later(node: Message, name: str) -> bool:
    """Whether a function is there for the caller of the model, under its name in an object."""
    if node.has("function"):
        return name.startswith(_TRACE)
    is_users = node.has("user_object")
    return is_users and (name in _CALLED_LATER or not name.startswith(_PRIVATE))


def _place(index: int, nodes: List[Message]) -> int:
    """As Python reads an index of a list, and so TensorFlow."""
    return index + len(nodes) if index < 0 else index


def _functions_of(node: Message) -> Iterator[str]:
    yield from node.message("function").texts("concrete_functions")
    name = node.message("bare_concrete_function").text("concrete_function_name")
    if name:
        yield name


def _node_list(collection: Message) -> List[str]:
    values = collection.message("node_list").contents("value")
    return [value.decode("utf-8", "replace") for value in values]


def _tensor_names(signature: Message) -> Iterator[str]:
    """Every tensor that a signature names, in whichever of its encodings."""
    waiting = [info for field in ("outputs", "inputs") for _, info in signature.all_entries(field)]
    while waiting:
        info = waiting.pop()
        yield from info.texts("name")
        for field in _NAMES_OF_SPARSE:
            yield from info.message("coo_sparse").texts(field)
        waiting += info.message("composite_tensor").messages("components")
