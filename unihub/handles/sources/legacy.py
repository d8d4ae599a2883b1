"""Models that tensorflow_hub and kagglehub have already downloaded, used where they are.

Their caches hold no list of files and sizes, so an entry is used when nothing shows
that it is incomplete, and when only its user can have written it.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import Iterable, List, Optional, Tuple

from unihub.errors import UnihubError, warn
from unihub.formats.files import PB_FILE, PBTXT_FILE
from unihub.handles.cache.storage import objection
from unihub.handles.kinds import KaggleModel

_REMOTE = "://"
_SEGMENT = re.compile(r"(?!\.+$)[^/\\\0]+")
_INDEX = "variables.index"
_SHARD = re.compile(r"variables\.data-(\d{5})-of-(\d{5})")


class UnsafeCacheIgnored(UserWarning):
    """Another program's cache has the model, and others could have put it there."""


def tensorflow_hub_entry(handle: str, cache: str) -> Optional[str]:
    """The folder of the model that tensorflow_hub 0.12 to 0.16 cached for a handle.

    Args:
        handle: as it was given to tensorflow_hub, letter by letter: its folder is
            named by the SHA-1 of that text.
        cache: the folder that tensorflow_hub caches in. A remote one is not looked into.

    Returns:
        The path, or None when there is no model that can be used. A warning,
        `UnsafeCacheIgnored`, says so when others could have written it.
    """
    if _REMOTE in cache:
        return None
    name = hashlib.sha1(handle.encode("utf8", "surrogatepass")).hexdigest()
    folder = os.path.join(os.path.abspath(cache), name)
    # While it is there, a download is under way or was broken off.
    if os.path.lexists(folder + ".lock") or not looks_complete(folder):
        return None
    return _if_safe(folder, (os.path.dirname(folder),), "tensorflow_hub", "TFHUB_CACHE_DIR")


def kagglehub_entry(handle: KaggleModel, cache: str) -> Optional[str]:
    """As `tensorflow_hub_entry`, of kagglehub; without a version, the newest that is there."""
    framework = handle.framework
    # Those that Kaggle's pages have had, which kagglehub names its folders by.
    spellings = (framework, framework[:1].upper() + framework[1:], framework.lower())
    for spelt in dict.fromkeys(spellings):
        parts = (handle.owner, handle.model, spelt, handle.variation)
        if _REMOTE in cache or not all(_SEGMENT.fullmatch(part) for part in parts):
            return None
        above = [os.path.abspath(cache)]
        for part in ("models", *parts):
            above.append(os.path.join(above[-1], part))
        for number in [handle.version] if handle.version else _versions(above[-1]):
            folder = os.path.join(above[-1], str(number))
            if os.path.isfile(folder + ".complete") and looks_complete(folder):
                return _if_safe(folder, above, "kagglehub", "KAGGLEHUB_CACHE")
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


def _if_safe(folder: str, above: Iterable[str], program: str, variable: str) -> Optional[str]:
    refusal = _refusal((*above, *_tree(folder)), variable)
    if refusal is None:
        return folder
    warn(
        f"the copy of {program} in {folder} is not used, another is fetched: "
        f"{refusal.what} {refusal.why}",
        UnsafeCacheIgnored,
    )
    return None


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
