"""Files that tf.io.gfile reads, for handles of file systems that TensorFlow alone knows."""

from __future__ import annotations

from typing import Callable, Iterator, List, Tuple, TypeVar

import tensorflow as tf

from unihub.errors import UnihubError, first_line
from unihub.errors.redaction import redacted, scrubbed

_BLOCK = 1 << 20
_Read = TypeVar("_Read")


class FileSystemNotAvailable(UnihubError, OSError):
    """This TensorFlow does not know the scheme of a handle."""

    code = "file-system-not-available"
    what = "TensorFlow cannot read {uri} here."
    why = "TensorFlow {version} has no file system for {scheme}://. (it says: {reason})"
    do = (
        "for s3, hdfs, az and others: pip install tensorflow-io, and import tensorflow_io "
        "first; or copy the folder to this machine"
    )


class NothingByGfile(UnihubError, FileNotFoundError):
    """A file system that TensorFlow reads has nothing there."""

    code = "nothing-by-gfile"
    what = "There is no {wanted} at {uri}."
    why = "{reason}."
    do = (
        'see what is there: python -c "import tensorflow as tf; '
        'print(tf.io.gfile.listdir({parent!r}))"'
    )


class GfileFailed(UnihubError, OSError):
    """TensorFlow's file system raised something else."""

    code = "gfile-failed"
    what = "TensorFlow could not read {uri}."
    why = "tf.io.gfile raised {kind}: {reason}"
    do = (
        'see whether TensorFlow reads it: python -c "import tensorflow as tf; '
        'print(tf.io.gfile.stat({uri!r}))"'
    )


def files(folder: str) -> List[Tuple[str, int]]:
    """Every file in a folder: its path relative to it, and its size in bytes.

    Raises:
        FileSystemNotAvailable, NothingByGfile, GfileFailed.
    """

    def listed() -> List[Tuple[str, int]]:
        # walk() would take what is not there for an empty folder.
        if not tf.io.gfile.stat(folder).is_directory:
            raise _nothing(folder, "folder", "it is a file")
        return [(path, int(tf.io.gfile.stat(f"{folder}/{path}").length)) for path in _walk(folder)]

    return _explained(folder, "folder", listed)


def size(file: str) -> int:
    """The size of a file, in bytes.

    Raises:
        FileSystemNotAvailable, NothingByGfile, GfileFailed.
    """

    def length() -> int:
        status = tf.io.gfile.stat(file)
        if status.is_directory:
            raise _nothing(file, "file", "it is a folder")
        return int(status.length)

    return _explained(file, "file", length)


def blocks(file: str) -> Iterator[bytes]:
    """The content of a file.

    Raises:
        FileSystemNotAvailable, NothingByGfile, GfileFailed.
    """
    with tf.io.gfile.GFile(file, "rb") as opened:
        yield from iter(lambda: _explained(file, "file", lambda: opened.read(_BLOCK)), b"")


def _walk(folder: str) -> Iterator[str]:
    for inside, _, names in tf.io.gfile.walk(folder):
        relative = inside[len(folder) :].strip("/")
        for name in names:
            yield f"{relative}/{name}" if relative else name


def _explained(uri: str, wanted: str, read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except tf.errors.OpError as error:
        failure = _failure(uri, wanted, error)
    # Not where TensorFlow's error is handled: that would hang on ours, with all of the handle.
    raise failure


def _failure(uri: str, wanted: str, error: tf.errors.OpError) -> UnihubError:
    # The handle may have white space in it.
    reason = scrubbed(first_line(error).replace(uri, redacted(uri)))
    if isinstance(error, tf.errors.UnimplementedError):
        scheme = uri.partition("://")[0]
        return FileSystemNotAvailable(
            uri=redacted(uri), scheme=scheme, version=tf.__version__, reason=reason
        )
    if isinstance(error, tf.errors.NotFoundError):
        return _nothing(uri, wanted, reason.rstrip("."))
    return GfileFailed(uri=redacted(uri), kind=type(error).__name__, reason=reason)


def _nothing(uri: str, wanted: str, reason: str) -> NothingByGfile:
    uri = redacted(uri)
    parent = uri.rpartition("/")[0] + "/"
    return NothingByGfile(uri=uri, wanted=wanted, reason=reason, parent=parent)
