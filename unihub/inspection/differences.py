"""What differs between two models: signatures, callables, variables, values, ops, assets."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Tuple

from unihub.errors import counted, printable, size
from unihub.formats.files import CHECKPOINT
from unihub.inspection import plain
from unihub.inspection.checkpoint import checksums
from unihub.inspection.facts import MetaGraphInfo, ModelFacts, SignatureInfo

_MOST = 20


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
    """

    first: str
    second: str
    changes: Mapping[str, Tuple[Change, ...]]

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
        return printable("\n".join(lines), keep="\n")

    def as_json(self) -> Any:
        """As dicts and lists for `json.dumps`."""
        changes = {
            subject: [change._asdict() for change in found]
            for subject, found in self.changes.items()
        }
        return {"first": self.first, "second": self.second, "changes": changes}


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
    both = [tags for tags in graphs[0] if tags in graphs[1]]
    for subject, describe in _SUBJECTS.items():
        found: List[Change] = []
        for tags in both:
            mine, other = (describe(side[tags]) for side in graphs)
            where = f"{list(tags)} " if len(both) > 1 else ""
            found += [Change(one.mark, where + one.text) for one in _of_texts(mine, other)]
        changes[subject] = tuple(found)
    shared, others = _of_values(first.path, second.path)
    if shared:
        changes[f"values of the {counted(shared, 'tensor')} of one name"] = others
    return Differences(first.handle, second.handle, changes)


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
