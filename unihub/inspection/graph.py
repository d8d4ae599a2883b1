"""A GraphDef and its functions, decoded only where something is looked for."""

from __future__ import annotations

from typing import AbstractSet, Dict, FrozenSet, Iterable, Iterator, List, Optional, Set, Tuple

from unihub.formats import wire
from unihub.formats.encoding import varint
from unihub.formats.message import MalformedFile, Message

# Each search reads the file, or a function; after so many, reading all of it once is cheaper.
_MOST_SEARCHES = 100
_MOST_SEARCHES_OF_FUNCTION = 10
_LONGEST_STRING = 1 << 26
_STRING_DTYPE = 7
_FUNCTION_PATHS = (
    "op",
    "attr.value.func.name",
    "attr.value.list.func.name",
    "attr.value.func.attr.value.func.name",
    "attr.value.func.attr.value.list.func.name",
)
# Where there is anything here, functions may be named deeper still.
_DEEPER_PATHS = (
    "attr.value.list.func.attr.key",
    "attr.value.func.attr.value.func.attr.key",
    "attr.value.func.attr.value.list.func.attr.key",
)
# Functions with the same value of this attribute TensorFlow exchanges for one another.
_INTERFACE = "api_implements"
_GRADIENTS = (("gradient", "function_name"), ("registered_gradients", "registered_op_type"))


class Node:
    """One node of a graph or function."""

    __slots__ = ("_functions", "_message", "inputs", "name", "op")

    def __init__(self, message: Message) -> None:
        self._message = message
        self._functions: Optional[Set[str]] = None
        self.name = message.text("name")
        self.op = message.text("op")
        self.inputs: Tuple[str, ...] = tuple(message.texts("input"))

    @property
    def data_inputs(self) -> List[str]:
        """The inputs without control dependencies."""
        return [name for name in self.inputs if not name.startswith("^")]

    def attributes(self, key: str) -> List[Message]:
        """The values of an attribute: several, where its key is given several times."""
        return [value for name, value in self._message.all_entries("attr") if name == key]

    def attribute(self, key: str) -> Optional[Message]:
        """The value of an attribute; of equal keys the last counts."""
        found = self.attributes(key)
        return found[-1] if found else None

    def attribute_strings(self, key: str) -> List[bytes]:
        """A string attribute, or each of a list of them."""
        found: List[bytes] = []
        for value in self.attributes(key):
            found += value.contents("s", _LONGEST_STRING) + value.message("list").contents("s")
        return found

    def functions(self) -> Set[str]:
        """Names of the functions that it calls or passes on, and its op."""
        if self._functions is None:
            self._functions, deeper = _distinct_functions(self._message)
            if deeper:
                self._functions.update(_functions_below(self._message))
        return self._functions

    def constant_strings(self) -> List[bytes]:
        """The strings of a constant."""
        values = self.attributes("value") if self.op == "Const" else []
        return [text for value in values for text in _strings_of(value.message("tensor"))]


class Function:
    """One function of a graph's library."""

    def __init__(self, message: Message) -> None:
        self._message = message
        signature = message.message("signature")
        self.name = signature.text("name")
        self._signature = signature
        self._searches = 0
        self._all_nodes: Optional[List[Node]] = None
        self._nodes: Optional[Dict[str, Node]] = None
        self._ops: Optional[Set[str]] = None
        self._references: Optional[Set[str]] = None

    @property
    def arguments(self) -> List[str]:
        return [name for (name,) in self._signature.rows("input_arg", "name")]

    @property
    def argument_count(self) -> int:
        return self._signature.count("input_arg")

    def argument(self, name: str) -> Optional[int]:
        """The index of an argument; None for what is none."""
        return next(iter(self._signature.places_of("input_arg", "name", name)), None)

    def has_list_arguments(self, until: int) -> bool:
        """Whether one of the arguments up to an index stands for several inputs of a caller."""
        arguments = (self._signature.item("input_arg", index) for index in range(until + 1))
        return any(a.text("number_attr") or a.text("type_list_attr") for a in arguments)

    @property
    def interfaces(self) -> Set[bytes]:
        """The names that it says that it implements."""
        values = [value for key, value in self._message.all_entries("attr") if key == _INTERFACE]
        return {text for value in values for text in value.contents("s")}

    @property
    def all_nodes(self) -> List[Node]:
        """Also those whose name another one has."""
        if self._all_nodes is None:
            self._all_nodes = [Node(node) for node in self._message.messages("node_def")]
        return self._all_nodes

    @property
    def nodes(self) -> Dict[str, Node]:
        if self._nodes is None:
            self._nodes = {node.name: node for node in self.all_nodes}
        return self._nodes

    def nodes_with(self, op: str) -> List[Node]:
        """Its nodes of one op; the others are not decoded."""
        if self._all_nodes is None:
            return self._nodes_where("op", op)
        return [node for node in self._all_nodes if node.op == op]

    def nodes_holding(self, text: str) -> List[Node]:
        """Its nodes that may mention a text; the others are not decoded."""
        if self._all_nodes is not None:
            return self._all_nodes
        indices = self._message.holding("node_def", text.encode("utf-8"))
        return [Node(self._message.item("node_def", index)) for index in indices]

    def node(self, name: str) -> Optional[Node]:
        """The node of a name."""
        self._searches += 1
        if self._nodes is not None or self._searches > _MOST_SEARCHES_OF_FUNCTION:
            return self.nodes.get(name)
        # Of equal names the last counts, as in `nodes`.
        return next(reversed(self._nodes_where("name", name)), None)

    def _nodes_where(self, field: str, text: str) -> List[Node]:
        indices = self._message.places_of("node_def", field, text)
        return [Node(self._message.item("node_def", index)) for index in indices]

    @property
    def ops(self) -> Set[str]:
        """Names of its ops."""
        if self._ops is None:
            self._ops = self._message.distinct("node_def.op")[0]
        return self._ops

    @property
    def references(self) -> Set[str]:
        """Names of its ops and of the functions that it calls or passes on."""
        if self._references is None:
            self._references, deeper = _distinct_functions(self._message, "node_def.")
            if deeper:
                self._references = set().union(*(node.functions() for node in self.all_nodes))
        return self._references


