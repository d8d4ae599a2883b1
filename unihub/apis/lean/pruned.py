"""Part of a TF2 SavedModel by TensorFlow's own loader, without the rest.

Gradients and tf.function need TensorFlow's own functions and variables. A
SavedModel that holds no more than one signature's part of the object graph, or that
of the __call__ or of losses, is written and loaded; its variables take their values from those
loaded before.
"""

from __future__ import annotations

import collections
import os
import tempfile
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Sequence, Set

import tensorflow as tf

from unihub.apis.lean import verbatim
from unihub.apis.lean.calls import CALL, call_function
from unihub.apis.lean.files import read_values
from unihub.apis.lean.objects import captures_of, check_only_variables, child_ids, concrete_function
from unihub.apis.lean.plan import Declined, Part, Pruned, Variable
from unihub.apis.lean.private import SavedModel, load_around

_ROOT, _FIRST = 0, 1
_SIGNATURES = "signatures"


def load_pruned(
    meta_graph: Any,
    content: bytes,
    prefix: str,
    part: Part,
    known: Mapping[int, Any],
    read: Callable[[Sequence[Variable]], Sequence[Any]],
) -> Pruned:
    """Loads part of a model.

    Args:
        meta_graph: the MetaGraphDef of the model.
        content: of its file.
        prefix: of its checkpoint.
        part: that is wanted.
        known: tf.Variables that are there already, by place in the object graph.
        read: gives the values of others.

    Raises:
        Declined: it needs more than variables and constants.
    """
    objects = meta_graph.object_graph_def
    names = _closure(meta_graph.graph_def.library, _roots(objects, part))
    kept = _captured(objects, names)
    places = [place for place in kept if objects.nodes[place].WhichOneof("kind") == "variable"]
    paths = _paths(objects, places)
    new = [place for place in places if place not in known]
    captures: Sequence[Any] = captures_of(meta_graph, new, prefix)
    values = dict(zip(new, read(captures)))
    given = {f"root.{_attribute(place)}": known[place] for place in places if place in known}
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "saved_model.pb"), "wb") as file:
            pruned = _pruned(meta_graph, part, names, kept)
            file.write(verbatim.serialized(pruned, verbatim.structures(content)))
        options = tf.saved_model.LoadOptions(experimental_skip_checkpoint=True)
        root = load_around(folder, None, given, options)["root"]
    for place in new:
        variable = getattr(root, _attribute(place))
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=values[place])
    return Pruned(
        root=root,
        function=_function(root, part),
        variables={place: getattr(root, _attribute(place)) for place in places},
        paths=paths,
    )


def load_rest(
    path: str,
    tags: Sequence[str],
    meta_graph: Any,
    prefix: str,
    known: Mapping[int, Any],
) -> Any:
    """Loads the whole model around variables that are there already, and lets these be.

    Args:
        path: folder of the model.
        tags: of its MetaGraph.
        meta_graph: the MetaGraphDef.
        prefix: of its checkpoint.
        known: tf.Variables, by place in the object graph.

    Returns:
        What tf.saved_model.load gives.

    Raises:
        Declined: its checkpoint holds more than variables.
    """
    objects = meta_graph.object_graph_def
    places = [p for p, node in enumerate(objects.nodes) if node.WhichOneof("kind") == "variable"]
    check_only_variables(prefix, len(places))
    new = [place for place in places if place not in known]
    captures: Sequence[Any] = captures_of(meta_graph, new, prefix)
    paths = _paths(objects, places)
    values = read_values(captures, prefix)
    # TensorFlow would restore those that are given as well.
    options = tf.saved_model.LoadOptions(experimental_skip_checkpoint=True)
    loaded = load_around(path, tags, {paths[place]: known.get(place) for place in places}, options)
    for place, value in zip(new, values):
        tf.raw_ops.AssignVariableOp(resource=loaded[paths[place]].handle, value=value)
    return loaded["root"]


def _roots(objects: Any, part: Part) -> List[str]:
    """Names of the functions that are asked for by themselves."""
    if part.signature is not None:
        return [concrete_function(objects, part.signature)]
    if part.losses:
        functions = [objects.nodes[place].function for place in part.losses]
    else:
        functions = [call_function(objects)]
    return list(part.traces or (name for f in functions for name in f.concrete_functions))


def _function(root: Any, part: Part) -> Any:
    if part.signature is not None:
        return root.signatures[part.signature]
    if part.losses:
        return [getattr(root, _loss(place)) for place in part.losses]
    return root.__call__


def _closure(library: Any, roots: Iterable[str]) -> List[str]:
    """Names of functions, of all they call, and of their gradients."""
    functions = {function.signature.name: function for function in library.function}
    gradients = {
        gradient.registered_op_type.encode(): gradient.gradient_func
        for gradient in library.registered_gradients
    }
    names, waiting = dict.fromkeys(roots), list(roots)
    while waiting:
        for node in functions[waiting.pop()].node_def:
            for other in _references(node, functions, gradients):
                if other not in names:
                    names[other] = None
                    waiting.append(other)
    return list(names)


