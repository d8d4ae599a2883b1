"""From a handle to a local folder."""

from __future__ import annotations

import os
import sys
from typing import Optional, Union

from unihub.handles import parsing
from unihub.handles.kinds import LocalArchive, LocalFolder
from unihub.handles.parsing import HandleNotSupported as HandleNotSupported

# A folder of this machine needs no more than these, so what fetches, locks and refuses
# is imported where it has something to do.

LOCKFILE = "unihub.lock"


def resolve(handle: Union[str, os.PathLike[str]], *, sha256: Optional[str] = None) -> str:
    """Turns a handle into the path of a local folder.

    A local folder is returned as it is, with ``~`` expanded; whether it holds a
    model is for its reader to say. Anything else is brought into the cache once,
    verified, and found there from then on; what tensorflow_hub or kagglehub has
    cached already is used where it is.

    Args:
        handle: text or a PathLike: a folder; a .tar, .tar.gz, .tgz or .zip; the
            http(s) URL of such an archive, or of a model in TF Hub's hosting
            protocol; a model of Kaggle, as kaggle://owner/model/framework/variation
            [/version], as its page's URL, or bare; gs://bucket/path of a folder or an
            archive; any other scheme that tf.io.gfile reads; or what
            `register_resolver` knows. A handle without a version stands for the one
            that was the newest when it was first fetched.
        sha256: of the archive, in hexadecimal: no other bytes are used.

    Returns:
        The path of a folder, complete; not to be written to.

    Raises:
        HandleNotSupported: when it is spelt like no handle.
        ModelNotFound: when there is nothing at a local path.
        LockedContentDiffers: when the project's lockfile names other bytes.
        NotCached: offline, when the model is not in the cache.
        UnihubError: one class per cause; each is also the builtin that
            tensorflow_hub raises there, an OSError where a download fails.

    Source: https://www.tensorflow.org/hub/hosting.

    Example:
        >>> unihub.resolve("path/to/model")
        'path/to/model'
    """
    path = locate(handle, sha256=sha256)
    if not os.path.lexists(path):
        _refuse(path)
    return path


def locate(handle: Union[str, os.PathLike[str]], *, sha256: Optional[str] = None) -> str:
    """As `resolve`, without looking whether there is anything at the path of a local folder."""
    locked_by = lockfile_path()
    if locked_by is not None:
        from unihub.handles import lockfile

        lock = lockfile.read(locked_by)
    given = parsing.parse(handle)
    if isinstance(given, (LocalArchive, LocalFolder)) and not os.path.lexists(given.path):
        _suggest(os.fspath(handle))
        if isinstance(given, LocalArchive):
            _refuse(given.path)
    if isinstance(given, LocalFolder) and sha256 is None:
        path = given.path
    else:
        from unihub import settings
        from unihub.handles.sources.sources import fetch

        wanted = lockfile.pinned(given, lock) if locked_by is not None else given
        path = fetch(wanted, os.fspath(handle), settings.current(), sha256)
    if locked_by is not None:
        lockfile.check(given, path, lock)
    return path


def lockfile_path() -> Optional[str]:
    """The lockfile that holds here: the setting's, else that of the nearest folder from here up."""
    # Nobody has configured what was not imported.
    if os.environ.get("UNIHUB_LOCKFILE") or "unihub.settings" in sys.modules:
        from unihub import settings

        chosen = settings.value("lockfile")
        if chosen is not None:
            return chosen or None
    folder = os.getcwd()
    while True:
        path = os.path.join(folder, LOCKFILE)
        if os.path.isfile(path):
            return path
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _suggest(text: str) -> None:
    """Raises when a path where nothing is was perhaps meant to be another handle."""
    if os.path.isdir(text.partition("/")[0]):
        # A path after all, with a mistake further on.
        return
    meant = parsing.suggestion(text)
    if meant is not None:
        from unihub.formats.not_a_model import ModelNotFound

        reason, handle = meant
        raise ModelNotFound(
            path=parsing.shown(text),
            reason=f"there is no such folder; {reason}.",
            remedy=f"unihub.load({parsing.shown(handle)!r})",
        )


def _refuse(path: str) -> None:
    from unihub.formats.not_a_model import require_folder

    require_folder(path)
