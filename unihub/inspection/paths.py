"""Which files or addresses an op is given, as far as the graph tells."""

from __future__ import annotations

import os
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from unihub.formats.files import HUB_FILE
from unihub.formats.message import Message
from unihub.inspection.graph import Function, Node, node_of
from unihub.inspection.reachability import Fed, Reachability

CONSTANT, ASSET, CHECKPOINT = "constant", "asset", "checkpoint"
ARGUMENT, COMPUTED = "argument", "computed"

_MOST_STEPS = 2_000
# Of all paths of a model together.
_MOST_STEPS_IN_ALL = 1_000_000
# Their strings are those of their inputs.
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
        "TensorSliceDataset",
        "TensorDataset",
    )
)
# Puts strings together, so that what is a path in the end may be seen in none of them.
_JOIN = "StringJoin"
_READ = "ReadVariableOp"
_ASSETS_COLLECTION = "saved_model_assets"
_CALLS = frozenset(("PartitionedCall", "StatefulPartitionedCall"))
_DEEPEST_JOIN = 20
_MOST_EXCHANGED = 20

Place = Tuple[str, Optional[Function]]


class Path(NamedTuple):
    """Where a string comes from.

    Attributes:
        kind: CONSTANT, ASSET (a file of the model itself), CHECKPOINT (the
            model's), ARGUMENT (of the caller of the model) or COMPUTED.
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
        self._steps_left = _MOST_STEPS_IN_ALL
        self._files = [asset.text("filename") for asset in meta_graph.messages("asset_file_def")]
        self._assignments: Optional[Dict[str, List[Optional[str]]]] = None
        # Many paths may lead through the same places.
        self._steps: Dict[Place, Tuple[List[Path], List[Place]]] = {}
        self._joins: Dict[Tuple[Place, Fed], Tuple[Path, ...]] = {}
        # By the tensor that the loader feeds, of the graph itself.
        self._fed: Dict[Fed, Dict[str, Path]] = {}
        if not reachability.is_nested:
            self._fed[Fed.ASSETS] = {
                _tensor(asset.message("tensor_info").text("name")): Path(
                    ASSET, asset.text("filename").encode("utf-8")
                )
                for asset in _assets(meta_graph, reachability.file)
            }
            file_name = _tensor(meta_graph.message("saver_def").text("filename_tensor_name"))
            self._fed[Fed.CHECKPOINT] = {file_name: Path(CHECKPOINT, b"")}

    def of_inputs(
        self,
        node: Node,
        function: Optional[Function],
        indices: Iterable[int],
        fed: Fed = Fed.NOTHING,
    ) -> Tuple[Path, ...]:
        """The strings that some inputs of a node hold; what is no string is left out.

        Args:
            fed: what the loader gives to the graph while it runs the node.
        """
        inputs = node.data_inputs
        places = [(inputs[index], function) for index in indices if index < len(inputs)]
        return self._of(places, fed)

    def _of(self, waiting: List[Place], fed: Fed, depth: int = 0) -> Tuple[Path, ...]:
        given = self._fed.get(fed, {})
        found: Dict[Path, None] = {}
        seen: Set[Place] = set()
        while waiting:
            place = name, where = waiting.pop()
            if place in seen:
                continue
            self._steps_left -= 1
            if len(seen) >= _MOST_STEPS or depth > _DEEPEST_JOIN or self._steps_left < 0:
                found[Path(COMPUTED, b"a long chain of ops")] = None
                break
            seen.add(place)
            if where is None and _tensor(name) in given:
                found[given[_tensor(name)]] = None
                continue
            node = self._node(node_of(name), where)
            if node is not None and node.op == _JOIN:
                found.update(dict.fromkeys(self._joined(node, where, fed, depth)))
                continue
            if place not in self._steps:
                self._steps[place] = self._step(node_of(name), node, where)
            paths, more = self._steps[place]
            found.update(dict.fromkeys(paths))
            waiting += more
        return tuple(found)

    def _joined(
        self, node: Node, where: Optional[Function], fed: Fed, depth: int
    ) -> Tuple[Path, ...]:
        """The strings that others make when they are put together."""
        place = (node.name, where), fed
        if place not in self._joins:
            unknown = Path(COMPUTED, _JOIN.encode())
            # For those that go round in a circle.
            self._joins[place] = (unknown,)
            parts = [self._of([(name, where)], fed, depth + 1) for name in node.data_inputs]
            from unihub.inspection.joining import joined

            texts, count = joined(list(map(_texts, parts)), node.attribute_strings("separator"))
            rest = parts[count:]
            is_known = not rest or _say_where(texts, rest[0])
            found = [] if is_known else [unknown]
            found += [Path(CONSTANT, text) for text in texts if text or not rest]
            found += [path for part in rest for path in part]
            self._joins[place] = tuple(found)
        return self._joins[place]

    def _node(self, name: str, function: Optional[Function]) -> Optional[Node]:
        if function is not None:
            return function.node(name)
        return self._reachability.graph.nodes.get(name)

    def _step(
        self, name: str, node: Optional[Node], function: Optional[Function]
    ) -> Tuple[List[Path], List[Place]]:
        if node is None:
            index = None if function is None else function.argument(name)
            if function is None or index is None:
                return [Path(COMPUTED, b"an unknown node")], []
            return self._argument(function, name, index)
        if node.op == "Const":
            return [Path(CONSTANT, text) for text in node.constant_strings()], []
        if node.op == "Placeholder":
            return [Path(ARGUMENT, node.name.encode("utf-8"))], []
        if node.op == _READ and function is None:
            return self._assigned(node)
        if node.op in _PASS_ON:
            return [], [(input_name, function) for input_name in node.data_inputs]
        return [Path(COMPUTED, node.op.encode("utf-8"))], []

    def _assigned(self, read: Node) -> Tuple[List[Path], List[Place]]:
        """Paths that the graph assigns to a variable, as TF 1.15 does with those of assets."""
        # Imported only here, for few graphs read a path from a variable.
        from unihub.inspection.assignments import assignments, variables

        graph = self._reachability.graph
        if self._assignments is None:
            self._assignments = assignments(graph)
        names = [name for handle in read.data_inputs[:1] for name in variables(graph, handle)]
        assigned = [self._assignments.get(name, []) for name in dict.fromkeys((*names, ""))]
        values = [value for of_name in assigned for value in of_name]
        known = [(value, None) for value in values if value is not None]
        if names and known and len(known) == len(values):
            return [], list(known)
        return [Path(COMPUTED, read.op.encode("utf-8"))], list(known)

    def _argument(
        self, function: Function, name: str, index: int
    ) -> Tuple[List[Path], List[Place]]:
        """A function's argument is what its callers give, or what it captured."""
        if function.has_list_arguments(until=index):
            # Its index is then not that of a caller's input.
            return [Path(COMPUTED, b"a list of arguments")], []
        paths: List[Path] = []
        more: List[Place] = []
        names = self._exchanged(function.name)
        if len(names) > _MOST_EXCHANGED:
            return [Path(COMPUTED, b"one of many functions")], []
        for called in sorted(names):
            for concrete in self._reachability.concrete_functions(called):
                paths += self._captured(concrete, function, index, name)
            for node, where in self._calling(called):
                inputs = node.data_inputs
                if node.op in (*_CALLS, called) and index < len(inputs):
                    more.append((inputs[index], where))
                else:
                    paths.append(Path(COMPUTED, node.op.encode("utf-8")))
        return paths, more

    def _exchanged(self, name: str) -> Set[str]:
        """A function, and those that may be called in its place."""
        graph = self._reachability.graph
        groups = (graph.implementing(interface) for interface in graph.interfaces(name))
        return {name}.union(*groups)

    def _calling(self, name: str) -> Iterator[Tuple[Node, Optional[Function]]]:
        """The nodes that call a function or pass it on, each with the function that it is in."""
        functions, nodes = self._reachability.graph.callers(name)
        for node in nodes:
            yield node, None
        for caller in functions:
            for node in caller.all_nodes:
                if name in node.functions():
                    yield node, caller

    def _captured(self, concrete: Message, function: Function, index: int, name: str) -> List[Path]:
        bound = concrete.numbers("bound_inputs")
        position = index - (function.argument_count - len(bound))
        objects = self._meta_graph.message("object_graph_def")
        if not 0 <= position < len(bound):
            return [Path(ARGUMENT, name.encode("utf-8"))]
        if 0 <= bound[position] < objects.count("nodes"):
            captured = objects.item("nodes", bound[position])
            if captured.text("registered_name"):
                return [Path(COMPUTED, b"an object of a registered class")]
            if captured.has("asset"):
                asset = captured.message("asset").number("asset_file_def_index")
                if 0 <= asset < len(self._files):
                    return [Path(ASSET, self._files[asset].encode("utf-8"))]
            operation = captured.message("constant").text("operation")
            node = self._reachability.graph.nodes.get(operation)
            # Which of several TensorFlow takes, it does not say.
            texts = node.constant_strings() if node is not None else []
            if texts:
                return [Path(CONSTANT, text) for text in texts]
        return [Path(COMPUTED, b"a captured tensor")]


