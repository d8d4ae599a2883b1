"""Reads zip strictly: stored and deflated members that do not share bytes.

Not by zipfile, which reads a directory of any length into memory before it can be capped,
reads names that are not UTF-8 as cp437 and cuts them at NUL, takes an end record inside of a
comment for the archive's, and until Python 3.12 lets members overlap.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Callable, Iterator, List, NoReturn, Tuple

from unihub.handles.archive.extract_errors import (
    ArchiveNotSupported,
    DamagedArchive,
    UnsafeArchive,
    unpacking,
)
from unihub.handles.archive.extract_stream import CHUNK, RAW_DEFLATE, Inflater, Stream
from unihub.handles.archive.members import (
    Caps,
    Destination,
    check_header,
    check_members,
    decoded_name,
)

_END = struct.Struct("<4s4H2LH")
_END_64_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_EXTRA = struct.Struct("<2H")
_LONGEST_COMMENT = 0xFFFF
_SEE_ZIP64 = 0xFFFFFFFF
_LOCATOR_SIGNATURE = b"PK\6\7"
_ZIP64 = 1

_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_REFUSED = {
    stat.S_IFLNK: "is a symbolic link",
    stat.S_IFCHR: "is a character device",
    stat.S_IFBLK: "is a block device",
    stat.S_IFIFO: "is a named pipe",
    stat.S_IFSOCK: "is a socket",
}


@dataclass(frozen=True)
class _Member:
    name: str
    raw_name: bytes
    flags: int
    method: int
    mode: int
    crc: int
    packed: int
    size: int
    offset: int

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


def extract_zip(file: BinaryIO, destination: Destination, caps: Caps, archive: str) -> None:
    """Extracts a zip archive.

    Args:
        file: the archive, which can be sought.
        destination: takes the files and folders.
        caps: the limits of members, headers and ratio are applied here before anything is
            read into memory, the others by the destination.
        archive: what messages call it.

    Raises:
        DamagedArchive, UnsafeArchive, ArchiveTooLarge, ArchiveNotSupported.
    """
    _Zip(file, caps, archive).extract(destination)


class _Zip:
    def __init__(self, file: BinaryIO, caps: Caps, archive: str) -> None:
        self._file = file
        self._caps = caps
        self._archive = archive
        self._inflater = Inflater(archive, caps)

    def extract(self, destination: Destination) -> None:
        start, end, count = self._directory()
        members = sorted(self._members(start, end, count), key=lambda member: member.offset)
        for member in members:
            self._check(member)
        taken = 0
        for member in members:
            if member.offset < taken:
                self._unsafe(member.name, "shares its bytes with another member")
            taken = self._seek_content(member) + member.packed
            if taken > start:
                self._unsafe(member.name, "shares its bytes with the archive's directory")
            if member.is_folder:
                destination.add_folder(member.name)
            else:
                destination.add_file(member.name, member.size, self._content(member))

    def _directory(self) -> Tuple[int, int, int]:
        """Where the central directory starts and ends, and its number of entries."""
        length = self._file.seek(0, os.SEEK_END)
        tail_at = max(0, length - _LONGEST_COMMENT - _END.size - _END_64_LOCATOR.size)
        tail = self._read(tail_at, length - tail_at)
        at = _end_record(tail)
        if at < 0:
            self._damaged("it has no end-of-directory record, so its end is missing")
        _, disk, first_disk, here, count, size, start, _ = _END.unpack_from(tail, at)
        end = tail_at + at
        locator = tail[max(0, at - _END_64_LOCATOR.size) : at]
        # Some writers add the longer record without need, and then fill both.
        if locator.startswith(_LOCATOR_SIGNATURE):
            end, disk, first_disk, here, count, size, start = self._directory_64(locator, end)
        if disk or first_disk or here != count:
            reason = "it is one part of an archive in several"
            self._not_supported(reason)
        if start + size != end:
            self._damaged(f"its directory is not at byte {start}, where its end says")
        return start, end, count

    def _directory_64(self, locator: bytes, end: int) -> Tuple[int, ...]:
        _, _, at, _ = _END_64_LOCATOR.unpack(locator)
        if at + _END_64.size + _END_64_LOCATOR.size > end:
            self._damaged("its zip64 end-of-directory record is missing")
        record = self._read(at, _END_64.size)
        signature, _, _, _, disk, first_disk, here, count, size, start = _END_64.unpack(record)
        if signature != b"PK\6\6":
            self._damaged("its zip64 end-of-directory record is missing")
        return at, disk, first_disk, here, count, size, start

    def _members(self, start: int, end: int, count: int) -> Iterator[_Member]:
        check_members(self._archive, self._caps, count)
        self._file.seek(start)
        stream = Stream(iter(self._reader(end - start), b""), self._archive)
        for _ in range(count):
            yield self._entry(stream)
        if stream.position != end - start:
            self._damaged(f"its directory holds more than its {count} entries")

    def _entry(self, stream: Stream) -> _Member:
        fields = _ENTRY.unpack(stream.exactly(_ENTRY.size, "its directory"))
        signature, _, _, flags, method, _, _, crc, packed, size = fields[:10]
        name_size, extra_size, comment_size, _, _, external, offset = fields[10:]
        if signature != b"PK\1\2":
            self._damaged("an entry of its directory does not start as one")
        check_header(self._archive, self._caps, name_size + extra_size + comment_size)
        raw_name = stream.exactly(name_size, "its directory")
        extra = stream.exactly(extra_size, "its directory")
        stream.exactly(comment_size, "its directory")
        size, packed, offset = self._zip64(extra, (size, packed, offset))
        name = decoded_name(self._archive, raw_name)
        mode = external >> 16
        return _Member(name, raw_name, flags, method, mode, crc, packed, size, offset)

    def _zip64(self, extra: bytes, values: Tuple[int, ...]) -> List[int]:
        """The values, those too large for their field taken from the entry's extra field."""
        at = 0
        while at + _EXTRA.size <= len(extra):
            kind, size = _EXTRA.unpack_from(extra, at)
            at += _EXTRA.size
            if kind == _ZIP64:
                found = iter(struct.unpack_from(f"<{min(size, len(extra) - at) // 8}Q", extra, at))
                # The default stays: such a size or place is checked against the file's.
                return [next(found, value) if value == _SEE_ZIP64 else value for value in values]
            at += size
        return list(values)

    def _check(self, member: _Member) -> None:
        if member.flags & _ENCRYPTED:
            reason = f"its member {member.name!r} is encrypted"
            self._not_supported(reason)
        if member.method not in (_STORED, _DEFLATED):
            reason = f"its member {member.name!r} is compressed by zip's method {member.method}"
            self._not_supported(reason)
        kind = stat.S_IFMT(member.mode)
        if kind in _REFUSED:
            self._unsafe(member.name, _REFUSED[kind])
        if kind not in (0, stat.S_IFDIR if member.is_folder else stat.S_IFREG):
            self._unsafe(member.name, "is a folder by its mode or its name, and not by the other")
        if member.is_folder and member.size:
            self._unsafe(member.name, f"is a folder with {member.size} bytes of content")

    def _seek_content(self, member: _Member) -> int:
        """Reads a member's local header; returns where its content starts."""
        fields = _LOCAL.unpack(self._read(member.offset, _LOCAL.size))
        signature, _, flags, method = fields[:4]
        name_size, extra_size = fields[-2:]
        if signature != b"PK\3\4":
            self._damaged(f"its member {member.name!r} is not where its directory says")
        found = (self._read(member.offset + _LOCAL.size, name_size), method, flags & _ENCRYPTED)
        if found != (member.raw_name, member.method, member.flags & _ENCRYPTED):
            self._damaged(f"its member {member.name!r} has another header than its directory says")
        return self._file.seek(extra_size, os.SEEK_CUR)

    def _content(self, member: _Member) -> Iterator[bytes]:
        size = crc = 0
        for chunk in self._chunks(member):
            size += len(chunk)
            if size > member.size:
                self._damaged(
                    f"its member {member.name!r} is over {member.size} bytes long, "
                    "and should be that"
                )
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if size != member.size:
            self._damaged(f"its member {member.name!r} is {size} bytes long, not {member.size}")
        if crc != member.crc:
            self._damaged(f"its member {member.name!r} has the CRC {crc:08x}, not {member.crc:08x}")

    def _chunks(self, member: _Member) -> Iterator[bytes]:
        read = self._reader(member.packed)
        if member.method == _STORED:
            yield from iter(read, b"")
            return
        of = f"its member {member.name!r}"
        rest = yield from self._inflater.one(read, b"", RAW_DEFLATE, of)
        if rest or read():
            self._damaged(f"other bytes follow the content of {of}")

    def _reader(self, size: int) -> Callable[[], bytes]:
        """A function that reads on from here, so many bytes in all, and then none."""
        left = size

        def read() -> bytes:
            nonlocal left
            data = self._file.read(min(CHUNK, left))
            left -= len(data)
            return data

        return read

    def _read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return Stream(iter(self._reader(size), b""), self._archive).exactly(size, "its end")

    def _damaged(self, reason: str) -> NoReturn:
        raise DamagedArchive(archive=self._archive, reason=reason)

    def _not_supported(self, reason: str) -> NoReturn:
        remedy = unpacking(self._archive, "7z x -omodel {file}")
        raise ArchiveNotSupported(archive=self._archive, reason=reason, remedy=remedy)

    def _unsafe(self, member: str, reason: str) -> NoReturn:
        raise UnsafeArchive(archive=self._archive, member=member, reason=reason)


def _end_record(tail: bytes) -> int:
    """Where the record is whose comment ends the file; -1 if there is none."""
    at = tail.rfind(b"PK\5\6")
    while at >= 0:
        if at + _END.size <= len(tail):
            comment = _END.unpack_from(tail, at)[-1]
            if at + _END.size + comment == len(tail):
                return at
        at = tail.rfind(b"PK\5\6", 0, at)
    return at
