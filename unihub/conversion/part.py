"""The part of a graph that one function is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Set, Tuple

import tensorflow as tf

from unihub.conversion import errors
from unihub.conversion.nodes import (
    PLACEHOLDERS,
    REFERENCE_VARIABLES,
    data_inputs,
    op_types,
    reach,
)
from unihub.conversion.partitions import Slice, read_as_slices
from unihub.conversion.references import on_resource_variables
from unihub.conversion.variant import Variant
from unihub.errors import listed
from unihub.inspection.convertible import refused_ops
from unihub.runtime.tensorflow import op_definition

TABLES = ("HashTableV2",)
_VARIABLES = ("VarHandleOp", *REFERENCE_VARIABLES)

# These make their own content wherever they are, out of their attributes.
_SELF_CONTAINED = ("SentencepieceOp",)
_RANDOM = ("Random", "Multinomial", "ParameterizedTruncatedNormal", "TruncatedNormal", "Stateful")
_SAMPLER = "CandidateSampler"
_WRITES = ("Assign", "Scatter", "ResourceScatter", "Apply", "ResourceApply")
_HANDLES = (tf.resource.as_datatype_enum, tf.variant.as_datatype_enum)


@dataclass(frozen=True)
class Place:
    """The place of a part in its model, for errors.

    Attributes:
        handle: of the model.
        signature: name of the signature, or what else it is.
    """

    handle: str
    signature: str


@dataclass(frozen=True)
class Part:
    """The makings of one function.

    Attributes:
        graph_def: the nodes to import and the functions they call.
        inputs: names of the tensors that are given, in order.
        outputs: names of the tensors that come out, in order.
        control_outputs: names of the ops that run in each call.
        state: names of the variables, tables and assets that it uses.
        undetermined: for each output, whether it draws random numbers, or
            reads a variable that the control outputs write at any time.
    """

    graph_def: Any
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    control_outputs: Tuple[str, ...]
    state: Tuple[str, ...]
    undetermined: Tuple[bool, ...]


def state_nodes(variant: Variant) -> Dict[str, Any]:
    """The nodes that stand for state which functions share, by name."""
    assets = variant.asset_paths
    return {
        name: node
        for name, node in variant.nodes.items()
        if node.op in _VARIABLES or node.op in TABLES or name in assets
    }


def extract(
    variant: Variant,
    inputs: Sequence[str],
    outputs: Sequence[str],
    control_outputs: Sequence[str],
    slices: Mapping[str, Slice],
    place: Place,
) -> Part:
    """Takes what outputs and ops depend on out of a graph.

    Args:
        variant: the graph.
        inputs: tensors that are given.
        outputs: tensors that are wanted.
        control_outputs: ops that are to run.
        slices: the parts of partitioned variables that are joined.
        place: for errors.

    Raises:
        UnihubError: one class per cause, where it cannot be converted.
    """
    ends = state_nodes(variant)
    fed = set(inputs)
    reached = reach(variant.nodes, [*outputs, *control_outputs], fed, ends)
    _check_ops(variant, reached.nodes, place)
    references = {
        name: tf.as_dtype(ends[name].attr["dtype"].type)
        for name in reached.ends
        if ends[name].op in REFERENCE_VARIABLES
    }
    rewritten = on_resource_variables(reached.nodes, references, fed, outputs)
    if rewritten.unsupported:
        raise errors.ReferenceVariableUse(
            handle=place.handle, signature=place.signature, ops=listed(rewritten.unsupported)
        )
    parts = {
        name: tf.as_dtype(ends[name].attr["dtype"].type) for name in reached.ends if name in slices
    }
    nodes, refused = read_as_slices(rewritten.nodes, parts)
    if refused:
        op, name = refused[0]
        raise errors.PartitionsNotJoined(
            handle=place.handle,
            variable=slices[name].full_name,
            reason=f"the op {op} works on one of them alone.",
        )
    graph_def = tf.compat.v1.GraphDef(versions=variant.graph_def.versions)
    graph_def.library.CopyFrom(variant.graph_def.library)
    graph_def.node.extend(nodes)
    return Part(
        graph_def,
        tuple(inputs),
        tuple(rewritten.renamed.get(name, name) for name in outputs),
        tuple(control_outputs),
        reached.ends,
        _undetermined(variant, outputs, control_outputs, fed),
    )


def draws_random_numbers(variant: Variant, roots: Iterable[str], fed: Set[str]) -> bool:
    """Whether what roots depend on differs from call to call."""
    reached = reach(variant.nodes, list(roots), fed, state_nodes(variant))
    return any(
        op.startswith(_RANDOM) or op.endswith(_SAMPLER)
        for op, _ in op_types(reached.nodes, variant.library)
    )


def _undetermined(
    variant: Variant, outputs: Sequence[str], control_outputs: Sequence[str], fed: Set[str]
) -> Tuple[bool, ...]:
    ends = state_nodes(variant)
    updates = reach(variant.nodes, control_outputs, fed, ends)
    written = {
        name.partition(":")[0]
        for node in updates.nodes
        if node.op.startswith(_WRITES)
        for name in data_inputs(node)[:1]
    }
    return tuple(
        draws_random_numbers(variant, [name], fed)
        or not written.isdisjoint(reach(variant.nodes, [name], fed, ends).ends)
        for name in outputs
    )


def missing_inputs(variant: Variant, roots: Iterable[str], fed: Set[str]) -> Dict[str, List[str]]:
    """The placeholders without a value that roots depend on, by root."""
    ends = state_nodes(variant)
    found: Dict[str, List[str]] = {}
    for root in roots:
        reached = reach(variant.nodes, [root], fed, ends)
        names = [
            node.name
            for node in reached.nodes
            if node.op in PLACEHOLDERS and f"{node.name}:0" not in fed
        ]
        if names:
            found[root] = names
    return found


def _check_ops(variant: Variant, nodes: Sequence[Any], place: Place) -> None:
    used = list(op_types(nodes, variant.library))
    facts = {"handle": place.handle, "signature": place.signature}
    refusal = refused_ops(place.handle, place.signature, variant.tags, used)
    if refusal is not None:
        raise refusal
    state = [f"{node.name} ({node.op})" for node in nodes if _is_other_state(node)]
    if state:
        raise errors.StateNotSupported(ops=listed(state), **facts)


def _is_other_state(node: Any) -> bool:
    """Whether a node is the source of a resource or reference that is not known."""
    definition = op_definition(node.op)
    if definition is None or not definition.is_stateful or node.op in _SELF_CONTAINED:
        return False
    return not data_inputs(node) and any(
        argument.is_ref or argument.type in _HANDLES for argument in definition.output_arg
    )
