"""Files made from models and kept beside them: weights to be mapped, converted models.

    <root>/weights/<name>       the values of one signature's variables, then a note
           converted/<name>/    a TF2 SavedModel, with a note of its origin

Each is made again when it is wanted and not there. Both appear by a rename; until
then their names are those of `staging.unique_folder`, or hidden.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
from dataclasses import dataclass
from typing import Any, Iterator, List, Mapping, Optional, Tuple

from unihub.formats.files import PB_FILE, variables_digest
from unihub.handles.cache import staging

WEIGHTS = "weights"
CONVERTED = "converted"

_FINISHED = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
ORIGIN = os.path.join("assets.extra", "unihub_conversion.json")
_LENGTH = struct.Struct("<Q")
_MOST_NOTE_BYTES = 1 << 20


@dataclass(frozen=True)
class Derived:
    """Something that was made from a model.

    Attributes:
        path: of the file or folder.
        read_at_each_use: the file of it whose access times tell its uses.
        model: the real path of the folder it was made from; None when it is not known.
        outdated: whether the model has changed since, so that nobody will use it.
    """

    path: str
    read_at_each_use: str
    model: Optional[str] = None
    outdated: bool = False


def weights_note(model: str) -> bytes:
    """The bytes that follow the values in a file of weights.

    Args:
        model: the folder they are of.
    """
    # The same note by whichever path the model is reached.
    origin = {"model": os.path.realpath(model), "variables": variables_digest(model)}
    note = json.dumps(origin).encode("ascii")
    return note + _LENGTH.pack(len(note))


def weights(root: str) -> Tuple[Derived, ...]:
    """The files of weights, by name."""
    return tuple(_weights(path) for path in _finished(root, WEIGHTS))


def converted(root: str) -> Tuple[Derived, ...]:
    """The converted models, by name."""
    return tuple(_converted(path) for path in _finished(root, CONVERTED))


def unfinished(root: str) -> List[str]:
    """Files that processes were making when they ended; what is being made is not among them."""
    return [
        path
        for name in (WEIGHTS, CONVERTED)
        for path in _paths(root, name)
        if not _is_finished(path) and staging.is_abandoned(path)
    ]


def _weights(path: str) -> Derived:
    note = _read_note(path)
    model, variables = note.get("model"), note.get("variables")
    if not isinstance(model, str):
        return Derived(path, path)
    # Without the digest it is of a release that named them otherwise.
    return Derived(path, path, model, outdated=variables != variables_digest(model))


def _converted(path: str) -> Derived:
    try:
        with open(os.path.join(path, ORIGIN), encoding="utf-8") as file:
            model: Optional[str] = os.path.realpath(str(json.load(file)["handle"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        model = None
    return Derived(path, os.path.join(path, PB_FILE), model)


def _read_note(path: str) -> Mapping[str, Any]:
    try:
        with access_time_kept(path), open(path, "rb") as file:
            end = file.seek(-_LENGTH.size, os.SEEK_END)
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            file.seek(end - min(length, end, _MOST_NOTE_BYTES))
            note = json.loads(file.read(min(length, end, _MOST_NOTE_BYTES)))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


@contextlib.contextmanager
def access_time_kept(path: str) -> Iterator[None]:
    """A listing is no use: by the access times, everything would just have been used."""
    try:
        before = os.stat(path)
    except OSError:
        yield
        return
    yield
    with contextlib.suppress(OSError):
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _finished(root: str, name: str) -> List[str]:
    return [path for path in _paths(root, name) if _is_finished(path)]


def _is_finished(path: str) -> bool:
    return _FINISHED.fullmatch(os.path.basename(path)) is not None


def _paths(root: str, name: str) -> List[str]:
    folder = os.path.join(root, name)
    try:
        return [os.path.join(folder, inside) for inside in sorted(os.listdir(folder))]
    except FileNotFoundError:
        return []
