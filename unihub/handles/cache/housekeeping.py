"""The entries of the cache, how much they take, and which can go.

It holds models, and what was made from them: see `derived`. Nothing is removed
without a `Removal` that says what and why, so that it can be shown first.
"""

from __future__ import annotations

import contextlib
import enum
import os
import shutil
import stat
import time
from dataclasses import dataclass
from typing import Collection, Dict, Iterator, List, Optional, Tuple

from unihub.handles.cache import derived, staging, storage
from unihub.handles.cache.cache import MODELS, QUARANTINE, Cache
from unihub.handles.cache.derived import Derived
from unihub.handles.cache.manifest import MANIFEST, Damage, Entry, examined
from unihub.handles.cache.staging import PARTS

_BLOCK = 512
_NO_ACCESS_TIMES = getattr(os, "ST_NOATIME", 0) | getattr(os, "ST_RDONLY", 0)


class Kind(enum.Enum):
    """The kind of a thing in the cache."""

    MODEL = "model"
    WEIGHTS = "weights"
    CONVERTED = "converted"
    DAMAGED = "damaged"
    QUARANTINED = "quarantined"
    PART = "part"
    INCOMING = "incoming"
    OUTDATED = "outdated"


# What is of use, so that a person decides whether it goes.
KEPT = (Kind.MODEL, Kind.WEIGHTS, Kind.CONVERTED)


@dataclass(frozen=True)
class LastUse:
    """When something was last used.

    Attributes:
        time: in seconds since the epoch. Most systems note a use once a day.
        noted: whether the file system notes uses; when not, ``time`` is when it
            was stored.
    """

    time: float
    noted: bool


@dataclass(frozen=True)
class Usage:
    """The space that a folder takes on the disk.

    Attributes:
        bytes: in blocks of the file system.
        files: files and links.
    """

    bytes: int
    files: int


@dataclass(frozen=True)
class Item:
    """A model, or what was made from one.

    Attributes:
        kind: one of `KEPT`.
        key: its name in the cache.
        path: of the folder or file that goes with it.
        handle: of the model, or of the one it was made from: without secrets, its
            folder when that is outside of the cache, None when it is not known.
        bytes: that it takes on the disk.
        files: that it consists of.
        last_use: of it.
        model: the real path of the folder that it is or was made from; None when it
            is not known.
    """

    kind: Kind
    key: str
    path: str
    handle: Optional[str]
    bytes: int
    files: int
    last_use: LastUse
    model: Optional[str]


