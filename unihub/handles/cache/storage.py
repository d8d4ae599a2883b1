"""Refusals of the file system, and whether others may write there: errors that name the remedy."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import shutil
import stat
from typing import Any, Iterator, Mapping, Optional, Type, Union

from unihub.errors import UnihubError
from unihub.handles.cache.cache_errors import (
    CacheNotPrivate,
    CacheNotReadable,
    CacheNotWritable,
    CacheOwnedByAnother,
    CacheUnusable,
    DiskFull,
    FileSizeLimited,
    InodesFull,
)

PRIVATE = 0o700

_SHORTAGES = {
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the quota of this user is used up",
}
_SHORT_BY = {
    True: "more is needed than the {free} bytes that are free there",
    False: "{needed} bytes are needed, and {free} are free there",
}
_UNUSABLE = {
    errno.ELOOP: "it is a link that leads back to itself",
    errno.ENAMETOOLONG: "its name is longer than the file system takes",
}
_REFUSALS = (errno.EROFS, errno.EACCES, errno.EPERM)
_NOT_FOR_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES)

# The download that fails removes files of its own before anybody can count.
_FEW_INODES = 8

_ROOT = 0
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_WRITERS = {
    stat.S_IWGRP: "every member of its group",
    stat.S_IWOTH: "every user of this machine",
    _WRITABLE_BY_OTHERS: "every user of this machine",
}

# Windows has neither: there the folder's access control list, inherited from
# the user's profile, is what protects it.
HAS_OWNERS = hasattr(os, "geteuid")

Shortage = Union[Type[DiskFull], Type[InodesFull]]


def user() -> int:
    """The uid that this process acts as; -1 where there is none."""
    return os.geteuid() if HAS_OWNERS else -1


def is_trusted(status: os.stat_result) -> bool:
    """Whether `objection` has none, in less time."""
    if not HAS_OWNERS:
        return True
    trusted_owner = status.st_uid in (_ROOT, os.geteuid())
    return trusted_owner and not status.st_mode & _WRITABLE_BY_OTHERS


def objection(
    path: str, status: os.stat_result, variable: str = "UNIHUB_CACHE"
) -> Optional[UnihubError]:
    """Why a file or folder is not to be trusted, or None when it is.

    It is trusted when it belongs to this process's user or to root, and nobody
    else may write to it. Root may do anything anyway, so what it owns is no
    further risk, and caches that are baked into images belong to it. For root
    itself this leaves only what root owns.

    Args:
        path: of the file or folder.
        status: of what is at ``path``; of its target when that is a link.
        variable: the environment variable that names the cache, for the message.
    """
    if is_trusted(status):
        return None
    if status.st_uid not in (_ROOT, os.geteuid()):
        return CacheOwnedByAnother(
            path=path,
            quoted_path=shlex.quote(path),
            owner=status.st_uid,
            uid=user(),
            variable=variable,
            suggestion=suggestion(),
        )
    return CacheNotPrivate(
        path=path,
        mode=f"{stat.S_IMODE(status.st_mode):04o}",
        who=_WRITERS[status.st_mode & _WRITABLE_BY_OTHERS],
        owner=status.st_uid,
        uid=user(),
        remedy=_remedy(path, status, variable),
        variable=variable,
        suggestion=suggestion(),
    )


def require_private(path: str, variable: str = "UNIHUB_CACHE") -> None:
    """Checks a folder; a link is followed.

    Raises:
        CacheOwnedByAnother, CacheNotPrivate: see `objection`.
        FileNotFoundError: when there is nothing.
    """
    refusal = objection(path, os.stat(path), variable)
    if refusal:
        raise refusal


def suggestion() -> str:
    """A folder of the user's own, as a shell expands it."""
    home = os.environ.get("HOME", "")
    return '"$HOME/models"' if os.path.isdir(home) else '"$(mktemp -d)"'


def _remedy(path: str, status: os.stat_result, variable: str) -> str:
    # A sticky folder such as /tmp is shared on purpose: chmod would break others.
    if status.st_mode & stat.S_ISVTX:
        inside = shlex.quote(os.path.join(path, "unihub"))
        return (
            f"use a folder of your own in it: mkdir -m 700 {inside} && export {variable}={inside}"
        )
    return f"chmod -R go-w {shlex.quote(path)}"


def shortage_behind(error: BaseException, root: str) -> Optional[OSError]:
    """The error by which the cache's file system said that it is full, if one caused ``error``."""
    seen = set()
    cause: Optional[BaseException] = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, OSError) and cause.errno in _SHORTAGES and _concerns(cause, root):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def kind_of_shortage(root: str) -> Shortage:
    """Whether space or inodes ran out; to be asked before anything is removed."""
    status = _file_system(root)
    if status and status.f_files and status.f_favail <= _FEW_INODES and status.f_bavail:
        return InodesFull
    return DiskFull


