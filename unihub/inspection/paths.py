"""Which files or addresses an op is given, as far as the graph tells."""

from __future__ import annotations

from contextlib import suppress
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from unihub.formats.encoding import varint
from unihub.formats.message import Message
from unihub.inspection.graph import Function, Node, node_of
from unihub.inspection.reachability import Reachability

CONSTANT, ASSET, ARGUMENT, COMPUTED = "constant", "asset", "argument", "computed"

_MOST_STEPS = 2_000
# Their strings are those of their inputs, or parts of them put together.
_PASS_ON = frozenset(
    (
        "ConcatV2",
        "EnsureShape",
        "ExpandDims",
        "Identity",
        "IdentityN",
        "Pack",
        "PlaceholderWithDefault",
        "Reshape",
        "Squeeze",
        "StopGradient",
        "StringJoin",
        "TensorSliceDataset",
        "TensorDataset",
    )
)
_READ, _ASSIGN = "ReadVariableOp", "AssignVariableOp"
_ASSETS_COLLECTION = "saved_model_assets"
_CALLS = frozenset(("PartitionedCall", "StatefulPartitionedCall"))


class Path(NamedTuple):
    """Where a string comes from.

    Attributes:
        kind: CONSTANT, ASSET (a file of the model itself), ARGUMENT (of the caller
            of the model) or COMPUTED.
        text: the constant, or the name of what gives it.
    """

    kind: str
    text: bytes


class Paths:
    """Follows strings backwards through one MetaGraph.

    Args:
        meta_graph: a MetaGraphDef.
        reachability: of its graph, or of a graph nested in it.
    """

    def __init__(self, meta_graph: Message, reachability: Reachability) -> None:
        self._meta_graph = meta_graph
        self._reachability = reachability
        self._files = [asset.text("filename") for asset in meta_graph.messages("asset_file_def")]
        self._assets = {
            node_of(asset.message("tensor_info").text("name")): asset.text("filename")
            for asset in _assets(meta_graph)
        }

    def of_inputs(
        self, node: Node, function: Optional[Function], indices: Iterable[int]
    ) -> Tuple[Path, ...]:
        """What some inputs of a node hold; what is no string is left out."""
        inputs = node.data_inputs
        names = [inputs[index] for index in indices if index < len(inputs)]
        found: Dict[Path, None] = {}
        waiting: List[Tuple[str, Optional[Function]]] = [(name, function) for name in names]
        seen: Set[Tuple[str, str]] = set()
        while waiting and len(seen) < _MOST_STEPS:
            name, where = waiting.pop()
            place = (name, where.name if where else "")
            if place in seen:
                continue
            seen.add(place)
            paths, more = self._step(node_of(name), where)
            found.update(dict.fromkeys(paths))
            waiting += more
        return tuple(found)

    def _step(
        self, name: str, function: Optional[Function]
    ) -> Tuple[List[Path], List[Tuple[str, Optional[Function]]]]:
        if function is None and name in self._assets:
            return [Path(ASSET, self._assets[name].encode("utf-8"))], []
        nodes = function.nodes if function is not None else self._reachability.graph.nodes
        node = nodes.get(name)
        if node is None:
            if function is None or name not in function.arguments:
                return [Path(COMPUTED, b"an unknown node")], []
            return self._argument(function, name)
        if node.op == "Const":
            return [Path(CONSTANT, text) for text in node.constant_strings()], []
        if node.op == "Placeholder":
            return [Path(ARGUMENT, node.name.encode("utf-8"))], []
        if node.op == _READ and function is None:
            return [], [(value, None) for value in self._assigned(node)]
        if node.op in _PASS_ON:
            return [], [(input_name, function) for input_name in node.data_inputs]
        return [Path(COMPUTED, node.op.encode("utf-8"))], []

    def _assigned(self, read: Node) -> List[str]:
        """What the graph assigns to a variable, as TF 1.15 does with the paths of assets."""
        handle = [node_of(name) for name in read.data_inputs]
        return [
            node.data_inputs[1]
            for node in self._reachability.graph.nodes.values()
            if node.op == _ASSIGN and [node_of(name) for name in node.data_inputs[:1]] == handle
            if len(node.data_inputs) > 1
        ]

    def _argument(
        self, function: Function, name: str
    ) -> Tuple[List[Path], List[Tuple[str, Optional[Function]]]]:
        """A function's argument is what its callers give, or what it captured."""
        index = function.arguments.index(name)
        paths: List[Path] = []
        more: List[Tuple[str, Optional[Function]]] = []
        concrete = self._reachability.concrete_function(function.name)
        if concrete is not None:
            paths.append(self._captured(concrete, function, index, name))
        functions, nodes = self._reachability.graph.callers(function.name)
        callers = [(node, None) for node in nodes]
        for caller in functions:
            callers += [
                (node, caller)  # type: ignore[misc]
                for node in caller.nodes.values()
                if function.name in node.functions()
            ]
        for node, where in callers:
            inputs = node.data_inputs
            if node.op in (*_CALLS, function.name) and index < len(inputs):
                more.append((inputs[index], where))
            else:
                paths.append(Path(COMPUTED, node.op.encode("utf-8")))
        return paths, more

    def _captured(self, concrete: Message, function: Function, index: int, name: str) -> Path:
        bound = _packed(concrete.contents("bound_inputs"))
        position = index - (len(function.arguments) - len(bound))
        objects = self._meta_graph.message("object_graph_def")
        if 0 <= position < len(bound) and bound[position] < objects.count("nodes"):
            captured = objects.item("nodes", bound[position])
            if captured.has("asset"):
                asset = captured.message("asset").number("asset_file_def_index")
                if 0 <= asset < len(self._files):
                    return Path(ASSET, self._files[asset].encode("utf-8"))
            operation = captured.message("constant").text("operation")
            node = self._reachability.graph.nodes.get(operation)
            if node is not None and node.constant_strings():
                return Path(CONSTANT, node.constant_strings()[0])
            return Path(COMPUTED, b"a captured tensor")
        return Path(ARGUMENT, name.encode("utf-8"))


def _assets(meta_graph: Message) -> List[Message]:
    """AssetFileDefs, from where TF2 and from where TF1 keeps them."""
    collection = meta_graph.entries("collection_def").get(_ASSETS_COLLECTION)
    values = collection.message("any_list").messages("value") if collection is not None else []
    return meta_graph.messages("asset_file_def") + [value.message("value") for value in values]


def _packed(pieces: List[bytes]) -> List[int]:
    """The numbers of a packed field."""
    numbers: List[int] = []
    for piece in pieces:
        pos = 0
        # A number that does not end is of no node.
        with suppress(IndexError, OverflowError):
            while pos < len(piece):
                number, pos = varint(piece, pos)
                numbers.append(number)
    return numbers
