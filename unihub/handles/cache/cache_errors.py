"""Why the cache could not serve or store a model."""

from __future__ import annotations

import errno
from typing import Any

from unihub.errors import UnihubError


class CacheNotWritable(UnihubError, PermissionError):
    """A model is to be stored where nothing can be written."""

    code = "cache-not-writable"
    what = "The cache {root} cannot be written."
    why = "{reason}. (at {path})"
    do = "use a folder of your own: export UNIHUB_CACHE={suggestion}"


class CacheNotReadable(UnihubError, PermissionError):
    """The cache is there, and its owner lets nobody else look into it."""

    code = "cache-not-readable"
    what = "The cache {root} cannot be read."
    why = "{reason}. (at {path}; you are uid {uid})"
    do = (
        "let its owner run: chmod -R a+rX {quoted_root}\n"
        "or use a folder of your own: export UNIHUB_CACHE={suggestion}"
    )


class CacheNotPrivate(UnihubError, PermissionError):
    """Others can write to a folder that models are loaded from."""

    code = "cache-not-private"
    what = "{path} is not used: others than its owner can write to it."
    why = (
        "its mode is {mode}, so {who} could put a model there, and a model that is loaded "
        "runs as you. (it belongs to uid {owner}; you are uid {uid})"
    )
    do = "{remedy}\nor use a folder that only you can write to: export {variable}={suggestion}"


class CacheOwnedByAnother(UnihubError, PermissionError):
    """A folder that models are loaded from belongs to another user."""

    code = "cache-owned-by-another"
    what = "{path} is not used: it belongs to another user."
    why = (
        "its owner is uid {owner} and you are uid {uid}. The owner can change the models in "
        "it, and a model that is loaded runs as you. Folders of your own and of root are used."
    )
    do = (
        "if what is in it can be trusted: sudo chown -R {uid} {quoted_path}\n"
        "or use a folder of your own: export {variable}={suggestion}"
    )


class DiskFull(UnihubError, OSError):
    """There is no space left, or none left that this user may have."""

    code = "disk-full"
    what = "There is not enough space in the cache {root}."
    why = "{reason}: {shortage}. What had been written is removed."
    do = (
        "make room: unihub cache prune\n"
        "or use a folder on a larger disk: export UNIHUB_CACHE={suggestion}"
    )

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self.errno = errno.ENOSPC


class InodesFull(UnihubError, OSError):
    """There is space left, but the file system can hold no further file."""

    code = "inodes-full"
    what = "The file system of the cache {root} can hold no more files."
    why = (
        "all of its {inodes} inodes were in use, while {free} bytes were free. What had been "
        "written is removed."
    )
    do = (
        "see how many are in use: df -i {quoted_root}\n"
        "or use a folder on another file system: export UNIHUB_CACHE={suggestion}"
    )

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self.errno = errno.ENOSPC


class FileSizeLimited(UnihubError, OSError):
    """The process may not write files as large as one of the model's."""

    code = "file-size-limited"
    what = "A file in the cache {root} would be larger than this process may write."
    why = "its limit is {limit} bytes (ulimit -f). What had been written of the model is removed."
    do = 'in the shell that starts it: ulimit -S -f "$(ulimit -H -f)"'

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self.errno = errno.EFBIG


class CacheUnusable(UnihubError, OSError):
    """The path that is to be the cache is no folder that anything can be kept in."""

    code = "cache-unusable"
    what = "{root} cannot be used as the cache."
    why = "{reason}. (at {path})"
    do = "use another folder: export UNIHUB_CACHE={suggestion}"


class LockTimeout(UnihubError, TimeoutError):
    """Another process kept the lock of a model for longer than the setting allows."""

    code = "lock-timeout"
    what = "{handle} is being fetched by another process, and {timeout:g} s of waiting are over."
    why = "{holder} has {lock} locked."
    do = "{remedy}\nor wait longer: export UNIHUB_LOCK_TIMEOUT={suggestion:g}"


class DamagedEntry(UnihubError, OSError):
    """The files of a model in the cache are not those that were stored; they are never served."""

    code = "damaged-entry"
    what = "The cached copy of {handle} is damaged."
    why = "{damage}. (in {folder})"
    do = (
        "with a network it is fetched again: unihub fetch {quoted_handle}\n"
        "or delete the copy: rm -r {quoted_folder}"
    )


class NoModelFile(UnihubError, OSError):
    """The files that were fetched have no model in them, and so were not stored."""

    code = "no-model-file"
    what = "{handle} was fetched, and there is no model in it."
    why = "a model's folder holds one of {wanted}. (found: {found})"
    do = "look for another format of it on its page, named TensorFlow 1 or 2, or SavedModel"


class IncompleteBuild(UnihubError, OSError):
    """The files of a model are, when it is to be stored, not those that were written."""

    code = "incomplete-build"
    what = "{handle} was fetched, but its files on disk are not what was written."
    why = "{damage}. Nothing of it is used."
    do = "fetch it again: unihub fetch {quoted_handle}  # if it stays so, check the disk of {root}"
