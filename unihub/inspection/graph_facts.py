"""Facts of a MetaGraph's graph that decide what can be done with the model."""

from __future__ import annotations

import re
from dataclasses import replace
from keyword import iskeyword
from typing import (
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from unihub.formats.message import Message
from unihub.formats.model import (
    DENSE,
    MetaGraph,
    Named,
    SavedModel,
    Shape,
    Signature,
    TensorInfo,
    read_shape,
)
from unihub.formats.saved_model import saved_model_file
from unihub.formats.schema import dtype_name
from unihub.inspection.callables import Callable, has_tensor, read_callables, read_losses
from unihub.inspection.convertible import NOT_CONVERTED
from unihub.inspection.graph import Graph, Node, node_of
from unihub.inspection.op_dangers import CONTROL_FLOW_V1
from unihub.inspection.structures import show

# Arguments of a __call__ that say how, not what.
_NO_INPUTS = frozenset(("training", "mask"))
_REFERENCE = "_ref"
_PLACEHOLDERS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")
_TABLES = ("HashTable", "HashTableV2")
_FILLING = ("InitializeTable", "LookupTableImport")
_REFERENCES = ("Variable", "VariableV2", "TemporaryVariable")
_ASSIGNING = ("Assign", "AssignAdd", "AssignSub")
# They change a variable in ways that resource variables do not have.
_ON_REFERENCES = ("Apply", "SparseApply", "CountUpTo", "StridedSliceAssign", "RefSelect")
# By this TensorFlow names the parts of a partitioned variable; only these read one.
_PART = re.compile(r"/part_\d+$")
_OF_PARTS = ("ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape", "Identity")
_SWITCHES = ("Switch", "RefSwitch")
# Of TF1's conds, what is there beside their branches.
_CONDS = frozenset((*_SWITCHES, "Merge", "RefMerge"))
# What a predicate that no input decides is made of.
_CONSTANT = frozenset(
    ("Const", "PlaceholderWithDefault", "Identity", "LogicalAnd", "LogicalNot", "LogicalOr", "Cast")
)


class Mistyped(NamedTuple):
    """An input or output that a SignatureDef describes wrongly.

    Attributes:
        kind: "input" or "output".
        key: its name in the signature.
        difference: what the signature says of it and the graph does not, in words.
    """

    kind: str
    key: str
    difference: str


class GraphFacts(NamedTuple):
    """Facts of a graph that decide what can be done with it.

    Attributes:
        ops: names of all ops, of the functions too.
        mistyped: by signature, what it describes otherwise than the graph: an input of another
            dtype, or a tensor that is not there.
        counting: by signature, an op that assigns to a reference variable of int32.
        unfed: by signature, the placeholders that its outputs need and it does not name.
        references: by signature, an output that is a variable and not its value.
        unconverted: by signature, the ops that no conversion takes over, with their nodes.
        converts: whether nothing is in it that keeps `unihub.convert` from converting it;
            where it is False, that may do so or not.
        inputs: the arguments that the model's own ``__call__`` needs, as a line has them;
            None where that is not told.
        modes: the values of ``training`` that its own ``__call__`` was traced for, False, True
            and None; None where any will do.
        losses: of the first regularization loss that takes inputs, what it takes.
    """

    ops: FrozenSet[str]
    mistyped: Mapping[str, Mistyped]
    references: Mapping[str, Tuple[str, TensorInfo]]
    unconverted: Mapping[str, Sequence[Tuple[str, str]]]
    converts: bool
    inputs: Optional[Sequence[str]] = None
    unfed: Mapping[str, Sequence[str]] = Named({})
    counting: Mapping[str, str] = Named({})
    modes: Optional[FrozenSet[Optional[bool]]] = None
    losses: str = ""


def read_graph_facts(model: SavedModel, meta_graph: MetaGraph) -> GraphFacts:
    """The facts of one MetaGraph of a model, read from its file.

    Raises:
        FormatError: as read_saved_model does.
    """
    with saved_model_file(model.path) as file:
        (message,) = (
            message
            for message, graph in zip(file.meta_graphs, model.meta_graphs)
            if graph is meta_graph or graph == meta_graph
        )
        return graph_facts(Graph(message.message("graph_def")), meta_graph, message)


def graph_facts(graph: Graph, meta_graph: MetaGraph, message: Message) -> GraphFacts:
    """The facts of a graph.

    Args:
        graph: its nodes and functions.
        meta_graph: that it belongs to.
        message: its MetaGraphDef.
    """
    objects = message.message("object_graph_def")
    ops = graph.ops()
    if meta_graph.object_graph is not None:
        # The functions say what they take, and no SignatureDef.
        children = meta_graph.object_graph.children_by_name()
        facts = GraphFacts(ops, {}, {}, {}, False, losses=_needed_by_losses(objects, children))
        if not meta_graph.object_graph.callable:
            return facts
        (call, *_) = read_callables(objects, children)
        return facts._replace(inputs=_inputs(call), modes=call.modes())
    collections = dict(message.entries("collection_def"))
    mistyped, references = _mistyped(graph, meta_graph), _references(meta_graph)
    unconverted = _unconverted(graph, meta_graph)
    converts = (
        not (mistyped or references or unconverted or _has_words_of_python(meta_graph))
        and _converts(graph, meta_graph)
        and _is_whole(graph, meta_graph, collections)
    )
    unfed = _unfed(graph, meta_graph)
    counting = _counting(graph, meta_graph)
    return GraphFacts(ops, mistyped, references, unconverted, converts, None, unfed, counting)


def _has_words_of_python(meta_graph: MetaGraph) -> bool:
    """Whether an input has a name that no argument of a function can have."""
    return any(iskeyword(name) for one in meta_graph.signatures.values() for name in one.inputs)


def _needed_by_losses(objects: Message, children: Dict[str, int]) -> str:
    for loss in read_losses(objects, children):
        if loss.accepted and all(one.arguments for one in loss.accepted):
            return str(loss.accepted[0])
    return ""


def _inputs(call: Callable) -> Optional[Sequence[str]]:
    needed = call.needed()
    if needed is None:
        return None
    codes = []
    for place, (name, value, by_name) in enumerate(needed):
        is_sole = sum(one.name not in _NO_INPUTS for one in needed) == 1 and not by_name
        code = name if name.isidentifier() else f"x{place}"
        code = "inputs" if is_sole and has_tensor(value) else code
        if name == "training":
            code = "False"
        elif not has_tensor(value):
            code = show(value)
        by_name = by_name or name == "training"
        codes.append(f"{name}={code}" if by_name else code)
    return codes


def _mistyped(graph: Graph, meta_graph: MetaGraph) -> Dict[str, Mistyped]:
    found: Dict[str, Mistyped] = {}
    for name, kind, key, info in _dense_tensors(meta_graph):
        node = graph.nodes.get(node_of(info.name))
        if node is None and info.name and graph.nodes:
            found.setdefault(name, Mistyped(kind, key, absent(info.name)))
        if node is None or kind != "input" or node.op not in _PLACEHOLDERS:
            continue
        value = node.attribute("dtype")
        actual = "" if value is None else dtype_name(value.number("type"))
        if actual and actual != info.dtype:
            found.setdefault(name, Mistyped(kind, key, other_dtype(info.name, info.dtype, actual)))
    return found


def absent(tensor: str) -> str:
    """Says what is wrong about a tensor that a graph does not have."""
    return f"{tensor}, which is not in the graph"


def other_dtype(tensor: str, declared: str, actual: str) -> str:
    """Says what is wrong about an input of another dtype."""
    return (
        f"{declared}, and in the graph {tensor} is {actual}: what the one takes the other refuses"
    )


def _references(meta_graph: MetaGraph) -> Dict[str, Tuple[str, TensorInfo]]:
    return {
        name: (key, info)
        for name, kind, key, info in _dense_tensors(meta_graph)
        if kind == "output" and info.dtype.endswith(_REFERENCE)
    }


def _dense_tensors(meta_graph: MetaGraph) -> Iterator[Tuple[str, str, str, TensorInfo]]:
    for name, signature in meta_graph.signatures.items():
        for kind, tensors in (("input", signature.inputs), ("output", signature.outputs)):
            for key, info in tensors.items():
                if info.kind == DENSE:
                    yield name, kind, key, info


def _unconverted(graph: Graph, meta_graph: MetaGraph) -> Dict[str, Sequence[Tuple[str, str]]]:
    """By signature the ops that no conversion takes over, if it depends on any."""
    found: Dict[str, Sequence[Tuple[str, str]]] = {}
    if not any(op.startswith(NOT_CONVERTED) for op in graph.ops()):
        return found
    for name, fed, wanted in _ends(meta_graph):
        nodes = _reached(graph, wanted, fed)
        used = [(node.op, node.name) for node in nodes if node.op.startswith(NOT_CONVERTED)]
        if used:
            found[name] = used
    return found


def _unfed(graph: Graph, meta_graph: MetaGraph) -> Dict[str, Sequence[str]]:
    """By signature the placeholders that it needs and does not name, if there are any."""
    found: Dict[str, Sequence[str]] = {}
    inputs = {
        node_of(part)
        for signature in meta_graph.signatures.values()
        for info in signature.inputs.values()
        for part in info.components
    }
    placeholders = {name for name, node in graph.nodes.items() if node.op in _PLACEHOLDERS[:2]}
    if placeholders <= inputs and len(meta_graph.signatures) == 1:
        return found
    for name, fed, wanted in _ends(meta_graph):
        reached = {node.name for node in _reached(graph, wanted, fed)}
        missing = sorted(reached & placeholders - set(fed))
        if missing:
            found[name] = missing
    return found


def _counting(graph: Graph, meta_graph: MetaGraph) -> Dict[str, str]:
    """By signature an op that assigns to a reference variable of int32, if it needs one."""
    found: Dict[str, str] = {}
    if graph.ops().isdisjoint(_ASSIGNING):
        return found
    for name, fed, wanted in _ends(meta_graph):
        for node in _reached(graph, wanted, fed):
            value = node.attribute("T") if node.op in _ASSIGNING else None
            if value is not None and dtype_name(value.number("type")) == "int32":
                found[name] = node.name
    return found


def _ends(meta_graph: MetaGraph) -> Iterator[Tuple[str, List[str], List[str]]]:
    """The signatures with the nodes that they feed and want."""
    for name, signature in meta_graph.signatures.items():
        fed = [node_of(part) for info in signature.inputs.values() for part in info.components]
        wanted = [node_of(part) for info in signature.outputs.values() for part in info.components]
        yield name, fed, wanted


def _converts(graph: Graph, meta_graph: MetaGraph) -> bool:
    if any(op.startswith(NOT_CONVERTED) for op in graph.ops()):
        return False
    if graph.ops().isdisjoint(CONTROL_FLOW_V1):
        return True
    fed: Set[str] = set()
    wanted: Set[str] = set()
    for _, kind, _, info in _dense_tensors(meta_graph):
        (fed if kind == "input" else wanted).add(node_of(info.name))
    used = _reached(graph, wanted, fed)
    if not {node.op for node in used} & CONTROL_FLOW_V1 <= _CONDS:
        return False
    predicates = {node_of(node.data_inputs[1]) for node in used if node.op in _SWITCHES}
    decided_by = _reached(graph, predicates, ())
    return all(node.op in _CONSTANT and node.name not in fed for node in decided_by)


def _is_whole(graph: Graph, meta_graph: MetaGraph, collections: Mapping[str, Message]) -> bool:
    """Whether what a conversion takes over needs nothing that is not there.

    No placeholder that a call does not fill, no table that nothing fills, no value of a
    variable that the ways of TF2 do not read.
    """
    losses = _names(collections, "regularization_losses")
    if _unfilled(graph, losses, ()):
        return False
    updates = _names(collections, "update_ops")
    everything = {node.name for node in _reached(graph, [*losses, *updates], ())}
    for _, fed, wanted in _ends(meta_graph):
        if _unfilled(graph, [*wanted, *updates], fed):
            return False
        everything.update(node.name for node in _reached(graph, wanted, fed))
    used = {name for name in everything if graph.nodes[name].op in _TABLES}
    filled = {
        node_of(node.data_inputs[0])
        for node in graph.nodes.values()
        if node.op.startswith(_FILLING) and node.data_inputs
    }
    return used <= filled and not any(_is_doubtful(graph, graph.nodes[one]) for one in everything)


def _is_doubtful(graph: Graph, node: Node) -> bool:
    """Whether a node computes what a function of TF2 may not, or has a gradient of its own."""
    taken = [graph.nodes[one] for one in map(node_of, node.data_inputs) if one in graph.nodes]
    return (
        node.attribute("_gradient_op_type") is not None
        or (node.op.startswith(_ON_REFERENCES) and any(one.op in _REFERENCES for one in taken))
        or (node.op not in _OF_PARTS and any(map(_is_part, taken)))
    )


def _is_part(node: Node) -> bool:
    return node.op in ("VarHandleOp", *_REFERENCES) and _PART.search(node.name) is not None


def _unfilled(graph: Graph, names: Iterable[str], fed: Iterable[str]) -> bool:
    return any(node.op in _PLACEHOLDERS[:2] for node in _reached(graph, names, fed))


def _names(collections: Mapping[str, Message], key: str) -> List[str]:
    if key not in collections:
        return []
    values = collections[key].message("node_list").contents("value")
    return [node_of(value.decode("utf-8", "replace")) for value in values]


def with_shapes(graph: Graph, signature: Signature) -> Signature:
    """A signature with the shape of the variable where an input of any shape is assigned to one."""
    told = {
        name: replace(info, shape=_assigned_shape(graph, node_of(info.name)))
        for name, info in signature.inputs.items()
        if info.kind == DENSE and info.shape is None
    }
    return replace(signature, inputs=Named({**signature.inputs, **told})) if told else signature


def _assigned_shape(graph: Graph, name: str) -> Shape:
    for node in graph.nodes.values():
        inputs = node.data_inputs
        if node.op.startswith("Assign") and len(inputs) > 1 and node_of(inputs[1]) == name:
            variable = graph.nodes.get(node_of(inputs[0]))
            shape = variable.attribute("shape") if variable is not None else None
            if shape is not None:
                return read_shape(shape.message("shape"))
    return None


def _reached(graph: Graph, names: Iterable[str], ends: Iterable[str]) -> List[Node]:
    """The nodes that some nodes depend on, themselves included, up to the ``ends``."""
    waiting, seen = list(names), set(ends)
    found: List[Node] = []
    while waiting:
        name = waiting.pop()
        node = graph.nodes.get(name)
        if name not in seen and node is not None:
            seen.add(name)
            found.append(node)
            waiting += map(node_of, node.inputs)
    return found
