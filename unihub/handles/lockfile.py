"""unihub.lock: which bytes the handles of a project stand for.

A file in JSON beside the project's code, to be committed. Every load in its folder,
or in one below, is held to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import tempfile
from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, Iterable, Optional, Tuple

from unihub.errors import UnihubError, warn
from unihub.handles.kinds import Handle, HuggingFaceModel, KaggleModel, LocalArchive, LocalFolder

FORMAT = 1
_VERSION = re.compile(r"[0-9]{1,18}")


class LockedContentDiffers(UnihubError, ValueError, OSError):
    """A model is not the one that the project's lockfile names."""

    code = "locked-content-differs"
    what = "{handle} is not the model that {lockfile} names."
    why = "its files have the hash {found}, and the lockfile says {expected}. (in: {path})"
    do = "get the locked model back; or, if the new one is meant: unihub lock {quoted_handle}"


class LockfileNotUnderstood(UnihubError, ValueError):
    """The project's lockfile cannot be read."""

    code = "lockfile-not-understood"
    what = "{path} is no lockfile of unihub."
    why = "{reason}"
    do = "restore it from version control; or write it anew: {away} && unihub lock HANDLE..."

    @classmethod
    def of(cls, path: str, reason: str) -> LockfileNotUnderstood:
        quoted = shlex.quote(path)
        # Nobody is to be told to delete a folder.
        away = f"mv {quoted} {shlex.quote(path + '.old')}" if os.path.isdir(path) else ""
        return cls(path=path, reason=reason, away=away or f"rm {quoted}")


class NotLocked(UserWarning):
    """A model was downloaded in a project with a lockfile that does not name it."""


@dataclass(frozen=True)
class Locked:
    """The content that a handle stands for.

    Attributes:
        content: SHA-256, in hex, of the lines that sha256sum prints for the model's
            files, sorted by path.
        archive: SHA-256 of the archive that it came in, where that is known.
        version: that a handle without one was resolved to.
        bytes: of all files.
    """

    content: str
    archive: Optional[str] = None
    version: Optional[str] = None
    bytes: int = 0


@dataclass(frozen=True)
class Lockfile:
    """A lockfile as it was read.

    Attributes:
        path: of the file.
        models: what is locked, by handle; local paths are relative to the file.
    """

    path: str
    models: Dict[str, Locked]

    def name_of(self, handle: Handle) -> str:
        """The name of a handle in the file: without secrets, paths relative to it."""
        if not isinstance(handle, (LocalFolder, LocalArchive)):
            return handle.shown
        path = os.path.abspath(handle.path)
        folder = os.path.dirname(os.path.abspath(self.path))
        if os.path.commonpath([folder, path]) == folder:
            path = os.path.relpath(path, folder)
        return path.replace(os.sep, "/")

    def handle_of(self, name: str) -> str:
        """The handle that goes by a name."""
        return name if "://" in name else os.path.join(os.path.dirname(self.path), name)


def read(path: str) -> Lockfile:
    """Reads a lockfile; one that is not there yet is empty.

    Raises:
        LockfileNotUnderstood: when it is damaged.
    """
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
        if values["format"] != FORMAT:
            raise ValueError(f"its format is {values['format']!r}, and this unihub reads {FORMAT}")
        models = {str(name): _typed(Locked(**locked)) for name, locked in values["models"].items()}
    except FileNotFoundError:
        return Lockfile(path, {})
    except IsADirectoryError:
        raise LockfileNotUnderstood.of(path, "it is a folder.") from None
    except RecursionError:
        raise LockfileNotUnderstood.of(path, "it is nested too deeply to be one.") from None
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise LockfileNotUnderstood.of(path, f"{type(error).__name__}: {error}") from None
    return Lockfile(path, models)


