"""The store of downloaded models.

    <root>/models/<key>/model/...         a complete model
                       /manifest.json     what it consists of
           incoming/                      builds in progress, see `staging`
           parts/<key>/                   downloads to go on with
           quarantine/<key>~<time>/       the last damaged copy of each model
           locks/<key>.lock               saves work; see `locks`

A model appears in models/ by one rename of a complete, synced folder, so a process
sees all of it or nothing, with or without locks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import time
from dataclasses import replace
from typing import Callable, Optional, Tuple

from unihub.errors import UnihubError, listed
from unihub.errors.redaction import redacted
from unihub.formats.files import PB_FILE, PBTXT_FILE
from unihub.handles.cache import staging, storage
from unihub.handles.cache.cache_errors import DamagedEntry, IncompleteBuild, NoModelFile
from unihub.handles.cache.locks import Wait, held
from unihub.handles.cache.manifest import (
    MODEL,
    Damage,
    Entry,
    Facts,
    compared,
    examined,
    rehashed,
    rehashed_once,
    walk,
    written,
)
from unihub.handles.cache.staging import StagingDirectory
from unihub.handles.cache.storage import objection, require_private

MODELS = "models"
QUARANTINE = "quarantine"
LOCKS = "locks"

MODEL_FILES = (PB_FILE, PBTXT_FILE)

# Who opens the root to others lets them read models, and nothing else.
_FOLDERS = {
    MODELS: 0o755,
    staging.INCOMING: storage.PRIVATE,
    staging.PARTS: storage.PRIVATE,
    QUARANTINE: storage.PRIVATE,
    LOCKS: storage.PRIVATE,
}
_MOST_RENAMES = 10

_LONGEST_SLUG = 80
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_UNSAFE = re.compile(r"[^a-z0-9]+")
_DIGITS = 16

Build = Callable[[StagingDirectory], Facts]
# Of an entry's folder: device and inode, and when names in it last changed.
Identity = Tuple[int, int, int]


def key_of(handle: str) -> str:
    """A readable name that is one path segment on every file system.

    It has at most 97 characters of a-z, 0-9 and "-", so that nothing of it
    depends on case, and is told from the keys of other handles by the hash at
    its end. Query, fragment and user information, where secrets are, show in
    the hash alone.

    Example:
        >>> key_of("https://tfhub.dev/google/nnlm-en-dim50/2")
        'tfhub-dev-google-nnlm-en-dim50-2-141dc0ae7ca76904'
    """
    # surrogatepass: a path that is no UTF-8 has lone surrogates in Python.
    digest = hashlib.sha256(handle.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    words = _UNSAFE.sub("-", _SCHEME.sub("", redacted(handle)).lower()).strip("-")
    # The end of a handle, its name and version, tells more than its host.
    slug = words[-_LONGEST_SLUG:].strip("-")
    return f"{slug}-{digest}" if slug else digest


class Cache:
    """The models in one folder, which any number of processes may use at once.

    Attributes:
        root: the folder, absolute. It is made, for this user alone, when the first
            model is stored; a link is followed.
    """

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self._models = os.path.join(self.root, MODELS)

    def find(self, handle: str, by_content: bool = False) -> Optional[Entry]:
        """The model that is stored for a handle, its files present in their sizes.

        Nothing is written, made or locked, so this works on a read-only file system.

        Args:
            handle: the full text, as it was given to `publish`.
            by_content: whether every file is hashed too, once per process unless it
                is changed.

        Returns:
            The entry, or None when there is none.

        Raises:
            DamagedEntry: when files are missing, added, of another size, or content.
            CacheOwnedByAnother, CacheNotPrivate: when others can change it.
            CacheNotReadable: when the file system denies it.

        Example:
            >>> Cache("/home/me/.cache/unihub").find("https://tfhub.dev/google/nnlm-en-dim50/2")
        """
        with storage.reading(self.root):
            return self._found(key_of(handle), handle, by_content)[0]

    def recorded(self, handle: str) -> Optional[Entry]:
        """The entry stored for a handle, by its manifest: no file of it need be there any more."""
        key = key_of(handle)
        with storage.reading(self.root):
            folder = os.path.join(self._models, key)
            return examined(folder, key)[0] if self._identity(folder) else None

    def publish(
        self,
        handle: str,
        build: Build,
        lock_timeout: float,
        announce: Optional[Callable[[Wait], None]] = None,
        by_content: bool = False,
    ) -> Entry:
        """Stores the model that ``build`` makes, unless another process has stored it.

        A damaged entry is set aside and replaced. What dead processes left is removed.

        Args:
            handle: its full text; stored without secrets.
            build: fills ``staging.model`` and returns what it knows. When it raises,
                everything but the download is removed.
            lock_timeout: seconds to wait for another process that builds the same.
            announce: called when there is such a wait.
            by_content: see `find`.

        Returns:
            The entry, made here or by another process.

        Raises:
            CacheNotWritable, DiskFull, InodesFull: when the file system refuses.
            CacheOwnedByAnother, CacheNotPrivate: when others can change the cache.
            LockTimeout: when the wait is over.
            NoModelFile: when ``build`` made no model.
            IncompleteBuild: when its files are not those of ``facts.files``.
        """
        key = key_of(handle)
        lock = os.path.join(self.root, LOCKS, key + ".lock")
        with storage.writing(self.root):
            self._make_folders()
            with held(lock, lock_timeout, redacted(handle), announce):
                present = self._sound(key, handle, by_content)
                if present:
                    return present
                staging.sweep(self.root)
                with staging.opened(self.root, key) as work:
                    facts = build(work)
                    return self._revealed(work, self._completed(work, key, handle, facts), handle)

    def verify(self, entry: Entry) -> Tuple[Damage, ...]:
        """Reads every file of an entry and compares its SHA-256; () when all is well."""
        with storage.reading(self.root):
            return rehashed(entry)

    def quarantine(self, entry: Entry) -> None:
        """Sets an entry aside, so that it is fetched again; the last one per model is kept."""
        with storage.writing(self.root):
            identity = self._identity(entry.folder)
            if identity:
                self._make_folders()
                self._set_aside(entry.key, identity)

    def _found(
        self, key: str, handle: str, by_content: bool = False
    ) -> Tuple[Optional[Entry], Optional[Identity]]:
        folder = os.path.join(self._models, key)
        while True:
            identity = self._identity(folder)
            if identity is None:
                return None, None
            entry, damage = examined(folder, key)
            if entry and by_content and not damage:
                damage = rehashed_once(entry)
            if entry and not damage:
                return entry, identity
            # Otherwise it was removed or replaced while it was read.
            if self._identity(folder) == identity:
                raise damaged(folder, redacted(handle), damage)

    def _identity(self, folder: str) -> Optional[Identity]:
        """Tells an entry's folder from those before and after it in its place; None without one."""
        try:
            require_private(self.root)
            require_private(self._models)
            status = os.lstat(folder)
        except (FileNotFoundError, NotADirectoryError):
            return None
        refusal = objection(folder, status)
        if refusal:
            raise refusal
        return status.st_dev, status.st_ino, status.st_mtime_ns

    def _sound(self, key: str, handle: str, by_content: bool = False) -> Optional[Entry]:
        """The entry, if there is one; a damaged one is set aside."""
        identity = self._identity(os.path.join(self._models, key))
        try:
            return self._found(key, handle, by_content)[0]
        except DamagedEntry:
            if identity:
                self._set_aside(key, identity)
            return None

    def _set_aside(self, key: str, identity: Identity) -> None:
        folder = os.path.join(self._models, key)
        kept = os.path.join(self.root, QUARANTINE)
        aside = os.path.join(kept, f"{key}~{time.time_ns()}-{os.getpid()}")
        try:
            os.rename(folder, aside)
        except FileNotFoundError:
            return
        if (self._identity(aside) or ())[:2] != identity[:2]:
            # Without locks, another process has just put a sound one there.
            with contextlib.suppress(OSError):
                os.rename(aside, folder)
            return
        for name in os.listdir(kept):
            if name.startswith(key + "~") and name < os.path.basename(aside):
                shutil.rmtree(os.path.join(kept, name), ignore_errors=True)

    def _completed(self, work: StagingDirectory, key: str, handle: str, facts: Facts) -> Entry:
        staging.close_to_others(work.model)
        names = [path for path, _ in walk(work.model)]
        if not any(name in MODEL_FILES for name in names):
            raise NoModelFile(
                handle=redacted(handle), wanted=listed(MODEL_FILES), found=listed(sorted(names))
            )
        entry = written(work.entry, key, redacted(handle), facts, time.time())
        damage = compared(work.model, entry.files)
        if damage:
            raise IncompleteBuild(
                handle=redacted(handle),
                quoted_handle=shlex.quote(redacted(handle)),
                damage=_in_words(damage),
                root=self.root,
            )
        staging.sync(work.entry)
        return entry

    def _revealed(self, work: StagingDirectory, entry: Entry, handle: str) -> Entry:
        folder = os.path.join(self._models, entry.key)
        for _ in range(_MOST_RENAMES):
            try:
                os.rename(work.entry, folder)
            except OSError as error:
                if not os.path.lexists(folder):
                    raise
                refusal = error
            else:
                storage.sync_folder(self._models)
                break
            theirs = self._sound(entry.key, handle)
            if theirs:
                return theirs
        else:
            raise refusal
        return replace(entry, path=os.path.join(folder, MODEL))

    def _make_folders(self) -> None:
        storage.make_folders(self.root, _FOLDERS)


def damaged(folder: str, handle: str, damage: Tuple[Damage, ...]) -> UnihubError:
    """The error that says what is wrong with an entry."""
    return DamagedEntry(
        handle=handle,
        quoted_handle=shlex.quote(handle),
        damage=_in_words(damage),
        folder=folder,
        quoted_folder=shlex.quote(folder),
    )


def _in_words(damage: Tuple[Damage, ...]) -> str:
    rest = f" and {len(damage) - 1} more" if len(damage) > 1 else ""
    return f"{damage[0]}{rest}"
