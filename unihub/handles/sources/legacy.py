"""Models that tensorflow_hub and kagglehub have already downloaded, used where they are.

Their caches hold no list of files and sizes, so an entry is used when nothing shows
that it is incomplete, and when only its user can have written it.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import warnings
from dataclasses import dataclass
from typing import Iterable, List, Optional, Tuple

from unihub.errors import UnihubError
from unihub.formats.files import PB_FILE, PBTXT_FILE
from unihub.handles.cache.storage import objection

TENSORFLOW_HUB = "tensorflow_hub"
KAGGLEHUB = "kagglehub"

_VARIABLES = {TENSORFLOW_HUB: "TFHUB_CACHE_DIR", KAGGLEHUB: "KAGGLEHUB_CACHE"}
_REMOTE = "://"
_SEGMENT = re.compile(r"(?!\.+$)[^/\\\0]+")
_INDEX = "variables.index"
_SHARD = re.compile(r"variables\.data-(\d{5})-of-(\d{5})")


class UnsafeCacheIgnored(UserWarning):
    """Another program's cache has the model, and others could have put it there."""


@dataclass(frozen=True)
class ForeignEntry:
    """A model in another program's cache.

    Attributes:
        path: the model's folder.
        program: "tensorflow_hub" or "kagglehub".
        version: of the model on Kaggle.
    """

    path: str
    program: str
    version: Optional[int] = None


def tensorflow_hub_cache(variable: Optional[str] = None) -> str:
    """The folder that tensorflow_hub caches in.

    Args:
        variable: the value of TFHUB_CACHE_DIR; None or "" when it is not set.
    """
    return variable or os.path.join(tempfile.gettempdir(), "tfhub_modules")


def tensorflow_hub_entry(handle: str, cache: str) -> Optional[ForeignEntry]:
    """The model that tensorflow_hub 0.12 to 0.16 cached for a handle.

    Args:
        handle: as it was given to tensorflow_hub, letter by letter: its folder is
            named by the SHA-1 of that text.
        cache: see `tensorflow_hub_cache`. A remote one is not looked into.

    Returns:
        The entry, or None when there is none that can be used. A warning,
        `UnsafeCacheIgnored`, says so when others could have written it.
    """
    if _REMOTE in cache:
        return None
    name = hashlib.sha1(handle.encode("utf8", "surrogatepass")).hexdigest()
    folder = os.path.join(os.path.abspath(cache), name)
    # While it is there, a download is under way or was broken off.
    if os.path.lexists(folder + ".lock") or not looks_complete(folder):
        return None
    entry = ForeignEntry(folder, TENSORFLOW_HUB)
    return entry if _is_safe(entry, (os.path.dirname(folder),)) else None


def kagglehub_entry(
    owner: str, model: str, framework: str, variation: str, version: Optional[int], cache: str
) -> Optional[ForeignEntry]:
    """The model that kagglehub cached.

    Args:
        owner, model, framework, variation: the parts of its handle.
        version: of it; None for the newest one that is there.
        cache: the folder that kagglehub caches in.

    Returns:
        As `tensorflow_hub_entry`.
    """
    parts = (owner, model, framework, variation)
    if _REMOTE in cache or not all(_SEGMENT.fullmatch(part) for part in parts):
        return None
    above = [os.path.abspath(cache)]
    for part in ("models", *parts):
        above.append(os.path.join(above[-1], part))
    versions = _versions(above[-1]) if version is None else [version]
    for number in versions:
        folder = os.path.join(above[-1], str(number))
        if os.path.isfile(folder + ".complete") and looks_complete(folder):
            entry = ForeignEntry(folder, KAGGLEHUB, number)
            return entry if _is_safe(entry, above) else None
    return None


def looks_complete(folder: str) -> bool:
    """Whether a folder has a model file, and every file that its variables are said to have."""
    names = _names(folder)
    if PB_FILE not in names and PBTXT_FILE not in names:
        return False
    variables = _names(os.path.join(folder, "variables"))
    shards = [match for match in map(_SHARD.fullmatch, variables) if match]
    counts = {int(shard.group(2)) for shard in shards}
    if not shards:
        return _INDEX not in variables
    return _INDEX in variables and counts == {len(shards)}


def _versions(folder: str) -> List[int]:
    return sorted((int(name) for name in _names(folder) if name.isdigit()), reverse=True)


def _names(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _is_safe(entry: ForeignEntry, above: Iterable[str]) -> bool:
    refusal = _refusal((*above, *_tree(entry.path)), _VARIABLES[entry.program])
    if refusal is None:
        return True
    warnings.warn(
        f"the copy of {entry.program} in {entry.path} is not used, another is fetched: "
        f"{refusal.what} {refusal.why}",
        UnsafeCacheIgnored,
        stacklevel=4,
    )
    return False


def _refusal(paths: Iterable[str], variable: str) -> Optional[UnihubError]:
    for path in paths:
        # A link that leads nowhere cannot be loaded from.
        if os.path.exists(path):
            refusal = objection(path, os.stat(path), variable)
            if refusal:
                return refusal
    return None


def _tree(folder: str) -> Tuple[str, ...]:
    found = [folder]
    for inside, folders, files in os.walk(folder):
        found.extend(os.path.join(inside, name) for name in (*folders, *files))
    return tuple(found)
