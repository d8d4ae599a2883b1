"""A model's variables: names, sizes, and which can be trained."""

from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from unihub.formats import wire
from unihub.formats.message import Message
from unihub.formats.model import Shape, read_shape
from unihub.formats.object_graph import list_elements
from unihub.formats.schema import dtype_name
from unihub.inspection.checkpoint import Checkpoint, byte_size

_VARIABLE_COLLECTIONS = ("variables", "trainable_variables")
_LONGEST_DEF = 1 << 20


class Variable(NamedTuple):
    """One variable.

    Attributes:
        bytes: its size in memory; 0 where its shape is unknown.
    """

    name: str
    dtype: str
    shape: Shape
    bytes: int
    trainable: bool


def variables_of_objects(objects: Message, children: Dict[str, int]) -> Tuple[Variable, ...]:
    """The variables of a SavedObjectGraph: those its root lists, or else all of it.

    Args:
        children: what `ObjectGraph.children_by_name` gives for it.
    """
    indices: Iterable[int] = range(objects.count("nodes"))
    if "variables" in children:
        indices = dict.fromkeys(list_elements(objects, children["variables"]))
    trainable: Optional[Set[int]] = None
    if "trainable_variables" in children:
        trainable = set(list_elements(objects, children["trainable_variables"]))
    found: List[Variable] = []
    shapes: Dict[bytes, Shape] = {}
    for index in indices:
        node = objects.item("nodes", index)
        if node.has("variable"):
            by_list = None if trainable is None else index in trainable
            found.append(_of_object(node.message("variable"), by_list, shapes))
    return tuple(found)


def variables_of_collections(
    collections: Dict[str, Message], checkpoint: Optional[Checkpoint], path: str
) -> Tuple[Variable, ...]:
    """The variables of TF1's graph collections; the parts of one count as one."""
    names = {
        collection: _names(collections[collection], path)
        for collection in _VARIABLE_COLLECTIONS
        if collection in collections
    }
    tensors = {tensor.name: tensor for tensor in checkpoint.tensors} if checkpoint else {}
    found: Dict[str, Variable] = {}
    for collection, of_collection in names.items():
        for name in of_collection:
            tensor = tensors.get(name)
            found[name] = Variable(
                name,
                tensor.dtype if tensor else "",
                tensor.shape if tensor else None,
                tensor.bytes if tensor else 0,
                collection == "trainable_variables",
            )
    if not names and checkpoint is not None:
        # Without collections the checkpoint alone tells, and not what is trained.
        return tuple(Variable(t.name, t.dtype, t.shape, t.bytes, False) for t in checkpoint.tensors)
    return tuple(found.values())


def _of_object(
    variable: Message, trainable: Optional[bool], shapes: Dict[bytes, Shape]
) -> Variable:
    name, number, encoded, is_trainable = variable.row("name", "dtype", "shape", "trainable")
    # Most variables share their shape with others.
    if not encoded or encoded not in shapes:
        shapes[encoded] = read_shape(variable.message("shape"))
    dtype, shape = dtype_name(number), shapes[encoded]
    size = byte_size(dtype, shape) if shape is not None else 0
    return Variable(
        name, dtype, shape, size, bool(is_trainable) if trainable is None else trainable
    )


def _names(collection: Message, path: str) -> List[str]:
    found: List[str] = []
    for content in collection.message("bytes_list").contents("value", _LONGEST_DEF):
        variable = wire.read_message(content, path, "VariableDef", "variable of a SavedModel")
        whole = variable.message("save_slice_info_def").text("full_name")
        found.append(whole or variable.text("variable_name").split(":")[0])
    return list(dict.fromkeys(found))