def full(root: str, kind: Shortage, reason: OSError, needed: Optional[int]) -> UnihubError:
    """The error for a shortage; to be asked after what was written is removed."""
    status = _file_system(root)
    return kind(
        root=root,
        quoted_root=shlex.quote(root),
        reason=_SHORTAGES.get(reason.errno or 0, str(reason)),
        shortage=_SHORT_BY[needed is None].format(needed=needed, free=free(root)),
        free=free(root),
        inodes=status.f_files if status else "?",
        suggestion=suggestion(),
    )


def free(root: str) -> int:
    """Bytes that this user can still write where ``root`` is or will be."""
    return shutil.disk_usage(_existing(root)).free


@contextlib.contextmanager
def writing(root: str) -> Iterator[None]:
    """Says what the file system of the cache refuses within the block.

    Raises:
        CacheNotWritable, CacheUnusable, DiskFull, FileSizeLimited, InodesFull: each
            from the OSError.
    """
    try:
        yield
    except UnihubError:
        raise
    except OSError as error:
        if shortage_behind(error, root):
            raise full(root, kind_of_shortage(root), error, None) from error
        if error.errno == errno.EFBIG:
            raise FileSizeLimited(root=root, limit=_file_size_limit()) from error
        if error.errno in _REFUSALS and error.filename and _concerns(error, root):
            raise not_writable(root, error) from error
        _refuse_unusable(root, error)
        raise


@contextlib.contextmanager
def reading(root: str) -> Iterator[None]:
    """As `writing`, for what is only read.

    Raises:
        CacheNotReadable: when the file system denies it.
        CacheUnusable: when it is no folder.
    """
    try:
        yield
    except UnihubError:
        raise
    except PermissionError as error:
        raise CacheNotReadable(
            root=root,
            quoted_root=shlex.quote(root),
            reason=error.strerror,
            path=str(error.filename),
            uid=user(),
            suggestion=suggestion(),
        ) from error
    except OSError as error:
        _refuse_unusable(root, error)
        raise


def _refuse_unusable(root: str, error: OSError) -> None:
    """Raises CacheUnusable for what makes no folder a cache, if ``error`` is about the cache."""
    if not error.filename or not _concerns(error, root):
        return
    path = os.fsdecode(error.filename)
    reason = _UNUSABLE.get(error.errno or 0)
    if error.errno == errno.ENOENT:
        is_inside = os.path.abspath(path).startswith(root + os.sep)
        reason = "it was removed while it was in use" if is_inside else "it cannot be made there"
    if reason is not None:
        facts = {"root": root, "path": path, "suggestion": suggestion()}
        raise CacheUnusable(reason=reason, **facts) from error


def _file_size_limit() -> Any:
    # Windows has neither the module nor the limit.
    import resource

    return resource.getrlimit(resource.RLIMIT_FSIZE)[0]


def make_folders(root: str, folders: Mapping[str, int]) -> None:
    """Makes the cache and folders in it, where they are not there yet.

    Args:
        root: of the cache.
        folders: modes by name.

    Raises:
        CacheNotWritable, DiskFull, InodesFull: when the file system refuses.
        CacheOwnedByAnother, CacheNotPrivate: when others can change one of them.
    """
    with writing(root):
        try:
            os.makedirs(os.path.dirname(root), exist_ok=True)
            _make_folder(root, PRIVATE)
            require_private(root)
            for name, mode in folders.items():
                _make_folder(os.path.join(root, name), mode)
                require_private(os.path.join(root, name))
        except (FileExistsError, NotADirectoryError) as error:
            raise not_writable(root, error) from error


def _make_folder(path: str, mode: int) -> None:
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def not_writable(root: str, error: OSError) -> CacheNotWritable:
    """The error for a cache in which nothing can be made or renamed."""
    return CacheNotWritable(
        root=root,
        reason=error.strerror or str(error),
        path=str(error.filename),
        suggestion=suggestion(),
    )


def sync_file(path: str) -> None:
    """Returns when a file's content is on the disk."""
    # Windows flushes only what is open for writing.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: str) -> None:
    """As `sync_file`, for a folder's list of names, where the system can do that."""
    if os.name == "nt":
        return
    try:
        sync_file(path)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise


def _concerns(error: OSError, root: str) -> bool:
    """Whether it is about the cache; a failed write does not say where."""
    if not error.filename or not isinstance(error.filename, str):
        return True
    path = os.path.abspath(error.filename)
    # A parent that cannot be made or entered is about the cache too.
    return path == root or path.startswith(root + os.sep) or root.startswith(path + os.sep)


def _file_system(root: str) -> Optional[os.statvfs_result]:
    return os.statvfs(_existing(root)) if hasattr(os, "statvfs") else None


def _existing(path: str) -> str:
    while not os.path.exists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
