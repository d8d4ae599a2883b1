"""The file that a download grows in, and the note beside it that lets a later one go on."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import BinaryIO, Optional

from unihub.handles.download.digests import Hashes

_PRIVATE = 0o600


@dataclass(frozen=True)
class Version:
    """Which version of which file the bytes belong to. Holds no URL: URLs may be signed.

    Attributes:
        url: SHA-256 of the URL given.
        final: SHA-256 of the URL that answered, without its query.
        validator: the strong ETag or the Last-Modified that If-Range is given; None when
            the server has neither, so that the bytes are of no use later.
        total: size of the whole file, if known.
    """

    url: str
    final: str
    validator: Optional[str]
    total: Optional[int]


def remove_part(path: str) -> None:
    """Removes a part file and its note, if they are there."""
    for name in (f"{path}.json", path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def hashed(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Part:
    """A part file while one download writes it.

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
        self._url = hashed(url)
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
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return None
        texts = (version.url, version.final, version.validator)
        well_formed = all(isinstance(text, str) and text.isprintable() for text in texts)
        whole = type(version.total) in (int, type(None))
        return version if well_formed and whole else None

    def _write_note(self) -> None:
        assert self.version is not None
        new = f"{self.note}.{self._writer}"
        with os.fdopen(os.open(new, _FLAGS | os.O_EXCL, _PRIVATE), "w") as file:
            json.dump({**asdict(self.version), "writer": self._writer}, file)
        os.replace(new, self.note)

    def begin(self, final: str, validator: Optional[str], total: Optional[int]) -> None:
        """Empties the file for the bytes of a new version."""
        self.discard()
        self.version = Version(self._url, hashed(final), validator, total)
        self._write_note()

    def discard(self) -> None:
        """Empties the file, and forgets what it was."""
        # The note goes first: a note must never stand beside bytes of another version.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.note)
        self._file.truncate(0)
        self.version, self.size, self.from_before = None, 0, 0

    def go_on_from(self, size: int) -> BinaryIO:
        """The file, positioned to take the bytes from ``size`` on."""
        self.size = size
        self._file.truncate(size)
        self._file.seek(size)
        return self._file

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
        except (OSError, ValueError, TypeError, KeyError):
            return False

    def move_aside(self) -> None:
        """Begins a file of our own beside the one that another process writes."""
        self._file.close()
        self.path = f"{self.path}.{self._writer}"
        self._file = _opened(self.path)
        self.discard()

    def remove(self) -> None:
        """Closes and removes the file, and its note."""
        self._file.close()
        remove_part(self.path)

    def close(self) -> None:
        """Closes the file, and removes it when a later process could not go on with it."""
        useful = self.size > 0 and self.version is not None and self.version.validator
        aside = self.path.endswith(self._writer)
        self._file.close()
        if self.finished:
            return
        if aside or (not useful and (self.version is None or self.is_ours())):
            self.remove()


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
