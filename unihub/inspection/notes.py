"""Notes in the cache of the graphs that were searched, and in which nothing grave was found.

A note is an empty file. Its name is the hash of the graph and of what searched it, so that
another graph, or another release of unihub, is searched anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os

from unihub import __version__, settings
from unihub.errors import UnihubError
from unihub.formats.message import Data
from unihub.handles.cache import storage
from unihub.matrix.values import Format

_FOLDER = "searched"


def name_of(content: Data, format: Format) -> str:
    """The name of the note on a graph.

    Args:
        content: of saved_model.pb or saved_model.pbtxt.
        format: of the model, which says who loads it, and so what is given to the graph.
    """
    found = hashlib.sha256(f"unihub {__version__} {format.value}\n".encode())
    found.update(content)
    return found.hexdigest()


def is_there(name: str) -> bool:
    """Whether this user, on this machine, has a note of that name."""
    folder = os.path.join(settings.current().cache, _FOLDER)
    return os.path.isfile(os.path.join(folder, name)) and storage.is_trusted(os.stat(folder))


def write(name: str) -> None:
    """Writes a note. A cache that cannot be written to has none: the graph is searched again."""
    cache = settings.current().cache
    with contextlib.suppress(UnihubError, OSError):
        storage.make_folders(cache, {_FOLDER: storage.PRIVATE})
        with open(os.path.join(cache, _FOLDER, name), "wb"):
            pass
