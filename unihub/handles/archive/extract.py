"""From an archive to a folder: only what is whole, safe and of a sensible size."""

from __future__ import annotations

import io
from itertools import chain
from typing import BinaryIO, Iterator, NoReturn, Optional, Tuple

from unihub.handles.archive.extract_errors import (
    ArchiveNotSupported,
    EmptyArchive,
    NotAnArchive,
    unpacking,
)
from unihub.handles.archive.extract_stream import CHUNK, GZIP_MAGIC, Inflater, Stream
from unihub.handles.archive.extract_tar import BLOCK, extract_tar, is_tar
from unihub.handles.archive.extract_zip import extract_zip
from unihub.handles.archive.members import Caps, Destination, ExtractedFile

__all__ = ["Caps", "ExtractedFile", "archive_kind", "extract"]

TAR, TAR_GZ, ZIP = "tar", "tar.gz", "zip"
LONGEST_MAGIC = BLOCK

_OTHER_ARCHIVES = (
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\x04\x22\x4d\x18", "an lz4 file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
)
_NO_ARCHIVES = (
    (b"<", "a web page or an XML answer, as servers send them with an error or a login form"),
    (b"{", "JSON, as servers send it with an error"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it stands for"),
    (b"\x89HDF\r\n", "an HDF5 file, perhaps a Keras model's weights"),
)


def archive_kind(start: bytes) -> Optional[str]:
    """The kind of archive that a file is, by its first `LONGEST_MAGIC` bytes.

    Returns:
        "tar", "tar.gz" (any gzip file), "zip", which alone cannot be extracted as a
        stream, or None.
    """
    if start.startswith(GZIP_MAGIC):
        return TAR_GZ
    if start.startswith((b"PK\3\4", b"PK\5\6")):
        return ZIP
    return TAR if is_tar(start[:BLOCK]) else None


def extract(
    archive: BinaryIO, folder: str, caps: Caps, name: str, kind: Optional[str] = None
) -> Tuple[ExtractedFile, ...]:
    """Extracts a whole archive into an empty folder.

    Regular files and folders only, under relative names that no file system takes for
    one another; files get mode 0644 and folders 0755, less the umask. A tar archive is
    read forwards only and to its last byte; a gzip file's checksum, a zip member's, and
    a tar archive's end-of-archive marker have to be there and right.

    Args:
        archive: the file, at its beginning; a .zip has to be seekable.
        folder: exists and is empty. After an error it holds what was written before,
            none of which should be used.
        caps: where to stop.
        name: what messages call the archive: a path, or a URL without secrets.
        kind: "tar", "tar.gz" or "zip" to refuse the others; found by the content if None.

    Returns:
        The files, with sizes and hashes, in the archive's order.

    Raises:
        NotAnArchive, ArchiveNotSupported: for other bytes.
        EmptyArchive: when it holds no file.
        DamagedArchive: when it is cut short or altered.
        UnsafeArchive: when a member could reach outside the folder or is ambiguous.
        ArchiveTooLarge: when it exceeds a cap.
        OSError: of reading or of the file system, unchanged.

    Source: https://www.tensorflow.org/hub/hosting, whose archives are .tar.gz.

    Example:
        >>> with open("model.tar.gz", "rb") as archive:
        ...     extract(archive, "model", Caps(1 << 34, 200.0, 100_000, 1 << 20), "model.tar.gz")
        (ExtractedFile(path='saved_model.pb', size=6814, sha256='2ac8…'), …)
    """
    start = _start(archive)
    found = archive_kind(start)
    if found is None:
        _refuse(name, start, "none of the archives that unihub knows")
    if kind not in (None, found):
        looks_like = f"the beginning of a {found} file, where a {kind} file was expected"
        raise NotAnArchive(archive=name, start=repr(start[:24]), looks_like=looks_like)
    with Destination(folder, caps, name) as destination:
        if found == ZIP:
            if not hasattr(archive, "seek"):
                raise io.UnsupportedOperation(f"{name}: a .zip cannot be read as a stream")
            extract_zip(archive, destination, caps, name)
        else:
            stream = Stream(_chunks(archive, start, found, caps, name), name)
            if not is_tar(stream.peek(BLOCK)):
                _refuse(name, stream.peek(BLOCK), "no tar archive is in its gzip data")
            extract_tar(stream, destination, caps, name)
        if not destination.files:
            raise EmptyArchive(archive=name, found="it is whole and there is no file in it")
        return destination.files


def _start(archive: BinaryIO) -> bytes:
    """The first block, in however many pieces it comes; less when the file is shorter."""
    start = b""
    while len(start) < LONGEST_MAGIC:
        piece = archive.read(LONGEST_MAGIC - len(start))
        if not piece:
            break
        start += piece
    return start


def _chunks(
    archive: BinaryIO, start: bytes, kind: Optional[str], caps: Caps, name: str
) -> Iterator[bytes]:
    """The tar archive inside the file, of which ``start`` was read already."""
    pieces = chain([start], iter(lambda: archive.read(CHUNK), b""))
    if kind == TAR:
        return pieces
    return Inflater(name, caps).gzip(lambda: next(pieces, b""))


def _refuse(name: str, start: bytes, otherwise: str) -> NoReturn:
    if not start:
        raise EmptyArchive(archive=name, found="it is 0 bytes long")
    for magic, what in _OTHER_ARCHIVES:
        if start.startswith(magic):
            raise ArchiveNotSupported(archive=name, reason=f"it is {what}", remedy=unpacking(name))
    text = start.lstrip()
    looks_like = next((what for magic, what in _NO_ARCHIVES if text.startswith(magic)), otherwise)
    raise NotAnArchive(archive=name, start=repr(start[:24]), looks_like=looks_like)