class Graph:
    """A graph with its functions.

    Args:
        message: a GraphDef.
        watched: ops that will be looked for.
        known: ops that are surely no functions.
    """

    def __init__(
        self, message: Message, watched: Iterable[str] = (), known: AbstractSet[str] = frozenset()
    ) -> None:
        self._known = known
        self._watched = frozenset(watched)
        self._functions_with: Dict[str, List[int]] = {}
        self._message = message
        self._library = message.message("library")
        self._functions: Dict[int, Function] = {}
        self._nodes_by_index: Dict[int, Node] = {}
        self._nodes: Optional[Dict[str, Node]] = None
        self._callers_found: Dict[str, Tuple[List[Function], List[Node]]] = {}
        self._callers: Optional[Dict[str, Tuple[List[Function], List[Node]]]] = None
        self._has_interfaces = False
        self._interfaces: Dict[str, List[bytes]] = {}
        self._implementing: Dict[bytes, List[str]] = {}
        self._ops: Optional[FrozenSet[str]] = None

    def ops(self) -> FrozenSet[str]:
        """Names of all ops, of the functions too."""
        if self._ops is None:
            used, where = self._library.sift("function.node_def.op", self._watched)
            used |= self._message.sift("node.op")[0]
            used.discard("")
            # A node may name a function for its op; to read all their names takes long. What
            # is called as a known op counts for that op, too.
            strange = used - self._known
            if strange:
                count = self._library.count("function")
                used -= strange.intersection(self._function(index).name for index in range(count))
            self._ops = frozenset(used)
            self._functions_with = where
        return self._ops

    def functions_with(self, op: str) -> List[Function]:
        """Functions that have a node with an op."""
        self.ops()
        if op in self._watched:
            return [self._function(index) for index in self._functions_with.get(op, ())]
        return [function for function in self.functions_holding(op) if op in function.ops]

    @property
    def nodes(self) -> Dict[str, Node]:
        """By name, without the functions' own."""
        if self._nodes is None:
            nodes = (self._node(index) for index in range(self._message.count("node")))
            self._nodes = {node.name: node for node in nodes}
        return self._nodes

    def callers(self, name: str) -> Tuple[List[Function], List[Node]]:
        """Functions and nodes that call a function or pass it on."""
        if name in self._callers_found:
            return self._callers_found[name]
        if len(self._callers_found) >= _MOST_SEARCHES:
            return self.all_callers().get(name, ([], []))
        functions = [
            function
            for function in self.functions_holding(name)
            if function.name != name and name in function.references
        ]
        nodes = [node for node in self.nodes_holding(name) if name in node.functions()]
        self._callers_found[name] = functions, nodes
        return functions, nodes

    def interfaces(self, name: str) -> List[bytes]:
        """The interfaces of a function: whoever calls it may call any that implements the same."""
        self._read_interfaces()
        return self._interfaces.get(name, [])

    def implementing(self, interface: bytes) -> List[str]:
        """The functions of an interface."""
        self._read_interfaces()
        return self._implementing.get(interface, [])

    def _read_interfaces(self) -> None:
        if self._has_interfaces:
            return
        self._has_interfaces = True
        for function in self.functions_holding(_INTERFACE):
            for interface in function.interfaces:
                self._implementing.setdefault(interface, []).append(function.name)
                self._interfaces.setdefault(function.name, []).append(interface)

    def all_callers(self) -> Dict[str, Tuple[List[Function], List[Node]]]:
        """As `callers`, of all functions at once; ops are among them."""
        if self._callers is None:
            self._callers = {}
            for function in self.functions:
                for name in function.references - {function.name}:
                    self._callers.setdefault(name, ([], []))[0].append(function)
            for node in self.nodes.values():
                for name in node.functions():
                    self._callers.setdefault(name, ([], []))[1].append(node)
        return self._callers

    @property
    def functions(self) -> List[Function]:
        return [self._function(index) for index in range(self._library.count("function"))]

    def nodes_with(self, op: str) -> List[Node]:
        """Nodes with an op, without the functions' own."""
        return [self._node(index) for index in self._message.places_of("node", "op", op)]

    def nodes_holding(self, text: str) -> List[Node]:
        """Nodes that may mention a name."""
        return [self._node(index) for index in self._message.holding("node", text.encode("utf-8"))]

    def functions_holding(self, text: str) -> List[Function]:
        """Functions that may mention a name."""
        found = self._library.holding("function", text.encode("utf-8"))
        return [self._function(index) for index in found]

    def gradients_by(self, name: str) -> Iterator[str]:
        """Names of the functions and ops whose gradient a function is."""
        for field, of in _GRADIENTS:
            for index in self._library.holding(field, name.encode("utf-8")):
                gradient = self._library.item(field, index)
                if gradient.text("gradient_func") == name:
                    yield gradient.text(of)

    def gradients(self) -> Iterator[Tuple[str, str]]:
        """Each function that is a gradient, and of which function or op."""
        for field, of in _GRADIENTS:
            yield from self._library.rows(field, "gradient_func", of)

    def _node(self, index: int) -> Node:
        if index not in self._nodes_by_index:
            self._nodes_by_index[index] = Node(self._message.item("node", index))
        return self._nodes_by_index[index]

    def _function(self, index: int) -> Function:
        if index not in self._functions:
            self._functions[index] = Function(self._library.item("function", index))
        return self._functions[index]


