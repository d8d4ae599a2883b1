"""Reference variables turned into resource variables, within a part of a graph.

A reference is read by whatever op takes it; a resource is read by an op of its
own. The reads keep the order that the graph prescribes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Container, Dict, List, Optional, Sequence, Set, Tuple

from unihub.conversion.nodes import (
    attribute,
    control_inputs,
    data_inputs,
    node_def,
    node_name,
    reference_inputs,
)
from unihub.runtime.tensorflow import op_definition

# From ops on references to those on resources, with the attribute that is the dtype.
_ON_RESOURCES = {
    "Assign": ("AssignVariableOp", "dtype"),
    "AssignAdd": ("AssignAddVariableOp", "dtype"),
    "AssignSub": ("AssignSubVariableOp", "dtype"),
    **{
        f"Scatter{kind}": (f"ResourceScatter{kind}", "dtype")
        for kind in ("Update", "Add", "Sub", "Mul", "Div", "Min", "Max")
    },
    **{f"ScatterNd{kind}": (f"ResourceScatterNd{kind}", "T") for kind in ("Update", "Add", "Sub")},
}
_IS_INITIALIZED = ("IsVariableInitialized", "VarIsInitializedOp")

# By variable: its dtype.
Variables = Dict[str, Any]


@dataclass(frozen=True)
class Rewritten:
    """A part of a graph on resource variables.

    Attributes:
        nodes: the NodeDefs.
        renamed: from tensors of before to those that stand for them.
        unsupported: descriptions of the ops that have no resource counterpart.
    """

    nodes: Tuple[Any, ...]
    renamed: Dict[str, str]
    unsupported: Tuple[str, ...]


def on_resource_variables(
    nodes: Sequence[Any], variables: Variables, fed: Container[str], fetched: Sequence[str]
) -> Rewritten:
    """Rewrites a part of a graph that works on reference variables.

    Args:
        nodes: the NodeDefs of the part; the variables themselves are not among them.
        variables: dtypes of the reference variables by name.
        fed: tensors that are given.
        fetched: tensors that are wanted; references among them are read.
    """
    if not variables:
        return Rewritten(tuple(nodes), {}, ())
    return _Rewriting(nodes, variables, fed).run(fetched)


class _Rewriting:
    def __init__(self, nodes: Sequence[Any], variables: Variables, fed: Container[str]) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._variables = variables
        self._fed = fed
        self._added: Dict[str, Any] = {}
        self._unsupported: List[str] = []
        self._written = self._written_variables()

    def run(self, fetched: Sequence[str]) -> Rewritten:
        done = [self._rewritten(node) for node in self._nodes.values()]
        renamed = {}
        for name in fetched:
            source = self._source(name)
            if source is not None:
                renamed[name] = f"{self._read(source, name.replace(':', '_'), ())}:0"
        nodes = (*done, *self._added.values())
        return Rewritten(nodes, renamed, tuple(self._unsupported))

    def _source(self, tensor: str) -> Optional[Tuple[str, List[str]]]:
        """The variable that a tensor refers to, and the writes it comes after."""
        name, _, index = tensor.partition(":")
        if name in self._variables:
            return name, []
        node = self._nodes.get(name)
        if node is None or tensor in self._fed or node.op not in _ON_RESOURCES or index != "0":
            return None
        source = self._source(data_inputs(node)[0])
        return None if source is None else (source[0], [*source[1], name])

    def _written_variables(self) -> Set[str]:
        found = set()
        for name, node in self._nodes.items():
            source = self._source(f"{name}:0")
            if source is not None and node.op in _ON_RESOURCES:
                found.add(source[0])
        return found

    def _rewritten(self, node: Any) -> Any:
        sources = [self._source(name) for name in data_inputs(node)]
        if not any(sources):
            return node
        kept = type(node)()
        kept.CopyFrom(node)
        flags = reference_inputs(node) or [False] * len(sources)
        inputs: List[str] = []
        waits: List[str] = control_inputs(node)
        for place, (source, by_reference) in enumerate(zip(sources, flags)):
            if source is None:
                inputs.append(node.input[place])
            elif by_reference:
                inputs.append(source[0])
                waits += source[1]
            else:
                inputs.append(self._read(source, f"{node.name}_{place}", self._before(node)))
        kept.input[:] = [*inputs, *(f"^{name}" for name in dict.fromkeys(waits))]
        if any(flag and source for flag, source in zip(flags, sources)):
            self._retype(kept)
        return kept

    def _before(self, node: Any) -> List[str]:
        """All that comes before a node reads its references: whatever else it takes."""
        names = [node_name(name) for name in data_inputs(node) if name not in self._fed]
        return [name for name in (*names, *control_inputs(node)) if name in self._nodes]

    def _retype(self, node: Any) -> None:
        if node.op == _IS_INITIALIZED[0]:
            node.op = _IS_INITIALIZED[1]
            del node.attr["dtype"]
            return
        if node.op not in _ON_RESOURCES:
            self._unsupported.append(f"{node.name} ({node.op})")
            return
        dtype = node.attr["T"]
        node.op, dtype_attribute = _ON_RESOURCES[node.op]
        known = {one.name for one in op_definition(node.op).attr}  # type: ignore[union-attr]
        node.attr[dtype_attribute].CopyFrom(dtype)
        for name in [one for one in node.attr if one not in known]:
            del node.attr[name]
        # A reference may be given another shape; a resource variable here may not.
        node.attr.pop("validate_shape", None)

    def _read(self, source: Tuple[str, List[str]], reader: str, before: Sequence[str]) -> str:
        variable, writes = source
        waits = list(dict.fromkeys([*writes, *before])) if variable in self._written else []
        name = f"{variable}/read_for/{reader}" if waits else f"{variable}/read_as_resource"
        if name not in self._added:
            inputs = [variable, *(f"^{one}" for one in waits)]
            dtype = attribute(self._variables[variable])
            self._added[name] = node_def(name, "ReadVariableOp", inputs, dtype=dtype)
        return name
