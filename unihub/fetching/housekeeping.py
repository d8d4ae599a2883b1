"""What the cache holds, how much it takes, and what can go.

Nothing is removed without a `Removal` that says what and why, so that it can be
shown first.
"""

from __future__ import annotations

import contextlib
import enum
import os
import shutil
import stat
import time
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from unihub.fetching import storage, workplace
from unihub.fetching.cache import MODELS, QUARANTINE, Cache
from unihub.fetching.manifest import MANIFEST, Damage, Entry, examined
from unihub.fetching.workplace import PARTS

_BLOCK = 512
_NO_ACCESS_TIMES = getattr(os, "ST_NOATIME", 0) | getattr(os, "ST_RDONLY", 0)


class Kind(enum.Enum):
    """What something in the cache is."""

    MODEL = "model"
    DAMAGED = "damaged"
    QUARANTINED = "quarantined"
    PART = "part"
    INCOMING = "incoming"


@dataclass(frozen=True)
class LastUse:
    """When a model was last used.

    Attributes:
        time: in seconds since the epoch. Most systems note a use once a day.
        noted: whether the file system notes uses; when not, ``time`` is when the
            model was stored.
    """

    time: float
    noted: bool


@dataclass(frozen=True)
class Usage:
    """What a folder takes on the disk.

    Attributes:
        bytes: in blocks of the file system.
        files: files and links.
    """

    bytes: int
    files: int


@dataclass(frozen=True)
class Removal:
    """Something that can be removed from the cache.

    Attributes:
        kind: what it is.
        key: of the model that it is or was to be.
        path: of its folder.
        bytes: that become free.
        reason: why it would go, as a phrase.
        handle: of the model, without secrets; None when it is not known.
    """

    kind: Kind
    key: str
    path: str
    bytes: int
    reason: str
    handle: Optional[str] = None


def entries(cache: Cache) -> Tuple[Entry, ...]:
    """Every sound model, by key."""
    return tuple(entry for entry, damage in _models(cache) if entry and not damage)


def damaged_entries(cache: Cache) -> Tuple[Tuple[str, Tuple[Damage, ...]], ...]:
    """The folders in models/ that are never served, each with what is wrong."""
    return tuple(
        (path, damage)
        for path, (_, damage) in zip(_folders(cache, MODELS), _models(cache))
        if damage
    )


def last_use(entry: Entry) -> LastUse:
    """When a model was last found in the cache, which reads its manifest."""
    manifest = os.path.join(entry.folder, MANIFEST)
    if hasattr(os, "statvfs") and os.statvfs(manifest).f_flag & _NO_ACCESS_TIMES:
        return LastUse(entry.created, noted=False)
    return LastUse(max(os.stat(manifest).st_atime, entry.created), noted=True)


def usage(folder: str) -> Usage:
    """What a folder takes; a file with several names counts once."""
    size, files, seen = 0, 0, set()
    for status in _statuses(folder):
        if (status.st_dev, status.st_ino) in seen and status.st_ino:
            continue
        seen.add((status.st_dev, status.st_ino))
        size += status.st_blocks * _BLOCK if hasattr(status, "st_blocks") else status.st_size
        files += not stat.S_ISDIR(status.st_mode)
    return Usage(size, files)


def removal(entry: Entry, reason: str = "asked for") -> Removal:
    """The removal of one model."""
    size = usage(entry.folder).bytes
    return Removal(Kind.MODEL, entry.key, entry.folder, size, reason, entry.handle)


def plan_prune(
    cache: Cache, older_than: Optional[float] = None, max_bytes: Optional[int] = None
) -> Tuple[Removal, ...]:
    """The models to remove, least recently used first.

    Args:
        cache: whose models.
        older_than: seconds; models unused for longer go.
        max_bytes: that models may take on the disk together; the least recently
            used go until they do.
    """
    by_use = sorted((last_use(entry).time, entry.key, entry) for entry in entries(cache))
    planned = [(removal(entry), used) for used, _, entry in by_use]
    total = sum(one.bytes for one, _ in planned)
    now = time.time()
    chosen = []
    for one, used in planned:
        days = (now - used) / 86400
        if older_than is not None and now - used > older_than:
            reason = f"not used for {days:.0f} days"
        elif max_bytes is not None and total > max_bytes:
            reason = f"least recently used, {days:.0f} days ago"
        else:
            continue
        total -= one.bytes
        chosen.append(Removal(one.kind, one.key, one.path, one.bytes, reason, one.handle))
    return tuple(chosen)


def plan_sweep(cache: Cache) -> Tuple[Removal, ...]:
    """What is of no more use: damaged copies, dead processes' folders, unfinished downloads."""
    found = [
        *((Kind.DAMAGED, path, f"damaged: {damage[0]}") for path, damage in damaged_entries(cache)),
        *((Kind.QUARANTINED, path, "a damaged copy") for path in _folders(cache, QUARANTINE)),
        *((Kind.PART, path, "an unfinished download") for path in _folders(cache, PARTS)),
        *(
            (Kind.INCOMING, left.path, "left by a process that ended")
            for left in workplace.incoming(cache.root)
            if left.abandoned
        ),
    ]
    return tuple(
        Removal(kind, os.path.basename(path).partition("~")[0], path, usage(path).bytes, reason)
        for kind, path, reason in found
    )


def carry_out(cache: Cache, removals: Tuple[Removal, ...]) -> int:
    """Removes what was planned, and returns the bytes that this freed.

    Each is renamed away before it is deleted, so that nobody finds half of it. What
    a process has open stays readable to it, but for Windows, which refuses.

    Raises:
        CacheNotWritable: when the file system refuses.
    """
    freed = 0
    with storage.writing(cache.root):
        for one in removals:
            freed += one.bytes if _removed(cache, one) else 0
    return freed


def _removed(cache: Cache, one: Removal) -> bool:
    os.makedirs(os.path.join(cache.root, workplace.INCOMING), exist_ok=True)
    away = workplace.unique_folder(cache.root, one.key)
    try:
        os.rename(one.path, os.path.join(away, "removed"))
    except FileNotFoundError:
        return False
    finally:
        shutil.rmtree(away, ignore_errors=True)
    return True


def _models(cache: Cache) -> Iterator[Tuple[Optional[Entry], Tuple[Damage, ...]]]:
    with storage.reading(cache.root):
        for folder in _folders(cache, MODELS):
            with _access_time_kept(os.path.join(folder, MANIFEST)):
                yield examined(folder, os.path.basename(folder))


def _folders(cache: Cache, name: str) -> List[str]:
    folder = os.path.join(cache.root, name)
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def _access_time_kept(path: str) -> Iterator[None]:
    """A listing is no use: `last_use` would have it that everything was just used."""
    try:
        before = os.stat(path)
    except OSError:
        yield
        return
    yield
    with contextlib.suppress(OSError):
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _statuses(folder: str) -> Iterator[os.stat_result]:
    yield os.lstat(folder)
    for inside, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):
                yield os.lstat(os.path.join(inside, name))