def read_graph(
    content: bytes, path: str, watched: Iterable[str], known: AbstractSet[str]
) -> Optional[Graph]:
    """A GraphDef that is held as a string; None if it is none."""
    try:
        graph = Graph(wire.read_message(content, path, "GraphDef", "graph"), watched, known)
        graph.ops()
    except MalformedFile:
        return None
    return graph


def _distinct_functions(message: Message, prefix: str = "") -> Tuple[Set[str], bool]:
    """Names of functions, and whether there may be more of them deeper."""
    paths = [prefix + path for path in (*_FUNCTION_PATHS, *_DEEPER_PATHS)]
    found = message.distinct(*paths)
    direct, deeper = found[: len(_FUNCTION_PATHS)], found[len(_FUNCTION_PATHS) :]
    return set().union(*direct), any(deeper)


def _functions_below(node: Message) -> Iterator[str]:
    """Names of the functions in the attributes of a node, however deep."""
    waiting = node.messages("attr")
    while waiting:
        value = waiting.pop().message("value")
        for function in (*value.messages("func"), *value.message("list").messages("func")):
            yield function.text("name")
            waiting += function.messages("attr")


def node_of(tensor: str) -> str:
    """The node, or a function's argument, that a tensor or control input names."""
    return tensor.lstrip("^").split(":", 1)[0]


def _strings_of(tensor: Message) -> List[bytes]:
    if tensor.number("dtype") != _STRING_DTYPE:
        return []
    packed = tensor.contents("tensor_content", _LONGEST_STRING)
    if packed and packed[-1]:
        return _string_list(packed[-1], tensor.message("tensor_shape"))
    return tensor.contents("string_val", _LONGEST_STRING)


def _string_list(content: bytes, shape: Message) -> List[bytes]:
    """Strings in TensorFlow's packed form: all lengths, then all characters."""
    count = 1
    for dim in shape.messages("dim"):
        count *= max(0, dim.number("size"))
    lengths, pos = [], 0
    # Each length takes a byte.
    for _ in range(min(count, len(content) + 1)):
        try:
            length, pos = varint(content, pos)
        except (IndexError, OverflowError):
            # TensorFlow refuses it; whoever looks for strings is to see what there is.
            return [content]
        lengths.append(length)
    strings = []
    for length in lengths:
        strings.append(content[pos : pos + length])
        pos += length
    return strings
