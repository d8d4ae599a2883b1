"""Applying a signature: the graph of the module once more, around given tensors.

A function (tf.function, tf.data, v2 control flow, TPU) runs all ops of its graph that have
side effects. So its graph may hold no more of a module than what the outputs depend on,
above all no initializers.
"""

from __future__ import annotations

import logging
from typing import Any, Dict, Iterator, List, Mapping, Optional, Set, Tuple

import tensorflow as tf

from unihub.apis.module import compat
from unihub.apis.module.colocation import follow_replacements
from unihub.apis.module.errors import CollectionsInFunction
from unihub.apis.module.state import ModuleState
from unihub.apis.module.tensors import bind_inputs, collect_outputs, component_names
from unihub.apis.module.variant import GraphVariant, scoped_shared_names, split_scope
from unihub.errors import UnihubError, listed

_log = logging.getLogger(__name__)

_KEYS = tf.compat.v1.GraphKeys

# The paths of assets are imported anew each time, and may be used by any op.
_COLLECTIONS = (_KEYS.ASSET_FILEPATHS, _KEYS.COND_CONTEXT, _KEYS.WHILE_CONTEXT)
_COLLECTIONS_IF_TRAINABLE = (_KEYS.UPDATE_OPS,)

# The attribute of nodes that tells the shapes of their outputs.
_TOLD_SHAPES = "_output_shapes"
_V1_CONTROL_FLOW_OPS = frozenset(("Switch", "RefSwitch", "Enter", "RefEnter"))


def apply_signature(
    variant: GraphVariant,
    signature: str,
    inputs: Mapping[str, Any],
    state: ModuleState,
    trainable: bool,
    name: str,
) -> Dict[str, Any]:
    """Imports a graph variant with its inputs and its state replaced.

    Args:
        variant: the graph to import.
        signature: which inputs to replace and which outputs to return.
        inputs: tensors that fit the signature's inputs, by name.
        state: the state to share.
        trainable: whether to fill UPDATE_OPS.
        name: the name scope to import under; a number is added if it is in use.

    Returns:
        The outputs by name.

    Raises:
        MistypedSignature: if an input of the graph has another dtype than the signature says.
        ColocationAmbiguous: if a colocation constraint cannot be kept.
        CollectionsInFunction: if the module has collections and is applied in
            a function's graph that does not hold its state.
    """
    graph = tf.compat.v1.get_default_graph()
    definition = variant.signature(signature)
    bound = bind_inputs(definition.inputs, inputs)
    _check_signature(variant, signature, bound)
    if graph is state.graph:
        part = variant.part(_COLLECTIONS + (_COLLECTIONS_IF_TRAINABLE if trainable else ()))
        if graph.building_function:
            _warn_of_unpruned_function(graph)
    else:
        part = _reachable_part(variant, definition, trainable)
        bound = _of_nodes(part, bound)
    hidden = _hide_state(part, state.tensors)
    replaced = {
        key: compat.add_to_control_flow(graph, _captured(graph, value))
        for key, value in sorted({**hidden, **bound}.items())
    }
    scope = _imported(part, replaced, name)
    follow_replacements(graph, scope, part.graph_def.node, replaced)

    def tensor_named(tensor_name: str) -> tf.Tensor:
        if tensor_name in replaced:
            return replaced[tensor_name]
        return graph.get_tensor_by_name(f"{scope}/{tensor_name}")

    return collect_outputs(definition.outputs, tensor_named)


def _check_signature(variant: GraphVariant, signature: str, bound: Mapping[str, Any]) -> None:
    """Raises MistypedSignature where a signature does not fit its graph."""
    nodes = {node.name: node for node in variant.graph_def.node}
    definition = variant.signature(signature)
    for kind, tensors in (("input", definition.inputs), ("output", definition.outputs)):
        for key, info in tensors.items():
            node, tensor = nodes.get(info.name.rpartition(":")[0]), bound.get(info.name)
            if node is None and info.name:
                raise _mistyped(signature, kind, key, info.name)
            if node is None or tensor is None or not node.op.startswith("Placeholder"):
                continue
            declared, actual = tensor.dtype.base_dtype, tf.as_dtype(node.attr["dtype"].type)
            if declared != actual:
                raise _mistyped(signature, kind, key, info.name, (declared.name, actual.name))


