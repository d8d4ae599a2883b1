"""Partitioned variables: the parts joined, and their reads turned into slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Sequence, Tuple

import numpy as np

from unihub.conversion.nodes import attribute, data_inputs

# What may be asked of a part: from the op on a resource to that on its value,
# with the attributes that the latter has, by their name in the former.
_ON_VALUES: Dict[str, Tuple[str, Dict[str, str]]] = {
    "ReadVariableOp": ("Identity", {"T": "dtype"}),
    "ResourceGather": (
        "Gather",
        {"Tparams": "dtype", "Tindices": "Tindices", "validate_indices": "validate_indices"},
    ),
    "ResourceGatherNd": ("GatherNd", {"Tparams": "dtype", "Tindices": "Tindices"}),
    "VariableShape": ("Shape", {"out_type": "out_type"}),
}


@dataclass(frozen=True)
class Slice:
    """Where a part is in the whole.

    Attributes:
        name: of the part's op.
        full_name: of the whole variable.
        full_shape, offset, size: by axis.
    """

    name: str
    full_name: str
    full_shape: Tuple[int, ...]
    offset: Tuple[int, ...]
    size: Tuple[int, ...]

    @property
    def where(self) -> Tuple[slice, ...]:
        """The part as an index into the whole."""
        return tuple(slice(start, start + n) for start, n in zip(self.offset, self.size))


def gaps(parts: Sequence[Slice]) -> str:
    """Why parts do not make a whole; empty if they do."""
    shape = parts[0].full_shape
    if any(part.full_shape != shape for part in parts):
        return "they disagree on the shape of the whole."
    covered = np.zeros(shape, np.int8)
    for part in parts:
        covered[part.where] += 1
    if np.any(covered > 1):
        return "they overlap."
    return "" if np.all(covered) else "they leave gaps."


def joined(parts: Sequence[Slice], values: Iterable[np.ndarray]) -> np.ndarray:
    """The value of the whole."""
    values = list(values)
    whole = np.zeros(parts[0].full_shape, values[0].dtype)
    for part, value in zip(parts, values):
        whole[part.where] = value
    return whole


def read_as_slices(
    nodes: Iterable[Any], parts: Dict[str, Any]
) -> Tuple[List[Any], List[Tuple[str, str]]]:
    """Makes the ops on parts take their values in the place of their resources.

    Args:
        nodes: the NodeDefs, on resource variables.
        parts: dtypes of the parts by name.

    Returns:
        The NodeDefs, in which a part's name stands for its value; and the ops
        that need more than its value, each with the part's name.
    """
    done: List[Any] = []
    refused: List[Tuple[str, str]] = []
    for node in nodes:
        used = [name for name in data_inputs(node) if name.partition(":")[0] in parts]
        if used and (node.op not in _ON_VALUES or node.attr["batch_dims"].i):
            refused.append((f"{node.name} ({node.op})", used[0].partition(":")[0]))
        elif used:
            node = _on_value(node, parts[used[0].partition(":")[0]])
        done.append(node)
    return done, refused


def _on_value(node: Any, dtype: Any) -> Any:
    op, attributes = _ON_VALUES[node.op]
    changed = type(node)(name=node.name, op=op, input=list(node.input))
    for name, former in attributes.items():
        if former in node.attr:
            changed.attr[name].CopyFrom(node.attr[former])
    if op == "Shape":
        changed.attr["T"].CopyFrom(attribute(dtype))
    return changed
