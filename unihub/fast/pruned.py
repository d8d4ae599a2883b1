"""One signature of a TF2 SavedModel by TensorFlow's own loader, without the rest.

Gradients and tf.function need TensorFlow's own functions and variables. A
SavedModel that holds no more than one signature's part of the object graph is
written and loaded; its variables take their values from those loaded before.
"""

from __future__ import annotations

import collections
import os
import tempfile
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Set

import tensorflow as tf

from unihub.fast.objects import child_ids, concrete_function
from unihub.fast.plan import Declined
from unihub.fast.private import SavedModel

_ROOT, _SIGNATURES, _FUNCTION, _FIRST = 0, 1, 2, 3


@dataclass(frozen=True)
class Pruned:
    """A signature as TensorFlow loads it.

    Attributes:
        root: the loaded object, which keeps the variables alive.
        function: the signature's ConcreteFunction.
        variables: its tf.Variables, by path in the whole model ("root.a.kernel").
    """

    root: Any
    function: Any
    variables: Mapping[str, Any]


def load_pruned(meta_graph: Any, signature: str, values: Mapping[int, Any]) -> Pruned:
    """Loads one signature.

    Args:
        meta_graph: the MetaGraphDef of the model.
        signature: its name.
        values: of the variables, by their place in the object graph.

    Raises:
        Declined: it needs more than variables and constants.
    """
    objects = meta_graph.object_graph_def
    names = _closure(meta_graph.graph_def.library, concrete_function(objects, signature))
    kept = _captured(objects, names)
    paths = _paths(objects, [place for place in kept if place in values])
    if any(
        objects.nodes[place].WhichOneof("kind") == "variable" and place not in values
        for place in kept
    ):
        raise Declined("a gradient reads variables that the signature does not")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "saved_model.pb"), "wb") as file:
            file.write(_pruned(meta_graph, signature, names, kept).SerializeToString())
        options = tf.saved_model.LoadOptions(experimental_skip_checkpoint=True)
        root = tf.saved_model.load(folder, options=options)
    variables = {}
    for place, path in paths.items():
        variable = getattr(root, _attribute(place))
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=values[place])
        variables[path] = variable
    return Pruned(root, root.signatures[signature], variables)


def _closure(library: Any, name: str) -> List[str]:
    """Names of a function, of all it calls, and of their gradients."""
    functions = {function.signature.name: function for function in library.function}
    gradients = {
        gradient.registered_op_type.encode(): gradient.gradient_func
        for gradient in library.registered_gradients
    }
    names, waiting = {name: None}, [name]
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


def _captured(objects: Any, names: Iterable[str]) -> List[int]:
    """Places of what functions capture."""
    places: Dict[int, None] = {}
    for name in names:
        if name in objects.concrete_functions:
            places.update(dict.fromkeys(objects.concrete_functions[name].bound_inputs))
    for place in places:
        if objects.nodes[place].WhichOneof("kind") not in ("variable", "constant"):
            raise Declined("a gradient captures more than variables and constants")
    return list(places)


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


def _pruned(meta_graph: Any, signature: str, names: List[str], kept: List[int]) -> Any:
    saved_model = SavedModel(saved_model_schema_version=1)
    pruned = saved_model.meta_graphs.add()
    pruned.meta_info_def.tags.extend(meta_graph.meta_info_def.tags)
    _copy_functions(meta_graph, pruned, set(names))
    objects, kept_objects = meta_graph.object_graph_def, pruned.object_graph_def
    places = {place: _FIRST + index for index, place in enumerate(kept)}
    root = kept_objects.nodes.add()
    root.user_object.identifier = "_generic_user_object"
    root.user_object.version.producer = root.user_object.version.min_consumer = 1
    signatures = child_ids(objects.nodes[0])["signatures"]
    function = child_ids(objects.nodes[signatures])[signature]
    for place in (signatures, function, *kept):
        node = kept_objects.nodes.add()
        node.CopyFrom(objects.nodes[place])
        for field in ("children", "dependencies", "slot_variables", "saveable_objects"):
            node.ClearField(field)
    root.children.add(node_id=_SIGNATURES, local_name="signatures")
    kept_objects.nodes[_SIGNATURES].children.add(node_id=_FUNCTION, local_name=signature)
    for place, index in places.items():
        root.children.add(node_id=index, local_name=_attribute(place))
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


def _copy_functions(meta_graph: Any, pruned: Any, names: Set[str]) -> None:
    library, kept = meta_graph.graph_def.library, pruned.graph_def.library
    kept.function.extend(f for f in library.function if f.signature.name in names)
    kept.registered_gradients.extend(
        g for g in library.registered_gradients if g.gradient_func in names
    )
    pruned.graph_def.versions.CopyFrom(meta_graph.graph_def.versions)


def _attribute(place: int) -> str:
    return f"captured_{place}"
