"""From a handle to a local folder."""

from __future__ import annotations

import os
from typing import Any, Union

from unihub.errors import Message, UnihubError
from unihub.reading.not_a_model import require_folder

_REMOTE = ("http://", "https://")


class HandleNotSupported(UnihubError, ValueError):
    """The handle is of no kind that unihub resolves."""

    message = Message(
        code="handle-not-supported",
        what="{handle} is not a handle that unihub can resolve.",
        why="a handle is a local folder, or the http(s) URL of a model or of a .tar.gz archive. "
        "(found: {found})",
        do="download the model into a folder, then unihub.load('path/to/folder')",
    )


class FetchFailed(UnihubError, OSError):
    """A remote handle could not be downloaded."""

    message = Message(
        code="fetch-failed",
        what="{handle} could not be downloaded.",
        why="{reason}",
        do="check the URL with: curl -IL {handle!r}",
    )


def resolve(handle: Union[str, os.PathLike[str]]) -> str:
    """Turns a handle into the path of a local folder.

    A local path is returned as it is, with ``~`` expanded; whether it holds a
    model is for its reader to say. A URL is downloaded by
    tensorflow_hub, into the cache that TFHUB_CACHE_DIR names.

    Args:
        handle: a folder (str or PathLike), or the http(s) URL of a model.

    Returns:
        The path of a folder.

    Raises:
        HandleNotSupported: for anything else.
        ModelNotFound: when there is nothing at a local path.
        FetchFailed: when the download fails.

    Source: https://www.tensorflow.org/hub/hosting.

    Example:
        >>> unihub.resolve("path/to/model")
        'path/to/model'
    """
    path = locate(handle)
    if not os.path.lexists(path):
        require_folder(path)
    return path


def locate(handle: Union[str, os.PathLike[str]]) -> str:
    """As `resolve`, without looking whether there is anything at a local path."""
    if not isinstance(handle, (str, os.PathLike)):
        raise HandleNotSupported(handle=repr(handle), found=f"a {type(handle).__name__}")
    text = os.fspath(handle)
    if not isinstance(text, str):
        raise HandleNotSupported(handle=repr(handle), found="a path of bytes")
    if text.startswith(_REMOTE):
        return _download(text)
    scheme, separator, _ = text.partition("://")
    if separator:
        raise HandleNotSupported(handle=text, found=f"a {scheme}:// handle")
    if not text:
        raise HandleNotSupported(handle="''", found="an empty string")
    return os.path.expanduser(text)


def _download(url: str) -> str:
    hub = _tensorflow_hub()
    try:
        return str(hub.resolve(url))
    # The resolver lets through whatever urllib, tarfile and TensorFlow's file
    # system raise, and the caller needs the URL with each of them.
    except Exception as error:
        raise FetchFailed(handle=url, reason=f"{type(error).__name__}: {error}") from error


def _tensorflow_hub() -> Any:
    from importlib import import_module

    # By name: this layer is below the routes and needs TensorFlow only here.
    routes = import_module("unihub.routes.tensorflow_hub")
    return routes.import_tensorflow_hub("downloading a handle")