def _texts(part: Tuple[Path, ...]) -> List[bytes]:
    """The texts that a part of a string may be; nothing where that is not known."""
    if any(path.kind != CONSTANT for path in part):
        return []
    return [path.text for path in part] or [b""]


def _say_where(texts: List[bytes], following: Tuple[Path, ...]) -> bool:
    """Whether the beginnings of a path, or what follows, tell of which file system it is."""
    from unihub.inspection.joining import is_decided

    if not all(texts):
        starts = [path.text for path in following if path.kind == CONSTANT]
        if any(path.kind == COMPUTED for path in following) or not all(map(is_decided, starts)):
            return False
    return all(is_decided(text) for text in texts if text)


def _tensor(name: str) -> str:
    """A tensor's full name; of a node's outputs the first has a short one, too."""
    return name if ":" in name else f"{name}:0"


def _assets(meta_graph: Message, file: str) -> List[Message]:
    """The AssetFileDefs whose paths are fed, whoever loads the model.

    The loader of SavedModels takes those of the collection only where it finds no others; that of
    the TF1 Hub format knows only the collection.
    """
    own = meta_graph.messages("asset_file_def")
    listed = _listed_assets(meta_graph)
    if not own:
        return listed
    if not listed and not os.path.lexists(os.path.join(os.path.dirname(file), HUB_FILE)):
        return own
    fed_by_both = set(map(_fed_by, listed))
    return [asset for asset in own if _fed_by(asset) in fed_by_both]


def _listed_assets(meta_graph: Message) -> List[Message]:
    entries = meta_graph.all_entries("collection_def")
    collections = [value for name, value in entries if name == _ASSETS_COLLECTION]
    # Of several it is not sure which one is read, so none is believed.
    values = collections[0].message("any_list").messages("value") if len(collections) == 1 else []
    return [value.message("value") for value in values]


def _fed_by(asset: Message) -> Tuple[str, str]:
    return asset.message("tensor_info").text("name"), asset.text("filename")