def _references(
    node: Any, functions: Mapping[str, Any], gradients: Mapping[bytes, str]
) -> Iterator[str]:
    if node.op in functions:
        yield node.op
    for name, value in node.attr.items():
        kind = value.WhichOneof("value")
        called = [value.func] if kind == "func" else value.list.func if kind == "list" else ()
        for function in called:
            if function.name not in functions:
                raise Declined(f"the function {function.name} is missing")
            yield function.name
        if name == "_gradient_op_type" and value.s in gradients:
            yield gradients[value.s]


def _captured(objects: Any, names: Sequence[str]) -> List[int]:
    """Places of what functions capture."""
    places: Dict[int, None] = {}
    for name in names:
        if name in objects.concrete_functions:
            places.update(dict.fromkeys(objects.concrete_functions[name].bound_inputs))
    known = set(names)
    for place in places:
        node = objects.nodes[place]
        kind = node.WhichOneof("kind")
        # A gradient captures tensors of the function that it is of.
        if kind == "captured_tensor" and node.captured_tensor.concrete_function in known:
            continue
        if kind not in ("variable", "constant"):
            raise Declined(f"a function captures {kind}")
    # The variables are made, and later listed, in this order, as those of the whole are.
    return sorted(places)


def check_paths(objects: Any, wanted: Iterable[int]) -> None:
    """Checks that variables are reached from the root by plain names.

    Raises:
        Declined: one is not.
    """
    _paths(objects, wanted)


def _paths(objects: Any, wanted: Iterable[int]) -> Dict[int, str]:
    """The shortest path from the root to each of some places."""
    paths = {0: "root"}
    waiting = collections.deque([0])
    while waiting:
        place = waiting.popleft()
        for child in objects.nodes[place].children:
            # TensorFlow takes paths apart at their dots.
            if child.node_id not in paths and "." not in child.local_name:
                paths[child.node_id] = f"{paths[place]}.{child.local_name}"
                waiting.append(child.node_id)
    try:
        return {place: paths[place] for place in wanted}
    except KeyError:
        raise Declined("a variable has no path of plain names") from None


def _pruned(meta_graph: Any, part: Part, names: List[str], kept: List[int]) -> Any:
    saved_model = SavedModel(saved_model_schema_version=1)
    pruned = saved_model.meta_graphs.add()
    pruned.meta_info_def.tags.extend(meta_graph.meta_info_def.tags)
    _copy_functions(meta_graph, pruned, set(names))
    objects, kept_objects = meta_graph.object_graph_def, pruned.object_graph_def
    root = kept_objects.nodes.add()
    root.user_object.identifier = "_generic_user_object"
    root.user_object.version.producer = root.user_object.version.min_consumer = 1
    _add_functions(objects, kept_objects, part)
    places = {}
    for place in kept:
        places[place] = _add(kept_objects, objects.nodes[place], root, _attribute(place))
    for name in names:
        if name in objects.concrete_functions:
            concrete = kept_objects.concrete_functions[name]
            concrete.CopyFrom(objects.concrete_functions[name])
            concrete.ClearField("bound_inputs")
            concrete.bound_inputs.extend(
                places[place] for place in objects.concrete_functions[name].bound_inputs
            )
    constants = {
        objects.nodes[place].constant.operation
        for place in kept
        if objects.nodes[place].WhichOneof("kind") == "constant"
    }
    if constants:
        pruned.graph_def.node.extend(n for n in meta_graph.graph_def.node if n.name in constants)
    return saved_model


def _add_functions(objects: Any, kept_objects: Any, part: Part) -> None:
    root, signature = kept_objects.nodes[_ROOT], part.signature
    children = child_ids(objects.nodes[_ROOT])
    for place in part.losses:
        _add(kept_objects, objects.nodes[place], root, _loss(place))
    if signature is None:
        if not part.losses:
            call = kept_objects.nodes[_add(kept_objects, objects.nodes[children[CALL]], root, CALL)]
            if part.traces is not None:
                call.function.concrete_functions[:] = part.traces
        return
    signatures = objects.nodes[children[_SIGNATURES]]
    _add(kept_objects, signatures, root, _SIGNATURES)
    node = objects.nodes[child_ids(signatures)[signature]]
    _add(kept_objects, node, kept_objects.nodes[_FIRST], signature)


def _add(kept_objects: Any, original: Any, parent: Any, name: str) -> int:
    """Adds a node without what hangs on it, and tells its place."""
    place = len(kept_objects.nodes)
    node = kept_objects.nodes.add()
    node.CopyFrom(original)
    for field in ("children", "dependencies", "slot_variables", "saveable_objects"):
        node.ClearField(field)
    parent.children.add(node_id=place, local_name=name)
    return place


def _copy_functions(meta_graph: Any, pruned: Any, names: Set[str]) -> None:
    library, kept = meta_graph.graph_def.library, pruned.graph_def.library
    kept.function.extend(f for f in library.function if f.signature.name in names)
    kept.registered_gradients.extend(
        g for g in library.registered_gradients if g.gradient_func in names
    )
    pruned.graph_def.versions.CopyFrom(meta_graph.graph_def.versions)


def _attribute(place: int) -> str:
    return f"captured_{place}"


def _loss(place: int) -> str:
    return f"loss_{place}"