def write(lockfile: Lockfile) -> None:
    """Writes a lockfile in one step, its models in order.

    Raises:
        LockfileNotUnderstood: when there is a folder in its place.
    """
    if os.path.isdir(lockfile.path):
        raise LockfileNotUnderstood.of(lockfile.path, "it is a folder.")
    models = {name: asdict(lockfile.models[name]) for name in sorted(lockfile.models)}
    text = json.dumps({"format": FORMAT, "models": models}, indent=2) + "\n"
    folder = os.path.dirname(os.path.abspath(lockfile.path))
    descriptor, fresh = tempfile.mkstemp(prefix=os.path.basename(lockfile.path), dir=folder)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(fresh, 0o644)
        os.replace(fresh, lockfile.path)
    except BaseException:
        os.unlink(fresh)
        raise


def pinned(handle: Handle, lockfile: Lockfile) -> Handle:
    """The handle with the version that it is locked to, where it has none itself."""
    locked = lockfile.models.get(lockfile.name_of(handle))
    if locked and locked.version and isinstance(handle, HuggingFaceModel):
        # A branch moves; the commit that it was then does not.
        return replace(handle, revision=locked.version)
    if locked and locked.version and isinstance(handle, KaggleModel) and handle.version is None:
        if not _VERSION.fullmatch(locked.version):
            reason = f"it locks {handle} to the version {locked.version!r}, which is no number."
            raise LockfileNotUnderstood.of(lockfile.path, reason)
        return replace(handle, version=int(locked.version))
    return handle


def check(handle: Handle, path: str, lockfile: Lockfile) -> None:
    """Compares the model of a handle with what it is locked to.

    Args:
        handle: as it was given, before `pinned`.
        path: of the model's folder.
        lockfile: of the project.

    Raises:
        LockedContentDiffers: when it is another.
    """
    name = lockfile.name_of(handle)
    locked = lockfile.models.get(name)
    if locked is None:
        if not isinstance(handle, (LocalFolder, LocalArchive)):
            warn(
                f"{lockfile.path} does not name {name}. To hold it to the present bytes: "
                f"unihub lock {shlex.quote(name)}",
                NotLocked,
            )
        return
    found = locked_of(path)
    if found.content != locked.content:
        raise LockedContentDiffers(
            handle=name,
            quoted_handle=shlex.quote(name),
            lockfile=lockfile.path,
            found=found.content,
            expected=locked.content,
            path=path,
        )


def locked_of(path: str) -> Locked:
    """The facts to lock of a model; in the cache, from its manifest where that holds."""
    from unihub.handles.cache.manifest import sha256_of, walk

    entry = _entry(path)
    if entry is not None:
        hashes = [(file.path, file.sha256) for file in entry.files]
        return Locked(_content(hashes), entry.sha256, entry.version, entry.size)
    files = sorted(walk(path)) if os.path.isdir(path) else []
    hashes = [(name, sha256_of(path, name)) for name, _ in files]
    return Locked(_content(hashes), bytes=sum(status.st_size for _, status in files))


def _entry(path: str) -> Any:
    """The entry of the cache that a folder is; None if it is none, or not as it was stored."""
    from unihub import settings
    from unihub.handles.cache.cache import MODELS
    from unihub.handles.cache.manifest import examined, rehashed_once

    folder = os.path.dirname(os.path.abspath(path))
    if os.path.dirname(folder) != os.path.join(os.path.abspath(settings.current().cache), MODELS):
        return None
    entry, damage = examined(folder, os.path.basename(folder))
    # What the manifest says counts only for the very bytes that it was written for.
    return None if entry is None or damage or rehashed_once(entry) else entry


def _content(hashes: Iterable[Tuple[str, str]]) -> str:
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(hashes))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _typed(locked: Locked) -> Locked:
    optional: Any = (str, type(None))
    for value, kinds in (
        (locked.content, str),
        (locked.archive, optional),
        (locked.version, optional),
        (locked.bytes, int),
    ):
        if not isinstance(value, kinds):
            raise TypeError(f"{value!r} is not what belongs there")
    return locked
