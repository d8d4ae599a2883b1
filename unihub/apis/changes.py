"""Whether the variables of a loaded object still have the values of the model's files."""

from __future__ import annotations

import os
from typing import Any, Iterator, Optional, Tuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from unihub.formats.files import CHECKPOINT

_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"


def first_change(loaded: Any, folder: str) -> Optional[str]:
    """Differences from the model's checkpoint, in words; None for none.

    What cannot be compared counts as well: a table that calls write to, an object that is
    not where it was, a variable that is no eager one.

    Args:
        loaded: the object that tf.saved_model.load gave.
        folder: of the model.
    """
    prefix = os.path.join(folder, CHECKPOINT)
    if not tf.io.gfile.exists(f"{prefix}.index"):
        return None
    reader = tf.train.load_checkpoint(prefix)
    pairs = _by_objects(loaded, reader) if reader.has_tensor(_OBJECTS) else _by_names(loaded)
    for name, variable, key in pairs:
        if not _is_readable(variable):
            return f"{name!r} cannot be compared with the model's files"
        if not _is_equal(variable, prefix, key, reader):
            return f"its variable {name!r} has another value than in the model's files"
    return None


def _by_objects(loaded: Any, reader: Any) -> Iterator[Tuple[str, Any, str]]:
    """Names, variables and keys of a TF2 SavedModel, by its object graph."""
    graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(reader.get_tensor(_OBJECTS))
    found, waiting = {0: loaded}, [0]
    while waiting:
        place = waiting.pop()
        for child in graph.nodes[place].children:
            if child.node_id not in found:
                found[child.node_id] = _child(found[place], child.local_name)
                waiting.append(child.node_id)
    for place, node in enumerate(graph.nodes):
        for attribute in node.attributes:
            name = attribute.full_name or attribute.checkpoint_key
            is_value = attribute.name == _VALUE
            yield name, found.get(place) if is_value else None, attribute.checkpoint_key


def _child(parent: Any, name: str) -> Any:
    return None if parent is None else parent._lookup_dependency(name)


def _by_names(loaded: Any) -> Iterator[Tuple[str, Any, str]]:
    """Names, variables and keys of a TF1 format."""
    for variable in loaded.variables:
        name = variable.name.partition(":")[0]
        yield name, variable, name


def _is_readable(variable: Any) -> bool:
    handle = getattr(variable, "handle", None)
    return handle is not None and hasattr(handle, "numpy")


def _is_equal(variable: Any, prefix: str, key: str, reader: Any) -> bool:
    part = getattr(variable, "_get_save_slice_info", lambda: None)()
    if part is not None:
        key = part.full_name
    if not reader.has_tensor(key):
        return False
    (saved,) = tf.raw_ops.RestoreV2(
        prefix=prefix,
        tensor_names=[key],
        shape_and_slices=["" if part is None else part.spec],
        dtypes=[variable.dtype.base_dtype],
    )
    now, then = variable.read_value().numpy(), saved.numpy()
    if now.dtype.hasobject:
        return bool(np.array_equal(now, then))
    # By their bits: a NaN is the same as itself.
    return bool(now.shape == then.shape and now.tobytes() == then.tobytes())
