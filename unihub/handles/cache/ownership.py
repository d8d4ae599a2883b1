"""Whether a folder of models can have been written by anybody but its user."""

from __future__ import annotations

import os
import shlex
import stat
from typing import Optional

from unihub.errors import UnihubError
from unihub.handles.cache.cache_errors import CacheNotPrivate, CacheOwnedByAnother

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
    return '"$HOME/models"'


def _remedy(path: str, status: os.stat_result, variable: str) -> str:
    # A sticky folder such as /tmp is shared on purpose: chmod would break others.
    if status.st_mode & stat.S_ISVTX:
        inside = shlex.quote(os.path.join(path, "unihub"))
        return (
            f"use a folder of your own in it: mkdir -m 700 {inside} && export {variable}={inside}"
        )
    return f"chmod -R go-w {shlex.quote(path)}"
