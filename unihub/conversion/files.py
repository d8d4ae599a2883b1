"""Writing a converted model: beside its place first, into it when it has passed."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from typing import Any, Dict, Iterator, List

import tensorflow as tf

from unihub.conversion import compat, errors
from unihub.errors import listed
from unihub.formats.not_a_model import is_model
from unihub.handles.cache.derived import ORIGIN

ATTACHED_MESSAGES_FILE = "attached_messages.json"


def check_target(handle: str, path: str, overwrite: bool) -> None:
    """Raises TargetExists if there is something at the path that is not to go.

    Only a model is overwritten: whatever else is in a folder is nothing that a conversion wrote.
    """
    if not os.path.lexists(path):
        return
    found = listed(sorted(os.listdir(path))) if os.path.isdir(path) else "a file"
    if found == "none" or (overwrite and is_model(path)):
        return
    remedy = f"unihub.convert({handle!r}, {path!r}, overwrite=True)"
    if not os.path.isfile(os.path.join(path, ORIGIN)):
        # Of what was not converted nothing brings it back.
        remedy = f"unihub.convert({handle!r}, {_free_path(path)!r})"
    raise errors.TargetExists(handle=handle, path=path, found=found, remedy=remedy)


def _free_path(path: str) -> str:
    """A path that nothing has: in a folder of other things, beside a model or a file."""
    is_folder = os.path.isdir(path) and not is_model(path)
    stem = os.path.join(path, "converted") if is_folder else f"{path.rstrip(os.sep)}_converted"
    numbered = (f"{stem}_{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([stem], numbered) if not os.path.lexists(one))


@contextlib.contextmanager
def folder_beside(path: str) -> Iterator[str]:
    """A new folder on the same disk as the path; it is gone afterwards."""
    parent, name = os.path.split(os.path.abspath(path))
    os.makedirs(parent, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=f".{name}.unfinished-", dir=parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(root: Any, signatures: Dict[str, Any], folder: str, origin: Dict[str, Any]) -> None:
    """Saves a converted model with the note of its origin."""
    tf.saved_model.save(root, folder, signatures=signatures, options=compat.save_options())
    origin_file = os.path.join(folder, ORIGIN)
    os.makedirs(os.path.dirname(origin_file))
    with open(origin_file, "w", encoding="utf-8") as note:
        json.dump(origin, note, indent=2, sort_keys=True)
        note.write("\n")


def publish(folder: str, path: str) -> None:
    """Puts a finished folder into its place, and what was there away."""
    path = os.path.abspath(path)
    os.chmod(folder, 0o777 & ~_umask())
    if not os.path.lexists(path):
        os.rename(folder, path)
        return
    with folder_beside(path) as aside:
        former = os.path.join(aside, "former")
        os.rename(path, former)
        os.rename(folder, path)


def tree_hash(folder: str) -> str:
    """The SHA-256 of a folder: of each file's path, size and content, in order."""
    digest = hashlib.sha256()
    files: List[str] = []
    for parent, _, names in os.walk(folder):
        files += [os.path.join(parent, name) for name in names]
    for file in sorted(files):
        relative = os.path.relpath(file, folder).replace(os.sep, "/")
        digest.update(f"{relative}\0{os.path.getsize(file)}\0".encode())
        with open(file, "rb") as content:
            for block in iter(lambda: content.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
