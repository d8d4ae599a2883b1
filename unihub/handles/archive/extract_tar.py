"""Reads tar strictly: ustar, pax and GNU's long names; only regular files and folders.

Python's tarfile skips damaged headers, takes a missing end for an end, and reads
extended headers of any length.

Source: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html and
https://www.gnu.org/software/tar/manual/html_node/Standard.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterator, NoReturn, Optional, Tuple

from unihub.handles.archive.extract_errors import DamagedArchive, UnsafeArchive
from unihub.handles.archive.extract_stream import Stream
from unihub.handles.archive.members import Caps, Destination, check_header, decoded_name

BLOCK = 512
_END = bytes(BLOCK)
_LONGEST_PADDING = 16 * 1024 * 1024

_FILES = (b"0", b"\0", b"7")
_FOLDER = b"5"
_REFUSED = {
    b"1": "is a hard link to {link!r}",
    b"2": "is a symbolic link to {link!r}",
    b"3": "is a character device",
    b"4": "is a block device",
    b"6": "is a named pipe",
    b"S": "is a sparse file",
}
_GNU_LONG = {b"L": "path", b"K": "linkpath"}
_PAX, _PAX_GLOBAL = b"x", b"g"
# Others of pax's keywords change neither where a file goes nor what is in it.
_PAX_USED = ("path", "linkpath", "size")
_PAX_SPARSE = ("GNU.sparse.", "SCHILY.realsize")
_PAX_RECORD = re.compile(rb"([1-9][0-9]{0,9}) ([^=\0]+)=")


@dataclass(frozen=True)
class _Header:
    name: bytes
    type: bytes
    size: int
    link: bytes


def extract_tar(stream: Stream, destination: Destination, caps: Caps, archive: str) -> None:
    """Extracts a tar archive, and reads it to the end of the stream.

    Args:
        stream: the tar archive.
        destination: takes the files and folders.
        caps: the limit of headers is applied here, the others by the destination.
        archive: what messages call it.

    Raises:
        DamagedArchive, UnsafeArchive, ArchiveTooLarge.
    """
    _Tar(stream, caps, archive).extract(destination)


def is_tar(block: bytes) -> bool:
    """Whether a file that begins so is a tar archive, possibly a damaged or empty one."""
    if block[257:262] == b"ustar" or block == _END:
        return True
    return len(block) == BLOCK and _number(block[148:156]) == _checksum(block)


class _Tar:
    def __init__(self, stream: Stream, caps: Caps, archive: str) -> None:
        self._stream = stream
        self._caps = caps
        self._archive = archive

    def extract(self, destination: Destination) -> None:
        for name, is_folder, size in self._members():
            if is_folder:
                destination.add_folder(name)
            else:
                destination.add_file(name, size, self._stream.content(size, f"its member {name!r}"))
                self._skip_padding(size)
        self._finish()

    def _members(self) -> Iterator[Tuple[str, bool, int]]:
        """Name, whether it is a folder, and size of each member; its content comes next."""
        extended: Dict[str, bytes] = {}
        extended_bytes = 0
        while True:
            header = self._header()
            if header is None:
                if extended:
                    self._damaged("it ends after an extended header, without its member")
                return
            if header.type in (_PAX, _PAX_GLOBAL) or header.type in _GNU_LONG:
                extended_bytes += BLOCK + header.size
                check_header(self._archive, self._caps, extended_bytes)
                self._extend(extended, header)
            else:
                yield self._member(header, extended)
                extended, extended_bytes = {}, 0

    def _member(self, header: _Header, extended: Dict[str, bytes]) -> Tuple[str, bool, int]:
        name = decoded_name(self._archive, extended.get("path", header.name))
        link = extended.get("linkpath", header.link).decode("utf-8", "backslashreplace")
        size = header.size
        if "size" in extended:
            size = self._decimal(extended["size"])
        if header.type in _REFUSED:
            self._unsafe(name, _REFUSED[header.type].format(link=link))
        if header.type not in (*_FILES, _FOLDER):
            self._unsafe(name, f"is of the unknown type {header.type!r}")
        is_folder = header.type == _FOLDER or name.endswith("/")
        if is_folder and size:
            self._unsafe(name, f"is a folder with {size} bytes of content")
        return name, is_folder, size

    def _header(self) -> Optional[_Header]:
        block = self._stream.exactly(BLOCK, "its headers, before the end-of-archive marker")
        if block == _END:
            return None
        at = self._stream.position - BLOCK
        if _number(block[148:156]) != _checksum(block):
            self._damaged(f"the checksum of the header at byte {at} is wrong")
        size = _number(block[124:136])
        if size is None:
            self._damaged(f"the header at byte {at} has no valid size")
        name = _text(block[0:100])
        # GNU's older format has times where POSIX has the beginning of the name.
        if block[257:263] == b"ustar\0" and block[345]:
            name = _text(block[345:500]) + b"/" + name
        return _Header(name, block[156:157], size, _text(block[157:257]))

    def _extend(self, extended: Dict[str, bytes], header: _Header) -> None:
        """Adds what an extended header says of the next member."""
        content = self._stream.exactly(header.size, "an extended header")
        self._skip_padding(header.size)
        if header.type in _GNU_LONG:
            records = {_GNU_LONG[header.type]: _text(content)}
        else:
            records = self._pax_records(content)
        sparse = [key for key in records if key.startswith(_PAX_SPARSE)]
        if sparse:
            self._unsafe(
                _shown(records.get("path", header.name)), f"is a sparse file ({sparse[0]})"
            )
        for key in _PAX_USED:
            if key not in records:
                continue
            if header.type == _PAX_GLOBAL:
                self._unsafe(_shown(header.name), f"sets the {key} of every member that follows")
            if key in extended:
                self._damaged(f"two extended headers give the {key} of one member")
            extended[key] = records[key]

    def _pax_records(self, content: bytes) -> Dict[str, bytes]:
        records: Dict[str, bytes] = {}
        at = 0
        while at < len(content):
            found = _PAX_RECORD.match(content, at)
            end = at + int(found.group(1)) if found else 0
            if not found or end <= found.end() or content[end - 1 : end] != b"\n":
                self._damaged("an extended header is not made of 'length keyword=value' lines")
            key = found.group(2).decode("utf-8", "backslashreplace")
            if key in records and key in _PAX_USED:
                self._damaged(f"an extended header gives the {key} twice")
            records[key] = content[found.end() : end - 1]
            at = end
        return records

    def _decimal(self, value: bytes) -> int:
        if not re.fullmatch(rb"[0-9]{1,19}", value):
            self._damaged(f"an extended header has the size {_shown(value)!r}")
        return int(value)

    def _skip_padding(self, size: int) -> None:
        self._stream.exactly(-size % BLOCK, "the padding of its last file")

    def _finish(self) -> None:
        """Reads the second block of the end-of-archive marker, and the padding behind it."""
        second = self._stream.exactly(BLOCK, "its end-of-archive marker")
        padding = 0
        rest = memoryview(second)
        while rest:
            if bytes(rest).count(0) != len(rest):
                self._damaged("other bytes follow its end-of-archive marker")
            rest = self._stream.some(_LONGEST_PADDING)
            padding += len(rest)
            if padding > _LONGEST_PADDING:
                self._damaged(f"over {_LONGEST_PADDING} bytes of nothing follow its end")
        if padding % BLOCK:
            self._damaged(f"it ends in the middle of a block of {BLOCK} bytes")

    def _damaged(self, reason: str) -> NoReturn:
        raise DamagedArchive(archive=self._archive, reason=reason)

    def _unsafe(self, member: str, reason: str) -> NoReturn:
        raise UnsafeArchive(archive=self._archive, member=member, reason=reason)


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _number(field: bytes) -> Optional[int]:
    """A header's number: octal digits, or GNU's base-256 for what they cannot hold."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = re.fullmatch(rb" *([0-7]*)[ \0]*", field)
    return int(digits.group(1) or b"0", 8) if digits else None


def _checksum(block: bytes) -> int:
    """The sum of a header's bytes, its own field taken as blanks."""
    return sum(block) - sum(block[148:156]) + 8 * ord(" ")
