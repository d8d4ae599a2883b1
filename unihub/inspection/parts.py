"""The parts of a model in the order that data goes through them: name scopes, with shapes.

A part is what has the start of its ops' names in common; scopes are opened until there are
enough of them to tell something, and what follows one another is put together where there are
more than one can look at.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from unihub.formats.message import Message
from unihub.formats.model import MetaGraph, read_shape
from unihub.inspection.callables import read_callables
from unihub.inspection.graph import Function, Graph, Node, node_of

_ENOUGH, _MOST = 6, 24
_MOST_NODES = 20_000
_MOST_CALLS = 8
_MOST_OPENED = 30
_CALLS = ("StatefulPartitionedCall", "PartitionedCall")
# They say nothing of what a part computes; and these only where there is nothing else.
_PLUMBING = frozenset((*_CALLS, "Identity", "IdentityN", "Const", "NoOp", "ReadVariableOp"))
_SHAPING = ("Reshape", "ExpandDims", "Squeeze")
_MINOR = frozenset((*_SHAPING, "Shape", "Pack", "StridedSlice", "Cast", "Fill", "Placeholder"))
# They say most of it.
_TELLING = ("Conv", "Depthwise", "MatMul", "BatchMatMul", "Einsum", "Gather", "Resource", "Lookup")
_MOST_OPS = 3
_FIRST = ("serving_default", "default")
# As Keras' applications name their blocks: block2a, stage3_block1.
_LETTERED = re.compile(r"[a-z]?_…$")
_MOST_TRACES = 4
# How TensorFlow calls the variables and tables that a function was made with.
_CAPTURED = re.compile(r"^unknown(_\d+)?$|resource(_\d+)?$|table_handle(_\d+)?$")


class Part(NamedTuple):
    """A part of a model.

    Attributes:
        name: the start of its ops' names, or the first and the last of several such.
        ops: what it computes, with how many of each; those that tell most first.
        shape: of what leaves it; "" where that is not told.
    """

    name: str
    ops: Tuple[Tuple[str, int], ...]
    shape: str


class Flow(NamedTuple):
    """The parts of a model, and from which to which data goes.

    Attributes:
        title: what of the model it is, such as "m(…)".
        arrows: pairs of indices of parts.
    """

    title: str
    parts: Tuple[Part, ...]
    arrows: Tuple[Tuple[int, int], ...]


_Group = Tuple[str, List[Node]]
_Counted = Dict[str, Dict[str, int]]


class _Body(NamedTuple):
    """The nodes of a function, or of what a signature runs of a graph."""

    title: str
    inputs: Tuple[str, ...]
    nodes: Dict[str, Node]


def read_flow(message: Message, meta_graph: MetaGraph) -> Optional[Flow]:
    """The flow of one MetaGraph; None where there is none to tell.

    Args:
        message: its MetaGraphDef.
    """
    graph = Graph(message.message("graph_def"))
    functions = {function.name: function for function in graph.functions}
    body = _called(message, meta_graph, functions) or _signed(graph, meta_graph)
    if body is None:
        return None
    body = _unwrapped(body, functions)
    order = _in_order(body)
    if not 1 < len(order) <= _MOST_NODES:
        return None
    return _flow(body, order, functions)


def _called(
    message: Message, meta_graph: MetaGraph, functions: Dict[str, Function]
) -> Optional[_Body]:
    """The function that a call of the model runs."""
    if meta_graph.object_graph is None:
        return None
    children = meta_graph.object_graph.children_by_name()
    for one in read_callables(message.message("object_graph_def"), children)[:1]:
        traces = [functions[name] for name in one.functions if name in functions]
        if not traces:
            continue
        title = f"m{'.' if one.path else ''}{one.path}(…)"
        # Of two traces one is often for training.
        still = (trace for trace in traces[:_MOST_TRACES] if not _assigns(trace, functions))
        return _of_function(title, next(still, traces[0]))
    return None


def _assigns(function: Function, functions: Dict[str, Function]) -> bool:
    ops = _ops_of(function.nodes.values(), functions, {})
    return any(op.startswith("Assign") for op in ops)


def _of_function(title: str, function: Function) -> _Body:
    inputs = (name for name in function.arguments if not _CAPTURED.search(name))
    return _Body(title, tuple(inputs), function.nodes)


def _signed(graph: Graph, meta_graph: MetaGraph) -> Optional[_Body]:
    """The function that a signature runs: that for serving, else the first."""
    names = sorted(meta_graph.signatures, key=lambda name: (name not in _FIRST, name))
    for name in names[:1]:
        signature = meta_graph.signatures[name]
        inputs = {node_of(p) for info in signature.inputs.values() for p in info.components}
        waiting = [node_of(p) for info in signature.outputs.values() for p in info.components]
        nodes: Dict[str, Node] = {}
        while waiting:
            found = graph.nodes.get(waiting.pop())
            if found is not None and found.name not in nodes and found.name not in inputs:
                nodes[found.name] = found
                waiting += map(node_of, found.data_inputs)
        return _Body(f"signature {name}", tuple(sorted(inputs)), nodes)
    return None


def _unwrapped(body: _Body, functions: Dict[str, Function]) -> _Body:
    """The function that does it all, where another one does nothing but call it."""
    for _ in range(_MOST_CALLS):
        active = [node for node in body.nodes.values() if node.op not in ("NoOp", "Identity")]
        (name,) = _callees(active[0], functions) or ("",) if len(active) == 1 else ("",)
        if not name:
            break
        below = _of_function(body.title, functions[name])
        body = below._replace(inputs=below.inputs or body.inputs)
    return body


def _callees(node: Node, functions: Dict[str, Function]) -> List[str]:
    if node.op not in _CALLS:
        return []
    return [name for name in sorted(node.functions()) if name in functions][:1]


def _in_order(body: _Body) -> List[Node]:
    """The nodes that depend on the inputs, each after those that it takes from."""
    users: Dict[str, List[str]] = {}
    for node in body.nodes.values():
        for source in map(node_of, node.data_inputs):
            users.setdefault(source, []).append(node.name)
    live: Set[str] = set()
    waiting = [user for one in body.inputs for user in users.get(one, ())]
    while waiting:
        name = waiting.pop()
        if name not in live:
            live.add(name)
            waiting += users.get(name, ())
    # A model that only draws or counts takes nothing.
    live = live or {name for name, node in body.nodes.items() if node.op not in _PLUMBING}
    lacking = {
        name: len({node_of(s) for s in body.nodes[name].data_inputs} & live) for name in live
    }
    ready = [name for name in reversed(list(body.nodes)) if lacking.get(name) == 0]
    found: List[Node] = []
    while ready:
        name = ready.pop()
        found.append(body.nodes[name])
        for user in dict.fromkeys(users.get(name, ())):
            if user in lacking:
                lacking[user] -= 1
                if lacking[user] == 0:
                    ready.append(user)
    # Those in a loop of TF1 are in none of them.
    placed = {node.name for node in found}
    return found + [body.nodes[name] for name in sorted(live - placed)]


def _flow(body: _Body, order: List[Node], functions: Dict[str, Function]) -> Flow:
    ends = {node.name for node in order if node.op == "Identity" and "/" not in node.name}
    groups = _groups([node for node in order if node.op != "NoOp" and node.name not in ends])
    groups = _fewer(_sorted(groups))
    place = {node.name: index for index, (_, nodes) in enumerate(groups) for node in nodes}
    used = {
        source
        for node in order
        for source in map(node_of, node.data_inputs)
        if place.get(source) != place.get(node.name)
    }
    counted: _Counted = {}
    parts = tuple(
        Part(name, _ops(nodes, functions, counted), _shape(nodes, used)) for name, nodes in groups
    )
    return Flow(body.title, parts, tuple(sorted(_arrows(groups))))


def _arrows(groups: List[_Group]) -> Set[Tuple[int, int]]:
    place = {node.name: index for index, (_, nodes) in enumerate(groups) for node in nodes}
    return {
        (place[source], index)
        for index, (_, nodes) in enumerate(groups)
        for node in nodes
        for source in map(node_of, node.data_inputs)
        if source in place and place[source] != index
    }


def _sorted(groups: List[_Group]) -> List[_Group]:
    """Each after those that it takes from, as far as no two take from each other."""
    needs: Dict[int, Set[int]] = {index: set() for index in range(len(groups))}
    for source, target in _arrows(groups):
        needs[target].add(source)
    found: List[int] = []
    while needs:
        ready = [index for index, sources in needs.items() if not sources]
        # Of those that take from one another, that which comes first.
        chosen = ready[0] if ready else min(needs)
        found.append(chosen)
        del needs[chosen]
        for sources in needs.values():
            sources.discard(chosen)
    return [groups[index] for index in found]


def _groups(order: List[Node]) -> List[_Group]:
    """The nodes by name scope, in the order in which data first comes to each."""
    # The last part of a name is that of the op.
    scopes = {node.name: node.name.split("/")[:-1] or node.name.split("/") for node in order}
    common = _common([scope for scope in scopes.values() if len(scope) > 1] or [[]])
    opened: Set[Tuple[str, ...]] = set()
    root = tuple(common)

    def key(node: Node) -> Tuple[str, ...]:
        scope = tuple(scopes[node.name])
        start = len(root) if scope[: len(root)] == root else 0
        taken = scope[: start + 1]
        while taken in opened and len(scope) > len(taken):
            taken = scope[: len(taken) + 1]
        return taken

    found = _by(order, key)
    for _ in range(_MOST_OPENED):
        closed = [
            (len(nodes), scope)
            for scope, nodes in found.items()
            if scope not in opened and len({tuple(scopes[node.name]) for node in nodes}) > 1
        ]
        if not closed or len(found) >= _ENOUGH:
            break
        opened.add(max(closed)[1])
        found = _by(order, key)
    start = len(root)
    return [
        ("/".join(scope[start:] if scope[:start] == root and len(scope) > start else scope), nodes)
        for scope, nodes in found.items()
    ]


def _common(scopes: List[List[str]]) -> List[str]:
    first, last = min(scopes), max(scopes)
    count = next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), len(first))
    # One that is all there is of a name stays.
    return first[: min(count, min(map(len, scopes)) - 1)] if scopes[0] else []


def _by(
    order: Iterable[Node], key: Callable[[Node], Tuple[str, ...]]
) -> Dict[Tuple[str, ...], List[Node]]:
    found: Dict[Tuple[str, ...], List[Node]] = {}
    for node in order:
        found.setdefault(key(node), []).append(node)
    return found


def _fewer(groups: List[_Group]) -> List[_Group]:
    """Puts what follows one another together where there is too much: blocks, else the least."""
    for short in (_block, _stage):
        if len(groups) > _MOST:
            groups = _put_together(groups, short)
    groups = list(groups)
    while len(groups) > _MOST:
        sizes = [len(nodes) for _, nodes in groups]
        i = min(range(len(groups) - 1), key=lambda i: sizes[i] + sizes[i + 1])
        (first, nodes), (second, others) = groups[i : i + 2]
        groups[i : i + 2] = [(_joined(first, second), nodes + others)]
    return groups


def _block(name: str) -> str:
    """The name of the block that a layer is of: block2a_… of block2a_bn."""
    start, line, _ = name.partition("_")
    return f"{start}_…" if line and any(map(str.isdigit, start)) else name


def _stage(name: str) -> str:
    """The name of the blocks that one is of: block2… of block2a_…"""
    return _LETTERED.sub("…", name) if name.endswith("_…") else name


def _put_together(groups: List[_Group], short: Callable[[str], str]) -> List[_Group]:
    found: List[_Group] = []
    for name, nodes in groups:
        if found and short(name) != name and short(found[-1][0]) in (short(name), name):
            found[-1] = (short(name), found[-1][1] + nodes)
        elif found and found[-1][0] == short(name):
            found[-1] = (found[-1][0], found[-1][1] + nodes)
        else:
            found.append((name, nodes))
    return found


def _joined(first: str, second: str) -> str:
    start, end = first.partition(" – ")[0], second.rpartition(" – ")[2]
    return start if start == end else f"{start} – {end}"


def _ops(
    nodes: List[Node], functions: Dict[str, Function], counted: _Counted
) -> Tuple[Tuple[str, int], ...]:
    counts = _ops_of(nodes, functions, counted)
    telling = {op: count for op, count in counts.items() if op not in _PLUMBING | _MINOR}
    shaping = {op: count for op, count in counts.items() if op in _SHAPING}
    ranked = sorted(
        (telling or shaping).items(), key=lambda pair: (not pair[0].startswith(_TELLING), -pair[1])
    )
    return tuple(ranked[:_MOST_OPS])


def _ops_of(
    nodes: Iterable[Node], functions: Dict[str, Function], counted: _Counted
) -> Counter[str]:
    """How many of each op there are, in the functions that are called as well.

    Args:
        counted: by name of a function, what was counted of it.
    """
    found: Counter[str] = Counter()
    for node in nodes:
        callees = _callees(node, functions)
        for name in callees:
            if name not in counted:
                # What calls itself counts once.
                counted[name] = Counter()
                counted[name] = _ops_of(functions[name].nodes.values(), functions, counted)
            found.update(counted[name])
        if not callees:
            found[node.op] += 1
    return found


def _shape(nodes: List[Node], used: Set[str]) -> str:
    """The shape of what the last node gives that others use, or of what the last one gives."""
    for node in [*(one for one in reversed(nodes) if one.name in used), *nodes[-1:]]:
        value = node.attribute("_output_shapes")
        shapes = value.message("list").messages("shape") if value is not None else []
        if shapes:
            shape = read_shape(shapes[0])
            if shape is None:
                continue
            return "×".join("?" if one is None else str(one) for one in shape) or "scalar"
    return ""
