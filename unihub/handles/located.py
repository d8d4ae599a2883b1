"""Where a handle of any kind comes to: fetched, held to the lockfile, or refused."""

from __future__ import annotations

import os
from typing import Any, Dict, Optional

from unihub.errors import path_text
from unihub.handles import hubs, parsing
from unihub.handles.kinds import Handle, LocalArchive, LocalFolder

# Handles with secrets that were fetched in this process, by their text without these.
_with_secrets: Dict[str, str] = {}

# What locks, fetches and refuses is imported where it has something to do.


def locate(handle: Any, sha256: Optional[str], locked_by: Optional[str]) -> str:
    """The path of a handle's folder, which is looked for in the cache, and brought there.

    Args:
        handle: text or a PathLike.
        sha256: of the archive; None for any.
        locked_by: the lockfile that holds here, if one does.

    Raises:
        HandleNotSupported, ModelNotFound, LockedContentDiffers, NotCached: as `resolve`.
    """
    if locked_by is not None:
        from unihub.handles import lockfile

        lock = lockfile.read(locked_by)
    given = _parsed(handle)
    if isinstance(given, (LocalArchive, LocalFolder)) and not os.path.lexists(given.path):
        _suggest(path_text(handle))
        if isinstance(given, LocalArchive):
            from unihub.formats.not_a_model import require_folder

            require_folder(given.path)
    if isinstance(given, LocalFolder) and sha256 is None:
        path = given.path
    else:
        from unihub import settings
        from unihub.handles.sources.sources import fetch

        wanted = given if locked_by is None else lockfile.pinned(given, lock)
        path = fetch(wanted, path_text(handle), settings.current(), sha256)
        if given.shown != str(given):
            _with_secrets[parsing.shown(path_text(handle))] = path_text(handle)
    if locked_by is not None:
        lockfile.check(given, path, lock)
    return path


def _parsed(handle: Any) -> Handle:
    try:
        return parsing.parse(handle)
    except parsing.HandleNotSupported:
        if not isinstance(handle, str) or hubs.whole_kaggle_model(handle) is None:
            raise
        from unihub import settings
        from unihub.handles.cache.cache import Cache
        from unihub.handles.sources.context import Context
        from unihub.handles.sources.moved import variation_needed

        now = settings.current()
        error = variation_needed(handle, Context(handle, now, Cache(now.cache)))
        assert error is not None
    raise error


def with_secret(shown: str) -> Optional[str]:
    """The handle that was fetched in this process and is shown so; None for none."""
    return _with_secrets.get(shown)


def _suggest(text: str) -> None:
    """Raises when a path where nothing is was perhaps meant to be another handle."""
    if os.path.isdir(text.partition("/")[0]):
        # A path after all, with a mistake further on.
        return
    meant = hubs.suggestion(text)
    if meant is not None:
        from unihub.formats import not_a_model

        reason, handles = meant
        remedies = [f"unihub.load({parsing.shown(one)!r})" for one in handles]
        if len(remedies) == 1:
            reason = f"there is no such folder; {reason}."
        else:
            # It may as well be a path.
            as_path = not_a_model.path_not_found(text)
            reason = f"{as_path.why[:-1]}; {reason}."
            remedies.insert(0, as_path.do)
        raise not_a_model.ModelNotFound(
            path=parsing.shown(text), reason=reason, remedy="; or ".join(remedies)
        )
