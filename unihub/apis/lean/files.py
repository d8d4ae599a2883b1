"""The files of a model: whether they are those that were loaded, and the values in them."""

from __future__ import annotations

import functools
import os
from typing import Any, NamedTuple, Optional, Sequence, Set, Tuple

import tensorflow as tf

from unihub.apis.lean.plan import Declined, Variable
from unihub.apis.lean.threads import side_by_side
from unihub.errors import UnihubError
from unihub.formats.files import CHECKPOINT, FINGERPRINT, PB_FILE, content_digest


class FileState(NamedTuple):
    """The identity of a file of a model, which tells it from another in its place.

    Of two versions made alike, such as from archives, size and times can be equal; then the
    content of the small files tells that holds checksums of the others.
    """

    path: str
    size: int
    modified: int
    inode: int
    changed: int
    digest: str


Stamp = Tuple[FileState, ...]

# TensorFlow prefers it, and puts it together from parts.
_SPLIT_GRAPH = "saved_model.cpb"
_INDEX = f"{CHECKPOINT}.index"
_CHECKSUMS = frozenset((FINGERPRINT, _INDEX))


class ModelChanged(UnihubError, RuntimeError, OSError):
    """A part that was not loaded at first is wanted now, and the files have changed."""

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


def stamp(path: str, variables_digest: Optional[str] = None) -> Stamp:
    """The identity of a model's files, which tells them from others written in their place.

    Args:
        path: folder of the model.
        variables_digest: of its variables, where it is known already.
    """
    names = [PB_FILE, FINGERPRINT]
    for folder in (os.path.dirname(CHECKPOINT), "assets"):
        if os.path.isdir(os.path.join(path, folder)):
            inside = sorted(os.listdir(os.path.join(path, folder)))
            names += [os.path.join(folder, name) for name in inside]
    known = {_INDEX: variables_digest}
    return tuple(
        _state(path, name, known.get(name))
        for name in names
        if os.path.exists(os.path.join(path, name))
    )


def _state(path: str, name: str, digest: Optional[str]) -> FileState:
    status = os.stat(os.path.join(path, name))
    if digest is None:
        digest = content_digest(path, name) if name in _CHECKSUMS else ""
    times = (status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
    return FileState(os.path.join(path, name), status.st_size, *times, digest)


def check_unchanged(handle: str, wanted: str, path: str, before: Stamp) -> None:
    """Checks that a model's files are those that were loaded.

    Raises:
        ModelChanged: they are not.
    """
    now = stamp(path)
    if now == before:
        return
    names = {os.path.relpath(state.path, path) for state in set(now) ^ set(before)}
    changed = sorted(names - _only_touched(path, before, now))
    if changed:
        raise ModelChanged(handle=handle, wanted=wanted, path=path, changed=", ".join(changed))


def _only_touched(path: str, before: Stamp, now: Stamp) -> Set[str]:
    """The files whose content is the same, though they were linked, or their mode changed."""
    then, later = ({os.path.relpath(s.path, path): s for s in stamp} for stamp in (before, now))
    both = then.keys() & later.keys()
    proven = {name for name in both & _CHECKSUMS if then[name].digest == later[name].digest}
    return {
        name
        for name in both
        if _proof_of(name) in proven
        and (name in proven or later[name]._replace(changed=then[name].changed) == then[name])
    }


def _proof_of(name: str) -> str:
    """The file with the checksums of a file; itself for one that is hashed itself."""
    if name == PB_FILE:
        return FINGERPRINT
    return _INDEX if name.startswith(f"{CHECKPOINT}.data") else name


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
    sizes = {variable.key: size_of(variable) for variable in variables}
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


def size_of(variable: Variable) -> int:
    """The bytes of a variable's value; 0 where its shape does not tell."""
    size: int = 0 if variable.shape is None else tf.as_dtype(variable.dtype).size
    for length in variable.shape or ():
        size *= length or 0
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
