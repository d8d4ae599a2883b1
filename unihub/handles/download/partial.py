"""The file of a download, and the note beside it by which a broken one is resumed.

Bytes are appended only where the server proves that they are of the same file (RFC 9110, 13.1.5
and 15.3.7), whatever it makes of If-Range.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import BinaryIO, Iterator, Mapping, Optional, Tuple

from unihub.handles.download.digests import Hashes

_PRIVATE = 0o600

# A Last-Modified younger than this may stand for two versions (RFC 9110, 8.8.2.2).
_SECONDS_TO_BE_STRONG = 60
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Version:
    """Which version of which file the bytes belong to. Holds no URL: URLs may be signed.

    Attributes:
        url: SHA-256 of the URL given.
        final: SHA-256 of the URL that answered, without its query.
        validator: the strong ETag or the Last-Modified that If-Range is given; None when
            the server has neither, so that the bytes are of no use later.
        total: size of the whole file, if known.
        etag, modified: the headers ETag and Last-Modified as they came, "" without one.
    """

    url: str
    final: str
    validator: Optional[str]
    total: Optional[int]
    etag: str
    modified: str


def read_blocks(path: str) -> Iterator[bytes]:
    """The bytes of a file that came, a MiB at a time."""
    with open(path, "rb") as file:
        yield from iter(lambda: file.read(_BLOCK), b"")


def remove_partial(path: str) -> None:
    """Removes a partial download and its note, if they are there."""
    for name in (f"{path}.json", path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def strong_validator(headers: Mapping[str, str]) -> Optional[str]:
    """The proof that the file is the same later: a strong ETag, or an old Last-Modified."""
    etag = headers.get("ETag", "")
    if re.fullmatch(r'"[\x21\x23-\x7e]*"', etag):
        return etag
    modified, date = (headers.get(name, "") for name in ("Last-Modified", "Date"))
    try:
        age = parsedate_to_datetime(date) - parsedate_to_datetime(modified)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return modified if age.total_seconds() >= _SECONDS_TO_BE_STRONG else None


def content_range(headers: Mapping[str, str]) -> Tuple[Optional[int], Optional[int], Optional[int]]:
    """First byte, last byte and total of a 206."""
    text = headers.get("Content-Range", "").strip()
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", text)
    return tuple(int(n) for n in found.groups()) if found else (None, None, None)  # type: ignore


def content_length(headers: Mapping[str, str]) -> Optional[int]:
    """Bytes of the body, None when they are not stated (or chunked, which has its own end)."""
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return None
    text = headers.get("Content-Length", "").strip()
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None


def _hashed(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _hashed_without_query(url: str) -> str:
    return _hashed(url.partition("?")[0])


class PartialDownload:
    """The file of a download while one writes it.

    Attributes:
        path: of the file.
        version: what its bytes belong to, None before the first answer.
        size: how many bytes it has.
        from_before: how many of them an earlier process wrote.
        finished: whether the file is whole, so that close() leaves it.
    """

    def __init__(self, path: str, url: str) -> None:
        self.path = path
        self.size = 0
        self.from_before = 0
        self.finished = False
        self.version: Optional[Version] = None
        self.hashes = Hashes()
        self._url = _hashed(url)
        self._writer = uuid.uuid4().hex
        self._file = _opened(path)
        self._take_over()

    @property
    def note(self) -> str:
        return self.path + ".json"

    def _take_over(self) -> None:
        """Keeps what an earlier process left, if its note fits."""
        version = self._noted()
        size = os.fstat(self._file.fileno()).st_size
        fits = version is not None and version.validator and version.url == self._url
        if fits and version is not None and size <= (version.total or size):
            self.version, self.size, self.from_before = version, size, size
            self._write_note()
        else:
            self.discard()

    def _noted(self) -> Optional[Version]:
        try:
            with open(self.note, encoding="utf-8") as file:
                noted = json.load(file)
            noted.pop("writer")
            version = Version(**noted)
        except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return None
        texts = (version.url, version.final, version.validator, version.etag, version.modified)
        well_formed = all(isinstance(text, str) and text.isprintable() for text in texts)
        whole = type(version.total) in (int, type(None))
        return version if well_formed and whole else None

    def _write_note(self) -> None:
        assert self.version is not None
        new = f"{self.note}.{self._writer}"
        with os.fdopen(os.open(new, _FLAGS | os.O_EXCL, _PRIVATE), "w") as file:
            json.dump({**asdict(self.version), "writer": self._writer}, file)
        os.replace(new, self.note)

    def begin(self, url: str, headers: Mapping[str, str]) -> None:
        """Empties the file for the bytes of the answer that a URL gave."""
        self.discard()
        self.version = Version(
            self._url,
            _hashed_without_query(url),
            strong_validator(headers),
            content_length(headers),
            headers.get("ETag", ""),
            headers.get("Last-Modified", ""),
        )
        self._write_note()

    @property
    def resumes_at(self) -> int:
        """The first byte that is asked for."""
        # The last one again where all are there: nothing cannot be asked for.
        total = self.version.total if self.version else None
        return self.size if total is None else min(self.size, total - 1)

    def range_headers(self) -> Mapping[str, str]:
        """The headers that ask for the rest; none where the whole is asked for."""
        if not self.size or self.version is None or self.version.validator is None:
            return {}
        return {"Range": f"bytes={self.resumes_at}-", "If-Range": self.version.validator}

    def is_resumed_by(self, url: str, headers: Mapping[str, str]) -> bool:
        """Whether a 206 holds the rest of the very file that was begun."""
        version = self.version
        if version is None or not self.size:
            return False
        start, end, total = content_range(headers)
        etag, modified = headers.get("ETag"), headers.get("Last-Modified")
        return (
            version.validator is not None
            and version.validator in (etag, modified)
            # A second validator is no proof, but one that is another disproves.
            and etag in (None, version.etag)
            and modified in (None, version.modified)
            and start == self.resumes_at
            and total is not None
            and end == total - 1
            and version.total in (None, total)
            and version.final == _hashed_without_query(url)
            and content_length(headers) in (None, total - start)
        )

    def discard(self) -> None:
        """Empties the file, and forgets what it was."""
        # The note goes first: a note must never stand beside bytes of another version.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.note)
        self._file.truncate(0)
        self.version, self.size, self.from_before = None, 0, 0

    def resume(self) -> None:
        """Drops the bytes that come again."""
        self.size = self.resumes_at
        self._file.truncate(self.size)

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self.hashes.update(data)
        self.size += len(data)

    def cover(self, algorithms: object) -> None:
        """See Hashes.cover; then the file is positioned to be appended to."""
        self.hashes.cover(algorithms, self._file, self.size)  # type: ignore[arg-type]
        self._file.seek(self.size)

    def is_ours(self) -> bool:
        """Whether no other process has begun to write the same file.

        A lock should see to that; where locks do nothing, this tells.
        """
        try:
            with open(self.note, encoding="utf-8") as file:
                return bool(json.load(file)["writer"] == self._writer)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return False

    def move_aside(self) -> None:
        """Begins a file of our own beside the one that another process writes."""
        self._file.close()
        self.path = f"{self.path}.{self._writer}"
        self._file = _opened(self.path)
        self.discard()

    def close(self) -> None:
        """Closes the file, and removes it when a later process could not go on with it."""
        useful = self.size > 0 and self.version is not None and self.version.validator
        aside = self.path.endswith(self._writer)
        self._file.close()
        if self.finished:
            return
        if aside or (not useful and (self.version is None or self.is_ours())):
            remove_partial(self.path)


_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def _opened(path: str) -> BinaryIO:
    descriptor = os.open(path, _FLAGS, _PRIVATE)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, _PRIVATE)
    file: BinaryIO = os.fdopen(descriptor, "r+b", buffering=0)  # type: ignore[assignment]
    return file