def _mistyped(
    signature: str, kind: str, key: str, tensor: str, dtypes: Optional[Tuple[str, str]] = None
) -> UnihubError:
    # Imported only here, for few models are wrong.
    from unihub.inspection.graph_facts import absent, other_dtype
    from unihub.inspection.judge import MistypedSignature

    return MistypedSignature(
        handle="the module",
        signature=signature,
        kind=kind,
        key=key,
        difference=other_dtype(tensor, *dtypes) if dtypes else absent(tensor),
        remedy="m.get_signature_names()  # for another one",
    )


def is_inside(graph: tf.Graph, outer: tf.Graph) -> bool:
    """Whether a graph is the other one, or a function's graph built within it."""
    while graph is not None and graph is not outer:
        graph = getattr(graph, "outer_graph", None)
    return graph is outer


def _imported(part: Any, replaced: Mapping[str, tf.Tensor], name: str) -> str:
    """Imports a MetaGraphDef and returns the absolute scope where it is."""
    scope: str = tf.compat.v1.get_default_graph().unique_name(name, mark_as_used=False)
    scoped_shared_names(part, scope)
    try:
        _import(part, replaced, scope)
    except ValueError as error:
        if _TOLD_SHAPES not in str(error):
            raise
        # What was computed from other inputs than those that the signature takes.
        for node in part.graph_def.node:
            node.attr.pop(_TOLD_SHAPES, None)
        scope = tf.compat.v1.get_default_graph().unique_name(name, mark_as_used=False)
        _import(part, replaced, scope)
    return scope


def _import(part: Any, replaced: Mapping[str, tf.Tensor], scope: str) -> None:
    tf.compat.v1.train.import_meta_graph(
        part, input_map=dict(replaced), import_scope=split_scope(scope)[1]
    )


def _hide_state(part: Any, tensors: Mapping[str, tf.Tensor]) -> Dict[str, tf.Tensor]:
    """Turns the state ops into placeholders.

    All uses of them are replaced. Left as they are, they would be taken for
    state when a graph with an applied module is made a module itself.

    Returns:
        The state tensors that the graph uses, by their names in the module.
    """
    hidden = {}
    for node in part.graph_def.node:
        tensor_name = f"{node.name}:0"
        if tensor_name in tensors:
            hidden[tensor_name] = tensors[tensor_name]
            node.op = "Placeholder"
            node.attr.clear()
            node.attr["dtype"].type = tf.resource.as_datatype_enum
    return hidden


def _of_nodes(part: Any, tensors: Mapping[str, tf.Tensor]) -> Dict[str, tf.Tensor]:
    names: Set[str] = {node.name for node in part.graph_def.node}
    return {key: value for key, value in tensors.items() if key.rpartition(":")[0] in names}


def _warn_of_unpruned_function(graph: tf.Graph) -> None:
    _log.warning(
        "A Module is applied while the function %s is built. All its ops, the initializers of "
        "its variables among them, run whenever the function is called, unless it is pruned.",
        graph.name,
    )


def _captured(graph: tf.Graph, tensor: tf.Tensor) -> tf.Tensor:
    """The tensor as a function's graph sees it."""
    if tensor.graph is graph or not graph.building_function:
        return tensor
    return graph.capture(tensor)


def _reachable_part(variant: GraphVariant, signature: Any, trainable: bool) -> Any:
    """The MetaGraphDef of what the outputs of a signature depend on.

    It has no collections: those of a function's graph reach nobody.

    Raises:
        CollectionsInFunction: if the module does not work without them.
    """
    nodes = _reachable_nodes(variant.graph_def, signature)
    needed = [_KEYS.UPDATE_OPS] if trainable else []
    if any(node.op in _V1_CONTROL_FLOW_OPS for node in nodes):
        needed += [_KEYS.COND_CONTEXT, _KEYS.WHILE_CONTEXT]
    found = [key for key in needed if key in variant.meta_graph.collection_def]
    if found:
        raise CollectionsInFunction(collections=listed(found))
    return variant.part((), nodes)


def _reachable_nodes(graph_def: Any, signature: Any) -> List[Any]:
    nodes = {node.name: node for node in graph_def.node}
    todo = [
        name.rpartition(":")[0]
        for info in signature.outputs.values()
        for name in component_names(info)
    ]
    reached: Set[str] = set()
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo.extend(_needed_by(nodes[name]))
    return [node for node in graph_def.node if node.name in reached]


def _needed_by(node: Any) -> Iterator[str]:
    for name in node.input:
        yield name.lstrip("^").partition(":")[0]
    if "_class" in node.attr:
        for group in node.attr["_class"].list.s:
            prefix, _, target = tf.compat.as_str_any(group).partition("loc:@")
            if target and not prefix:
                yield target
