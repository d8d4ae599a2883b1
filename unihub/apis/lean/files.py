"""The files of a model: whether they are those that were loaded, and the values in them."""

from __future__ import annotations

import functools
import os
from typing import Any, Sequence, Tuple

import tensorflow as tf

from unihub.apis.lean.plan import Declined, Variable
from unihub.apis.lean.threads import side_by_side
from unihub.errors import UnihubError
from unihub.formats.files import CHECKPOINT, PB_FILE

Stamp = Tuple[Tuple[str, int, int, int], ...]

# TensorFlow prefers it, and puts it together from parts.
_SPLIT_GRAPH = "saved_model.cpb"


class ModelChanged(UnihubError, RuntimeError, OSError):
    """What was not loaded at first is wanted now, and the files have changed."""

    code = "model-changed"
    what = "{handle} cannot be loaded in full any more: its files have changed."
    why = (
        "at first only what {wanted} needs was loaded, which goes on "
        "working; the rest is read when it is asked for. (changed in {path}: {changed})"
    )
    do = "unihub.load({handle!r}, fast=False)  # loads everything at once"


def check_encoding(path: str) -> None:
    """Makes sure that a model's graph is in one file of this machine.

    Raises:
        Declined: it is in another encoding, or not on this machine.
    """
    file = os.path.join(path, PB_FILE)
    if not os.path.isfile(file) or os.path.exists(os.path.join(path, _SPLIT_GRAPH)):
        raise Declined("the graph is not in one local saved_model.pb")


def checkpoint_prefix(path: str) -> str:
    """Where a model's variables are."""
    return os.path.join(path, CHECKPOINT)


def model_folder(prefix: str) -> str:
    """The folder of a model, from where its variables are, spelled as it was."""
    return prefix[: -len(CHECKPOINT)]


def stamp(path: str) -> Stamp:
    """What tells a model's files from others written in their place."""
    files = [os.path.join(path, PB_FILE)]
    for folder in (os.path.dirname(checkpoint_prefix(path)), os.path.join(path, "assets")):
        if os.path.isdir(folder):
            files += [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    found = []
    for file in files:
        if os.path.exists(file):
            status = os.stat(file)
            found.append((file, status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(found)


def check_unchanged(handle: str, wanted: str, path: str, before: Stamp) -> None:
    """Checks that a model's files are those that were loaded.

    Raises:
        ModelChanged: they are not.
    """
    now = stamp(path)
    if now == before:
        return
    changed = sorted({os.path.relpath(row[0], path) for row in set(now) ^ set(before)})
    raise ModelChanged(handle=handle, wanted=wanted, path=path, changed=", ".join(changed))


# What costs is that the system clears the memory, which threads do side by side.
_THREADS = min(4, os.cpu_count() or 1)
_SMALL = 32 << 20


def read_values(variables: Sequence[Variable], prefix: str) -> Sequence[Any]:
    """The values of variables.

    Raises:
        Declined: one is missing, or of another dtype or shape.
    """
    if not variables:
        return []
    check_saved(variables, prefix)
    sizes = {variable.key: _bytes(variable) for variable in variables}
    if sum(sizes.values()) < _SMALL:
        return _restored(variables, prefix)
    # From the largest on to each in turn, which gives all about as much to do.
    largest = sorted(variables, key=lambda variable: sizes[variable.key], reverse=True)
    parts = [part for part in (largest[place::_THREADS] for place in range(_THREADS)) if part]
    results = side_by_side([functools.partial(_restored, part, prefix) for part in parts])
    values = {
        variable.key: value
        for part, result in zip(parts, results)
        for variable, value in zip(part, result)
    }
    return [values[variable.key] for variable in variables]


def _restored(variables: Sequence[Variable], prefix: str) -> Sequence[Any]:
    values: Sequence[Any] = tf.raw_ops.RestoreV2(
        prefix=prefix,
        tensor_names=[variable.key for variable in variables],
        shape_and_slices=[""] * len(variables),
        dtypes=[variable.dtype for variable in variables],
    )
    return values


def _bytes(variable: Variable) -> int:
    elements = tf.TensorShape(variable.shape).num_elements() or 0
    size: int = elements * tf.as_dtype(variable.dtype).size
    return size


def check_saved(variables: Sequence[Variable], prefix: str) -> None:
    """Checks that a checkpoint holds variables as the graph has them.

    Raises:
        Declined: one is missing, or of another dtype or shape.
    """
    reader = tf.train.load_checkpoint(prefix)
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    for variable in variables:
        if variable.key not in shapes:
            raise Declined(f"{variable.key} is not in the checkpoint")
        if dtypes[variable.key].as_datatype_enum != variable.dtype:
            raise Declined(f"{variable.key} has another dtype in the checkpoint")
        if not tf.TensorShape(variable.shape).is_compatible_with(shapes[variable.key]):
            raise Declined(f"{variable.key} has another shape in the checkpoint")
