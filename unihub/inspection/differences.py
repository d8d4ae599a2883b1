"""Differences between two models: signatures, callables, variables, values, ops, assets."""

from __future__ import annotations

import filecmp
import os
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Sequence,
    Tuple,
)

from unihub.errors import counted, printable, size
from unihub.formats.files import CHECKPOINT, PB_FILE, PBTXT_FILE
from unihub.inspection import plain
from unihub.inspection.checkpoint import checksums
from unihub.inspection.facts import MetaGraphInfo, ModelFacts, SignatureInfo

_MOST = 20
_NOT_COMPARED = "not compared: constants, and how ops are joined: the files of the graphs differ"


class Change(NamedTuple):
    """One difference.

    Attributes:
        mark: "+" for what only the second model has, "-" for the first, "~" for what
            differs.
        text: what it is, with both sides where it differs.
    """

    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.mark} {self.text}"


class Differences(NamedTuple):
    """The differences of two models, by subject; an empty subject is the same in both.

    Attributes:
        first, second: their handles.
        changes: by subject.
        one_graph: whether their files of graphs are the same, byte for byte. Where they are
            not, the graphs may differ in what no subject tells: in constants, and in which
            op takes what of which.
    """

    first: str
    second: str
    changes: Mapping[str, Tuple[Change, ...]]
    one_graph: bool

    def __str__(self) -> str:
        lines = [f"- {self.first}", f"+ {self.second}"]
        for subject, changes in self.changes.items():
            if changes:
                lines.append(f"{subject}: {counted(len(changes), 'difference')}")
                lines += [f"  {change}" for change in changes[:_MOST]]
                rest = len(changes) - _MOST
                lines += [f"  and {rest} more (--json has all)"] if rest > 0 else []
        same = [subject for subject, changes in self.changes.items() if not changes]
        lines += [f"the same: {', '.join(same)}"] if same else []
        if not self.one_graph:
            lines.append(_NOT_COMPARED)
        return printable("\n".join(lines), keep="\n")

    def as_json(self) -> Any:
        """As dicts and lists for `json.dumps`."""
        changes = {
            subject: [change._asdict() for change in found]
            for subject, found in self.changes.items()
        }
        return {
            "first": self.first,
            "second": self.second,
            "changes": changes,
            "one_graph": self.one_graph,
        }


def differences(first: ModelFacts, second: ModelFacts) -> Differences:
    """Compares what two models' files say; values of weights by the checksums of the files.

    Args:
        first, second: what `unihub.inspect` told of them.

    Example:
        >>> print(differences(unihub.inspect("model/1"), unihub.inspect("model/2")))
    """
    graphs = [{graph.tags: graph for graph in info.meta_graphs} for info in (first, second)]
    changes: Dict[str, Tuple[Change, ...]] = {
        "format": _of_texts(_whole(first), _whole(second)),
        "MetaGraphs": _of_texts(*({str(list(tags)): "" for tags in side} for side in graphs)),
    }
    pairs = _pairs(first.meta_graphs, second.meta_graphs)
    for subject, describe in _SUBJECTS.items():
        found: List[Change] = []
        for graph, partner in pairs:
            where = f"{list(graph.tags)} " if len(pairs) > 1 else ""
            of_pair = _of_texts(describe(graph), describe(partner))
            found += [Change(one.mark, where + one.text) for one in of_pair]
        changes[subject] = tuple(found)
    shared, others = _of_values(first.path, second.path)
    if shared:
        changes[f"values of the {counted(shared, 'tensor')} of one name"] = others
    return Differences(first.handle, second.handle, changes, _is_one_graph(first.path, second.path))


def _pairs(
    mine: Sequence[MetaGraphInfo], others: Sequence[MetaGraphInfo]
) -> List[Tuple[MetaGraphInfo, MetaGraphInfo]]:
    """The MetaGraphs to compare: those of the same tags, then the rest, inference first."""
    by_tags = {graph.tags: graph for graph in others}
    pairs = [(graph, by_tags[graph.tags]) for graph in mine if graph.tags in by_tags]
    shared = {graph.tags for graph, _ in pairs}
    left, right = (
        sorted((one for one in side if one.tags not in shared), key=lambda one: "train" in one.tags)
        for side in (mine, others)
    )
    return pairs + list(zip(left, right))


def _is_one_graph(mine: str, other: str) -> bool:
    mine, other = (
        next(filter(os.path.exists, (os.path.join(path, name) for name in (PB_FILE, PBTXT_FILE))))
        for path in (mine, other)
    )
    return filecmp.cmp(mine, other, shallow=False)


def _whole(info: ModelFacts) -> Dict[str, str]:
    written = info.tensorflow_version or "an unknown release"
    return {"format": info.format.label, "written by TensorFlow": written, "size": size(info.bytes)}


def _of_texts(mine: Mapping[str, str], other: Mapping[str, str]) -> Tuple[Change, ...]:
    """The differences of two mappings from a name to what is said of it."""
    return tuple(_compared(mine, other))


def _compared(mine: Mapping[str, str], other: Mapping[str, str]) -> Iterator[Change]:
    for name in [*mine, *(name for name in other if name not in mine)]:
        if name not in other:
            yield Change("-", _said(name, mine[name]))
        elif name not in mine:
            yield Change("+", _said(name, other[name]))
        elif mine[name] != other[name]:
            yield Change("~", f"{name}: {mine[name]} → {other[name]}")


def _said(name: str, text: str) -> str:
    return f"{name}: {text}" if text else name


def _signatures(graph: MetaGraphInfo) -> Dict[str, str]:
    return {signature.name: _signature(signature) for signature in graph.signatures}


def _signature(signature: SignatureInfo) -> str:
    sides = (
        ", ".join(f"{name}: {info}" for name, info in tensors.items())
        for tensors in (signature.inputs, signature.outputs)
    )
    return "({}) -> {{{}}}".format(*sides)


def _callables(graph: MetaGraphInfo) -> Dict[str, str]:
    own = {
        str(target): "takes " + " or ".join(plain.accepted_lines(target))
        for target in graph.callables
    }
    return {**own, **{f"m.{path}": "" for path in graph.sub_objects}}


def _variables(graph: MetaGraphInfo) -> Dict[str, str]:
    return {variable.name: plain.variable_text(variable) for variable in graph.variables}


def _names(found: Iterable[str]) -> Dict[str, str]:
    return dict.fromkeys(found, "")


_SUBJECTS: Mapping[str, Callable[[MetaGraphInfo], Dict[str, str]]] = {
    "signatures": _signatures,
    "callables": _callables,
    "variables": _variables,
    "ops": lambda graph: _names(graph.ops),
    "assets": lambda graph: {
        asset.name: "missing" if asset.bytes is None else f"{asset.bytes:,} bytes"
        for asset in graph.assets
    },
}


def _of_values(mine: str, other: str) -> Tuple[int, Tuple[Change, ...]]:
    """How many tensors both checkpoints have, and which hold other values, by checksums."""
    sides = [checksums(os.path.join(path, CHECKPOINT)) for path in (mine, other)]
    shared = [name for name in sides[0] if name in sides[1]]
    changed = [name for name in shared if sides[0][name] != sides[1][name]]
    return len(shared), tuple(Change("~", name) for name in changed)
