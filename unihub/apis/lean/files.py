"""The files of a model: whether they are those that were loaded."""

from __future__ import annotations

import os
from typing import Tuple

from unihub.apis.lean.plan import Declined
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
