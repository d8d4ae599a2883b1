"""What tf.io.gfile reads, for handles of file systems that TensorFlow alone knows."""

from __future__ import annotations

import contextlib
from typing import Iterator, List, NoReturn, Tuple

import tensorflow as tf

from unihub.errors import UnihubError, first_line
from unihub.redaction import redacted, scrubbed

_BLOCK = 1 << 20


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
    with _explained(folder, "folder"):
        # walk() would take what is not there for an empty folder.
        if not tf.io.gfile.stat(folder).is_directory:
            _raise_nothing(folder, "folder", "it is a file")
        return [(path, int(tf.io.gfile.stat(f"{folder}/{path}").length)) for path in _walk(folder)]


def size(file: str) -> int:
    """The size of a file, in bytes.

    Raises:
        FileSystemNotAvailable, NothingByGfile, GfileFailed.
    """
    with _explained(file, "file"):
        status = tf.io.gfile.stat(file)
        if status.is_directory:
            _raise_nothing(file, "file", "it is a folder")
        return int(status.length)


def blocks(file: str) -> Iterator[bytes]:
    """The content of a file.

    Raises:
        FileSystemNotAvailable, NothingByGfile, GfileFailed.
    """
    with _explained(file, "file"), tf.io.gfile.GFile(file, "rb") as opened:
        yield from iter(lambda: opened.read(_BLOCK), b"")


def _walk(folder: str) -> Iterator[str]:
    for inside, _, names in tf.io.gfile.walk(folder):
        relative = inside[len(folder) :].strip("/")
        for name in names:
            yield f"{relative}/{name}" if relative else name


@contextlib.contextmanager
def _explained(uri: str, wanted: str) -> Iterator[None]:
    try:
        yield
    except tf.errors.UnimplementedError as error:
        raise FileSystemNotAvailable(
            uri=redacted(uri),
            scheme=uri.partition("://")[0],
            version=tf.__version__,
            reason=scrubbed(first_line(error)),
        ) from None
    except tf.errors.NotFoundError as error:
        _raise_nothing(uri, wanted, scrubbed(first_line(error)).rstrip("."))
    except tf.errors.OpError as error:
        reason = scrubbed(first_line(error))
        raise GfileFailed(uri=redacted(uri), kind=type(error).__name__, reason=reason) from None


def _raise_nothing(uri: str, wanted: str, reason: str) -> NoReturn:
    uri = redacted(uri)
    parent = uri.rpartition("/")[0] + "/"
    raise NothingByGfile(uri=uri, wanted=wanted, reason=reason, parent=parent) from None
