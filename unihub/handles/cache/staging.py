"""Folders in which models are built, before anybody sees them.

    incoming/<key>~<process>-<random>/
        part/            the download, so that it can go on after a failure
        entry/model/     the model
        entry/manifest.json

The folder's name says whose it is: a dead process's folder is removed by the next
one that stores a model. Its download is kept in parts/<key>/, from where the next
build of the same model takes it by a rename, which only one of several can.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import time
import uuid
from dataclasses import dataclass
from typing import Iterator, List, Optional

from unihub.handles.cache import locks, storage
from unihub.handles.cache.manifest import MODEL, walk

INCOMING = "incoming"
PARTS = "parts"

# For folders whose process is on another machine, or cannot be asked after.
ABANDONED_AFTER = 24 * 3600.0
PARTS_KEPT_FOR = 7 * 24 * 3600.0

_ENTRY = "entry"
_DOWNLOAD = "part"
_ARCHIVE = "archive"
_SEPARATOR = "~"
_MODE = 0o755
_WRITABLE_BY_OTHERS = 0o022


class StagingDirectory:
    """Where one build of a model puts its files.

    Attributes:
        model: the empty folder that is to hold the model's files.
        partial: path for the download; the file may be there from an attempt that
            failed, and files whose names begin with it may be beside it.
        needed: bytes that the build needs, when it has said so.
    """

    def __init__(self, root: str, folder: str) -> None:
        self.root = root
        self.folder = folder
        self.entry = os.path.join(folder, _ENTRY)
        self.model = os.path.join(self.entry, MODEL)
        self.partial = os.path.join(folder, _DOWNLOAD, _ARCHIVE)
        self.needed: Optional[int] = None

    def needs(self, size: int) -> None:
        """Notes that ``size`` further bytes will be written.

        Raises:
            DiskFull: when there are not as many.
        """
        self.needed = size
        if storage.free(self.root) < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def clear(self) -> None:
        """Empties `model`, for a build that begins anew."""
        shutil.rmtree(self.model)
        os.mkdir(self.model, _MODE)


@dataclass(frozen=True)
class Incoming:
    """A folder of some process's build.

    Attributes:
        key: of what it builds.
        path: of the folder.
        abandoned: whether nobody works in it any more.
    """

    key: str
    path: str
    abandoned: bool


@contextlib.contextmanager
def opened(root: str, key: str) -> Iterator[StagingDirectory]:
    """A staging directory that is removed at the end.

    The download survives a failure, unless that is a full disk.

    Raises:
        DiskFull, InodesFull: when that is what ended the block, whatever it raised.
    """
    work = StagingDirectory(root, unique_folder(root, key))
    try:
        os.mkdir(work.entry, _MODE)
        os.mkdir(work.model, _MODE)
        _take_download(root, key, os.path.dirname(work.partial))
        yield work
    except BaseException as error:
        reason = storage.shortage_behind(error, root)
        if reason:
            kind = storage.kind_of_shortage(root)
            shutil.rmtree(work.folder, ignore_errors=True)
            raise storage.full(root, kind, reason, work.needed) from error
        _give_up(root, key, work.folder)
        raise
    shutil.rmtree(work.folder, ignore_errors=True)


def unique_folder(root: str, key: str) -> str:
    """Makes a folder of this process in incoming/."""
    path = os.path.join(root, INCOMING, name_of_work(key) + uuid.uuid4().hex[:8])
    os.mkdir(path, _MODE)
    return path


def name_of_work(key: str) -> str:
    """How a name begins that tells whose work it is; see `is_abandoned`."""
    return f"{key}{_SEPARATOR}{locks.this_process()}-"


def incoming(root: str) -> List[Incoming]:
    """Every folder in incoming/, of any process."""
    folder = os.path.join(root, INCOMING)
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    return [
        Incoming(
            key=name.partition(_SEPARATOR)[0],
            path=os.path.join(folder, name),
            abandoned=is_abandoned(os.path.join(folder, name)),
        )
        for name in names
    ]


def sweep(root: str) -> None:
    """Removes what dead processes left, but for downloads of the last days."""
    for left in incoming(root):
        if left.abandoned:
            _give_up(root, left.key, left.path)
    for path in old_parts(root):
        shutil.rmtree(path, ignore_errors=True)


def old_parts(root: str) -> List[str]:
    """Downloads that nobody has gone on with for days."""
    folder = os.path.join(root, PARTS)
    try:
        paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    except FileNotFoundError:
        return []
    return [path for path in paths if time.time() - last_change(path) > PARTS_KEPT_FOR]


def last_change(path: str) -> float:
    """When anything in a folder was last written, in seconds since the epoch; 0 when it is gone."""
    newest = 0.0
    try:
        newest = os.lstat(path).st_mtime
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                newest = max(newest, os.lstat(os.path.join(folder, name)).st_mtime)
    except FileNotFoundError:
        return newest
    return newest


def is_abandoned(path: str) -> bool:
    """Whether the process that a path's name tells has ended; without one, whether it is old."""
    owner = os.path.basename(path).partition(_SEPARATOR)[2].rpartition("-")[0]
    process = locks.parsed(owner)
    running = locks.runs(process) if process else None
    if running is not None:
        return not running
    return time.time() - last_change(path) > ABANDONED_AFTER


def close_to_others(model: str) -> None:
    """Takes the right to write from group and others, which a umask may have given."""
    for folder, _, _ in os.walk(model):
        _close(folder, os.lstat(folder).st_mode)
    for path, status in walk(model):
        if stat.S_ISREG(status.st_mode):
            _close(os.path.join(model, path), status.st_mode)


def sync(entry: str) -> None:
    """Returns when all files and names in an entry are on the disk."""
    for folder, _, files in os.walk(entry, topdown=False):
        for name in files:
            storage.sync_file(os.path.join(folder, name))
        storage.sync_folder(folder)


def _close(path: str, mode: int) -> None:
    if mode & _WRITABLE_BY_OTHERS:
        os.chmod(path, stat.S_IMODE(mode) & ~_WRITABLE_BY_OTHERS)


def _take_download(root: str, key: str, folder: str) -> None:
    try:
        os.rename(os.path.join(root, PARTS, key), folder)
    except FileNotFoundError:
        os.mkdir(folder, _MODE)


def _give_up(root: str, key: str, folder: str) -> None:
    download = os.path.join(folder, _DOWNLOAD)
    # Another process may have removed the folder, or kept a download, before.
    with contextlib.suppress(OSError):
        if os.listdir(download):
            os.rename(download, os.path.join(root, PARTS, key))
    shutil.rmtree(folder, ignore_errors=True)
