"""Archives as streams of chunks: read, and inflated with every check that the format offers."""

from __future__ import annotations

import zlib
from typing import Callable, Generator, Iterator, NoReturn

from unihub.handles.archive.extract_errors import DamagedArchive
from unihub.handles.archive.members import Caps, check_ratio

# Fits the second-level cache, where it is hashed and written next: a fifth faster than 1 MiB.
CHUNK = 256 * 1024
GZIP = 16 + zlib.MAX_WBITS
RAW_DEFLATE = -zlib.MAX_WBITS
_FEW_STREAMS = 1000
_SENSIBLE_STREAM = 1024
GZIP_MAGIC = b"\x1f\x8b"


Read = Callable[[], bytes]


class Stream:
    """Chunks as one run of bytes that is read forwards only."""

    def __init__(self, chunks: Iterator[bytes], archive: str) -> None:
        self._chunks = chunks
        self._archive = archive
        self._rest = memoryview(b"")
        self.position = 0

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay to be read; fewer at the end."""
        while len(self._rest) < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._rest = memoryview(bytes(self._rest) + chunk)
        return bytes(self._rest[:size])

    def some(self, most: int) -> memoryview:
        """At least one byte and at most so many; none at the end."""
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        taken, self._rest = self._rest[:most], self._rest[most:]
        self.position += len(taken)
        return taken

    def content(self, size: int, of: str) -> Iterator[memoryview]:
        """So many bytes in chunks; DamagedArchive when the archive ends before."""
        missing = size
        while missing:
            chunk = self.some(missing)
            if not chunk:
                reason = f"it ends within {of}: at least {missing} bytes are missing"
                raise DamagedArchive(archive=self._archive, reason=reason)
            missing -= len(chunk)
            yield chunk

    def exactly(self, size: int, of: str) -> bytes:
        """So many bytes at once; DamagedArchive when the archive ends before."""
        return b"".join(self.content(size, of))


class Inflater:
    """Inflates, and stops when so few bytes cannot honestly hold so many.

    Attributes:
        packed: how many bytes were inflated.
        unpacked: how many bytes they made.
    """

    def __init__(self, archive: str, caps: Caps) -> None:
        self._archive = archive
        self._caps = caps
        self.packed = 0
        self.unpacked = 0

    def one(self, read: Read, data: bytes, wbits: int, of: str) -> Generator[bytes, None, bytes]:
        """Yields the content of one deflate or gzip stream.

        zlib compares a gzip stream's CRC and length at its end by itself.

        Args:
            read: gives the next bytes, and none at the end.
            data: what was read already.
            wbits: GZIP or RAW_DEFLATE.
            of: what is inflated, for messages.

        Returns:
            What was read beyond the stream.
        """
        stream = zlib.decompressobj(wbits)
        self.packed += len(data)
        while True:
            try:
                chunk = stream.decompress(data, CHUNK)
            except zlib.error as error:
                self._refuse(f"{of} cannot be decompressed: {error}")
            left = len(stream.unconsumed_tail) + len(stream.unused_data)
            self.unpacked += len(chunk)
            check_ratio(self._archive, self._caps, self.packed - left, self.unpacked)
            if chunk:
                yield chunk
            if stream.eof:
                self.packed -= left
                return stream.unused_data
            data = stream.unconsumed_tail
            # A full chunk may leave output inside zlib with no input left.
            if not data and len(chunk) < CHUNK:
                data = read()
                self.packed += len(data)
                if not data:
                    self._refuse(f"{of} ends too early, after {self.packed} bytes")

    def gzip(self, read: Read) -> Iterator[bytes]:
        """The content of a gzip file, of one or more streams, read to the file's very end."""
        streams = 0
        rest = read()
        while rest[:1] == GZIP_MAGIC[:1]:
            rest = yield from self.one(read, rest, GZIP, "its gzip data")
            rest = rest or read()
            streams += 1
            # Each costs a copy of what follows it: many tiny ones would cost hours.
            if streams > _FEW_STREAMS and self.packed < streams * _SENSIBLE_STREAM:
                self._refuse(f"its gzip data is cut into {streams} streams of hardly any content")
        while rest:
            if rest.count(0) != len(rest):
                self._refuse("other bytes follow its gzip data")
            rest = read()

    def _refuse(self, reason: str) -> NoReturn:
        raise DamagedArchive(archive=self._archive, reason=reason) from None
