"""From a handle to a local folder."""

from __future__ import annotations

import os
from typing import Optional, Union

from unihub import settings
from unihub.formats.not_a_model import ModelNotFound, require_folder
from unihub.handles import lockfile, parsing
from unihub.handles.kinds import LocalArchive, LocalFolder
from unihub.handles.lockfile import Lockfile
from unihub.handles.parsing import HandleNotSupported as HandleNotSupported
from unihub.handles.sources.sources import folder_of


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
    return resolve_under(lockfile.of_project(), handle, sha256)


def resolve_under(
    lock: Optional[Lockfile],
    handle: Union[str, os.PathLike[str]],
    sha256: Optional[str] = None,
) -> str:
    """As `resolve`, held to a lockfile, or to none.

    Raises:
        LockedContentDiffers: when the model is not what the lockfile says.
    """
    path = _located(lock, handle, sha256)
    if not os.path.lexists(path):
        require_folder(path)
    return path


def locate(handle: Union[str, os.PathLike[str]], *, sha256: Optional[str] = None) -> str:
    """As `resolve`, without looking whether there is anything at the path of a local folder."""
    return _located(lockfile.of_project(), handle, sha256)


def _located(
    lock: Optional[Lockfile], handle: Union[str, os.PathLike[str]], sha256: Optional[str]
) -> str:
    given = parsing.parse(handle)
    text = os.fspath(handle)
    if isinstance(given, (LocalArchive, LocalFolder)) and not os.path.lexists(given.path):
        _suggest(text)
        if isinstance(given, LocalArchive):
            require_folder(given.path)
    if lock is None:
        return folder_of(given, text, settings.current(), sha256)
    path = folder_of(lockfile.pinned(given, lock), text, settings.current(), sha256)
    lockfile.check(given, path, lock)
    return path


def _suggest(text: str) -> None:
    """Raises when a path where nothing is was perhaps meant to be another handle."""
    meant = parsing.suggestion(text)
    if meant is not None:
        reason, handle = meant
        raise ModelNotFound(
            path=text,
            reason=f"there is no such folder; {reason}.",
            remedy=f"unihub.load({handle!r})",
        )
