"""Whether a model can be read without a download."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Union

from unihub import settings
from unihub.errors import path_text
from unihub.handles import parsing
from unihub.handles.cache.cache_errors import DamagedEntry
from unihub.handles.kinds import LocalArchive, LocalFolder
from unihub.handles.sources.context import NotCached
from unihub.handles.sources.sources import fetch


def is_at_hand(handle: Union[str, os.PathLike[str]]) -> bool:
    """Whether a model can be read without a download.

    Raises:
        UnihubError: the handle is spelt like none, or names a place where nothing is.
    """
    given = parsing.parse(handle)
    if isinstance(given, (LocalFolder, LocalArchive)):
        return True
    offline = replace(settings.current(), offline=True)
    try:
        fetch(given, path_text(handle), offline, None)
    # A damaged copy is downloaded again.
    except (NotCached, DamagedEntry):
        return False
    return True