@dataclass(frozen=True)
class Removal:
    """Something that can be removed from the cache.

    Attributes:
        kind: what it is.
        key: its name in the cache; of an unfinished model, the one it was to have.
        path: of its folder or file.
        bytes: that become free.
        reason: why it would go, as a phrase.
        handle: as for an `Item`.
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


def items(cache: Cache) -> Tuple[Item, ...]:
    """Every sound model, and what was made from a model and can be used."""
    stored = entries(cache)
    handles = {os.path.realpath(entry.path): entry.handle for entry in stored}
    return (*map(_model_item, stored), *_derived_items(cache, handles))


def last_use(entry: Entry) -> LastUse:
    """When a model was last found in the cache, which reads its manifest."""
    return _last_use(os.path.join(entry.folder, MANIFEST), entry.created)


def usage(folder: str) -> Usage:
    """The space that a folder takes; a file with several names counts once."""
    size, files, seen = 0, 0, set()
    for status in _statuses(folder):
        if (status.st_dev, status.st_ino) in seen and status.st_ino:
            continue
        seen.add((status.st_dev, status.st_ino))
        size += status.st_blocks * _BLOCK if hasattr(status, "st_blocks") else status.st_size
        files += not stat.S_ISDIR(status.st_mode)
    return Usage(size, files)


def plan_removal(cache: Cache, model: str) -> Tuple[Removal, ...]:
    """One model, and what was made from it.

    Args:
        cache: that it is in, or what was made from it.
        model: its folder.
    """
    found, folder = items(cache), os.path.realpath(model)
    return _planned(found, [item for item in found if item.model == folder])


def plan_prune(
    cache: Cache,
    older_than: Optional[float] = None,
    max_bytes: Optional[int] = None,
    kinds: Collection[Kind] = KEPT,
) -> Tuple[Removal, ...]:
    """Chooses what to remove of what is of use, least recently used first.

    Args:
        cache: whose models.
        older_than: seconds; what is unused for longer goes.
        max_bytes: that all of it may take on the disk together; the least recently
            used goes until it does.
        kinds: that may go. Weights to be mapped go with their model in any case.
    """
    found = sorted(items(cache), key=lambda item: (item.last_use.time, item.key))
    total = sum(item.bytes for item in found)
    now = time.time()
    chosen: Dict[str, Removal] = {}
    for item in found:
        unused = now - item.last_use.time
        days = f"{unused / 86400:.0f} days"
        if item.kind not in kinds or item.path in chosen:
            continue
        if older_than is not None and unused > older_than:
            reason = f"not used for {days}"
        elif max_bytes is not None and total > max_bytes:
            reason = f"least recently used, {days} ago"
        else:
            continue
        total -= _choose(item, reason, found, chosen)
    return tuple(chosen.values())


def plan_clear(cache: Cache, kinds: Collection[Kind] = KEPT) -> Tuple[Removal, ...]:
    """All that is of use."""
    found = items(cache)
    return _planned(found, [item for item in found if item.kind in kinds])


def plan_sweep(cache: Cache) -> Tuple[Removal, ...]:
    """Entries of no more use: damaged, unfinished, outdated, or left by dead processes."""
    found = [
        *((Kind.DAMAGED, path, f"damaged: {damage[0]}") for path, damage in damaged_entries(cache)),
        *((Kind.QUARANTINED, path, "a damaged copy") for path in _folders(cache, QUARANTINE)),
        *((Kind.PART, path, "an unfinished download") for path in _folders(cache, PARTS)),
        *(
            (Kind.INCOMING, left.path, "left by a process that ended")
            for left in staging.incoming(cache.root)
            if left.abandoned
        ),
        *(
            (Kind.INCOMING, path, "left by a process that ended")
            for path in derived.unfinished(cache.root)
        ),
        *(
            (Kind.OUTDATED, one.path, "its model has changed or is gone")
            for one in derived.weights(cache.root)
            if one.outdated
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
    os.makedirs(os.path.join(cache.root, staging.INCOMING), mode=0o700, exist_ok=True)
    away = staging.unique_folder(cache.root, one.key)
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
            with derived.access_time_kept(os.path.join(folder, MANIFEST)):
                yield examined(folder, os.path.basename(folder))


def _folders(cache: Cache, name: str) -> List[str]:
    folder = os.path.join(cache.root, name)
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    except FileNotFoundError:
        return []


def _derived_items(cache: Cache, handles: Dict[str, str]) -> Iterator[Item]:
    known = dict(handles)
    for one in derived.converted(cache.root):
        handle = known.get(one.model or "", one.model)
        if handle is not None:
            known[os.path.realpath(one.path)] = handle
        yield from _derived_item(Kind.CONVERTED, one, handle)
    for one in derived.weights(cache.root):
        if not one.outdated:
            yield from _derived_item(Kind.WEIGHTS, one, known.get(one.model or "", one.model))


def _derived_item(kind: Kind, one: Derived, handle: Optional[str]) -> Iterator[Item]:
    name, taken = os.path.basename(one.path), usage(one.path)
    # Another process may have removed it.
    with contextlib.suppress(FileNotFoundError):
        used = _last_use(one.read_at_each_use, os.stat(one.read_at_each_use).st_mtime)
        yield Item(kind, name, one.path, handle, taken.bytes, taken.files, used, one.model)


def _model_item(entry: Entry) -> Item:
    size, files, used = usage(entry.folder).bytes, len(entry.files), last_use(entry)
    model = os.path.realpath(entry.path)
    return Item(Kind.MODEL, entry.key, entry.folder, entry.handle, size, files, used, model)


def _last_use(file: str, created: float) -> LastUse:
    if hasattr(os, "statvfs") and os.statvfs(file).f_flag & _NO_ACCESS_TIMES:
        return LastUse(created, noted=False)
    return LastUse(max(os.stat(file).st_atime, created), noted=True)


def _removal(item: Item, reason: str) -> Removal:
    return Removal(item.kind, item.key, item.path, item.bytes, reason, item.handle)


def _planned(found: Collection[Item], wanted: Collection[Item]) -> Tuple[Removal, ...]:
    chosen: Dict[str, Removal] = {}
    for item in wanted:
        _choose(item, "asked for", found, chosen)
    return tuple(chosen.values())


def _choose(item: Item, reason: str, found: Collection[Item], chosen: Dict[str, Removal]) -> int:
    """Adds the removal of an item and of the weights that go with it; the bytes that it adds."""
    folder = os.path.realpath(item.path) if item.kind is Kind.CONVERTED else item.model
    weights = [one for one in found if one.kind is Kind.WEIGHTS and one.model == folder]
    added = [_removal(item, reason)]
    if item.kind is not Kind.WEIGHTS:
        added += [_removal(one, "made from a model that goes") for one in weights]
    new = {one.path: one for one in added if one.path not in chosen}
    chosen.update(new)
    return sum(one.bytes for one in new.values())


def _statuses(folder: str) -> Iterator[os.stat_result]:
    yield os.lstat(folder)
    for inside, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):
                yield os.lstat(os.path.join(inside, name))
