"""Colocation constraints: which a module may have, and how they follow its inputs.

When a module is applied, its inputs and its state are replaced by tensors of
the graph around it. An op that had to be on the device of a replaced op y, by
``loc:@y`` in its attribute ``_class``, must then follow the replacement.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, Set, Tuple

import tensorflow as tf

from unihub.apis.module import compat
from unihub.apis.module.saved_model import op_name
from unihub.apis.module.variant import holds_state
from unihub.errors import UnihubError, listed

_PREFIX = b"loc:@"


class InputColocated(UnihubError, ValueError):
    """An input of a signature is colocated with another op."""

    code = "module-input-colocated"
    what = "the input {name} of the signature {signature} is colocated with another op."
    why = (
        "an input is replaced when the module is applied, and its constraint would be "
        "lost. ({op} has: {groups})"
    )
    do = (
        "with tf.compat.v1.colocate_with(None, ignore_existing=True): "
        "x = tf.compat.v1.placeholder(tf.float32, [None])  # with its dtype and shape"
    )


class StateColocated(UnihubError, ValueError):
    """A variable or table is colocated with an op that holds no state."""

    code = "module-state-colocated"
    what = "the state op {op} ({kind}) is colocated with an op that holds no state."
    why = (
        "state is created once and shared by all applications of the module, the other "
        "op is not. (found: {groups}; tags: {tags})"
    )
    do = (
        "with tf.compat.v1.colocate_with(None, ignore_existing=True): "
        "v = tf.compat.v1.get_variable('name', [1])  # with its name and shape"
    )


class ColocationAmbiguous(UnihubError, ValueError):
    """A colocation constraint has more than one meaning after inputs are replaced."""

    code = "module-colocation-ambiguous"
    what = "the colocation of {op} with {with_op} cannot be kept."
    why = (
        "{with_op} has several outputs, and they are replaced by tensors with different "
        "constraints. ({first}; {second})"
    )
    do = (
        "x = tf.compat.v1.placeholder(tf.float32)  # as the input of a module that is published "
        "anew: its op has a single output"
    )


@dataclass(frozen=True)
class _Replacement:
    """The fate of one output of an op, and the constraint that follows from it."""

    groups: Tuple[bytes, ...]
    reason: str


def check_input_colocation(signature: str, inputs: Mapping[str, Any]) -> None:
    """Raises InputColocated if an input must be where another op is."""
    for name, value in inputs.items():
        for tensor in tf.nest.flatten(value, expand_composites=True):
            groups = tensor.op.colocation_groups()
            if groups != [_group(tensor.op.name)]:
                raise InputColocated(
                    name=repr(name),
                    signature=repr(signature),
                    op=tensor.op.name,
                    groups=_groups_text(groups),
                )


def check_state_colocation(graph: tf.Graph, tags: str) -> None:
    """Raises StateColocated if a state op must be where an op without state is."""
    state_ops = [op for op in graph.get_operations() if holds_state(op.type)]
    allowed = {_group(op.name) for op in state_ops}
    for op in state_ops:
        groups = op.colocation_groups()
        if not allowed.issuperset(groups):
            raise StateColocated(op=op.name, kind=op.type, groups=_groups_text(groups), tags=tags)


def follow_replacements(
    graph: tf.Graph, scope: str, nodes: Sequence[Any], replaced: Mapping[str, tf.Tensor]
) -> None:
    """Rewrites the constraints of a graph that was just imported.

    Args:
        graph: where it was imported to.
        scope: the name scope under which it was imported, without a slash.
        nodes: the NodeDefs that were imported.
        replaced: from the name of each replaced tensor, without the scope, to
            the tensor that took its place.

    Raises:
        ColocationAmbiguous: if a constraint refers to an op whose outputs were
            replaced by tensors with different constraints, or only in part.
    """
    constrained = [node.name for node in nodes if "_class" in node.attr]
    if not constrained:
        return
    names = {node.name for node in nodes}
    replacements = _replacements(graph, scope, names, replaced)
    for name in constrained:
        op = graph.get_operation_by_name(f"{scope}/{name}")
        _follow(graph, op, replacements)


def _replacements(
    graph: tf.Graph, scope: str, names: Set[str], replaced: Mapping[str, tf.Tensor]
) -> Dict[bytes, List[_Replacement]]:
    """From the constraint ``loc:@y`` of each replaced op y to its replacements."""
    replacements: Dict[bytes, List[_Replacement]] = defaultdict(list)
    outputs: Dict[str, Set[str]] = defaultdict(set)
    for name, tensor in replaced.items():
        op = f"{scope}/{op_name(name)}"
        outputs[op_name(name)].add(f"{scope}/{name}")
        replacements[_group(op)].append(
            _Replacement(
                tuple(tensor.op.colocation_groups()),
                f"{scope}/{name} is replaced by {tensor.name}",
            )
        )
    for name in names.intersection(outputs):
        op = graph.get_operation_by_name(f"{scope}/{name}")
        kept = sorted({tensor.name for tensor in op.outputs} - outputs[name])
        if kept:
            replacements[_group(op.name)].append(
                _Replacement((_group(op.name),), f"{listed(kept)} is not replaced")
            )
    return replacements


def _follow(
    graph: tf.Graph, op: tf.Operation, replacements: Mapping[bytes, List[_Replacement]]
) -> None:
    others: List[bytes] = []
    groups: Set[bytes] = set()
    for value in op.get_attr("_class"):
        if not value.startswith(_PREFIX):
            others.append(value)
        elif value in replacements:
            groups.update(_agreed(op, value, replacements[value]))
        else:
            groups.add(value)
    # The C++ importer has set the device by the old constraint.
    device = _device(graph, sorted(groups)) if groups else None
    compat.set_colocation(op, others + sorted(groups), device)


def _agreed(
    op: tf.Operation, group: bytes, candidates: Sequence[_Replacement]
) -> Tuple[bytes, ...]:
    first = candidates[0]
    for other in candidates[1:]:
        if other.groups != first.groups:
            raise ColocationAmbiguous(
                op=op.name, with_op=_target(group), first=first.reason, second=other.reason
            )
    return first.groups


def _device(graph: tf.Graph, groups: Sequence[bytes]) -> str:
    devices = (graph.get_operation_by_name(_target(group)).device for group in groups)
    return next((device for device in devices if device), "")


def _group(name: str) -> bytes:
    return _PREFIX + name.encode()


def _target(group: bytes) -> str:
    return group[len(_PREFIX) :].decode()


def _groups_text(groups: Sequence[bytes]) -> str:
    return ", ".join(group.decode() for group in groups)
