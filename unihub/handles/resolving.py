"""From a handle to a local folder."""

from __future__ import annotations

import os
import sys
from pathlib import PurePath
from typing import Any, Optional, Union

from unihub.errors import path_text
from unihub.errors.guard import guarded
from unihub.handles.registered import registered

LOCKFILE = "unihub.lock"


@guarded("resolving")
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
            or with a version, as its page's URL, or bare; a SavedModel of Hugging Face, as
            ``hf://owner/name[@revision][/folder]``; gs://bucket/path of a folder or an
            archive; any other scheme that tf.io.gfile reads; or what `register_resolver`
            knows. A handle without a version stands for the one that was the newest when
            it was first fetched.
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
        from unihub.formats.not_a_model import require_folder

        require_folder(path)
    return path


def locate(handle: Union[str, os.PathLike[str]], *, sha256: Optional[str] = None) -> str:
    """As `resolve`, without looking whether there is anything at the path of a local folder."""
    path = _folder_here(handle)
    locked_by = lockfile_path()
    if path is None or sha256 is not None or locked_by is not None:
        # Only these need what tells kinds of handles, fetches, locks and refuses.
        from unihub.handles import located

        path = located.locate(handle, sha256, locked_by)
    return path


def _folder_here(handle: Any) -> Optional[str]:
    """The path of a folder that is there; None for what may be anything else."""
    text = path_text(handle) if isinstance(handle, (str, os.PathLike)) else None
    if not isinstance(text, str) or "://" in text or "\0" in text or not text.strip():
        return None
    if not isinstance(handle, PurePath) and any(one.takes(text) for one in registered):
        return None
    path = os.path.expanduser(text)
    return path if os.path.isdir(path) else None


def lockfile_path() -> Optional[str]:
    """The lockfile that holds here: the setting's, else that of the nearest folder from here up."""
    # Nobody has configured what was not imported.
    if os.environ.get("UNIHUB_LOCKFILE") or "unihub.settings" in sys.modules:
        from unihub import settings

        chosen = settings.value("lockfile")
        if chosen is not None:
            return chosen or None
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        # It was deleted.
        return None
    while True:
        path = os.path.join(folder, LOCKFILE)
        if os.path.isfile(path):
            return path
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
