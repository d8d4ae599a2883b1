"""A message read on demand, field by field, from a binary or a text file."""

from __future__ import annotations

import mmap
import os
import stat
import struct
from contextlib import contextmanager
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple, Union

from unihub.errors import UnihubError
from unihub.formats.schema import FIELD_TYPES, NUMBERS, STRING

Data = Union[bytes, mmap.mmap]
# Where a message lies in the data; a text file can also hold one as bytes.
Place = Union[Tuple[int, int], bytes]

LONGEST_TEXT = 1 << 16
MOST_TEXT = 1 << 26
DEEPEST_NESTING = 100
MOST_REPEATED = 200_000
MOST_MESSAGES = 300_000
MOST_STEPS = 5_000_000
# Bytes are read and searched faster than a memory map, more often than they are copied.
_COPIED = 1 << 25


class FormatError(UnihubError):
    """Base of the errors of reading a model's format from its files."""


class UnreadableFile(FormatError, OSError):
    """A file of the model cannot be opened."""

    code = "unreadable-file"
    what = "{path} cannot be read."
    why = "{reason}"
    do = "ls -l {path!r}"


class MalformedFile(FormatError, ValueError, OSError):
    """A file of the model is not in its format."""

    code = "malformed-file"
    what = "{path} is damaged, cut short, or not a {kind} at all."
    why = "{reason} at byte {offset:,} of {size:,}."
    do = "fetch or copy it again, and compare with the source: sha256sum {path!r}"


class FileOverLimit(FormatError, ValueError):
    """A file of the model has more in it than any model needs."""

    code = "file-over-limit"
    what = "{path} is not read to its end: {reason}."
    why = (
        "the limit is {limit:,}, far above what real models have, so the file is damaged or "
        "made to exhaust memory."
    )
    do = "if you trust it, load it without inspection: tf.saved_model.load({folder!r})"


class Source:
    """The bytes of one file, and how much work it may still cause.

    Args:
        data: the file's content.
        path: the file's path, for messages.
        kind: what the file should be, for messages.
    """

    def __init__(self, data: Data, path: str, kind: str = "SavedModel") -> None:
        self.data = data
        self.path = path
        self.kind = kind
        self.steps_left = MOST_STEPS
        self._messages_left = MOST_MESSAGES
        self._text_left = MOST_TEXT

    @classmethod
    def read(cls, data: Data, path: str, message_type: str, kind: str = "SavedModel") -> Message:
        """A message that takes up the whole of ``data``.

        Args:
            data: bytes, or a memory map of a file.
            path: the file's path, for messages of errors.
            message_type: its name in `unihub.formats.schema`.
            kind: what the file should be, for messages of errors.

        Returns:
            The message; what is wrong in it is found when it is asked for a field.

        Example:
            >>> WireSource.read(b"\\x08\\x03", "tfhub_module.pb", "ModuleDef").number("format")
            3
            >>> TextSource.read(b"format: 3", "module.pbtxt", "ModuleDef").number("format")
            3
        """
        return cls(data, path, kind).child(((0, len(data)),), message_type)

    def fields(self, places: Sequence[Place], message_type: str) -> Dict[str, List[Any]]:
        """Decodes the fields of one message, whose parts may lie in several places.

        Returns:
            The values of each field present, by name: int, bool, bytes of a
            string, or Place of a message. Of a oneof, the field set last is last.
        """
        raise NotImplementedError

    def distinct(
        self, places: Sequence[Place], message_type: str, paths: Sequence[str]
    ) -> List[Set[bytes]]:
        """The distinct values at each dotted path of fields below a message."""
        raise NotImplementedError

    def sift(
        self, places: Sequence[Place], message_type: str, path: str, wanted: Set[bytes]
    ) -> Tuple[Set[bytes], Dict[bytes, List[int]]]:
        """The distinct strings at a path of two fields, and which places hold the wanted."""
        raise NotImplementedError

    def rows(
        self, places: Sequence[Place], message_type: str, names: Sequence[str]
    ) -> List[Tuple[Any, ...]]:
        """As `row`, of each of many messages."""
        return [self.row((place,), message_type, names) for place in places]

    def row(
        self, places: Sequence[Place], message_type: str, names: Sequence[str]
    ) -> Tuple[Any, ...]:
        """Some fields of one message: numbers, strings, and all else as its bytes."""
        message = self.child(places, message_type)
        kinds = [FIELD_TYPES[message_type, name] for name in names]
        return tuple(
            [
                message.text(name)
                if kind == STRING
                else message.number(name)
                if kind in NUMBERS
                else b"".join(message.contents(name))
                for name, kind in zip(names, kinds)
            ]
        )

    def contents(self, place: Place, limit: int) -> bytes:
        """The bytes of a string that was passed over; not more than the limit."""
        raise NotImplementedError

    def numbers(self, value: Any) -> List[int]:
        """The numbers that one value of a repeated int32 stands for, if it is packed."""
        return [value]

    def holding(self, places: Sequence[Place], text: bytes) -> List[int]:
        """Which places may hold a string, as a cheap sieve: none that does is left out."""
        raise NotImplementedError

    def child(self, places: Sequence[Place], message_type: str) -> Message:
        """A message below this one."""
        self._messages_left -= 1
        if self._messages_left < 0:
            raise self.over_limit("too many messages", MOST_MESSAGES)
        return Message(self, places, message_type)

    def keep_text(self, length: int) -> None:
        """Counts a string that is about to be copied from the file."""
        self._text_left -= length
        if self._text_left < 0:
            raise self.over_limit("too much text", MOST_TEXT)

    def text(self, value: bytes) -> str:
        """Decodes a string, which protobuf wants to be UTF-8."""
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise self.malformed(f"{value[:40]!r} is not UTF-8", self.data.find(value)) from None

    def malformed(self, reason: str, offset: int) -> MalformedFile:
        size = len(self.data)
        return MalformedFile(
            path=self.path,
            kind=self.kind,
            reason=reason,
            offset=max(0, min(offset, size)),
            size=size,
        )

    def over_limit(self, reason: str, limit: int) -> FileOverLimit:
        folder = os.path.dirname(self.path)
        return FileOverLimit(path=self.path, folder=folder, reason=reason, limit=limit)


class Message:
    """One message, decoded when first asked for a field.

    A field that is absent has its default: 0, "", or an empty message.
    """

    __slots__ = ("_children", "_decoded", "_places", "_source", "_type")

    def __init__(self, source: Source, places: Sequence[Place], message_type: str) -> None:
        self._source = source
        self._places = places
        self._type = message_type
        self._decoded: Optional[Dict[str, List[Any]]] = None
        self._children: Optional[Dict[str, Message]] = None

    @property
    def _fields(self) -> Dict[str, List[Any]]:
        if self._decoded is None:
            self._decoded = self._source.fields(self._places, self._type)
        return self._decoded

    def has(self, name: str) -> bool:
        return name in self._fields

    def count(self, name: str) -> int:
        return len(self._fields.get(name, ()))

    def real(self, name: str) -> float:
        """A double."""
        bits = struct.pack("<q", self.number(name))
        return float(struct.unpack("<d", bits)[0])

    def contents(self, name: str, limit: int = LONGEST_TEXT) -> List[bytes]:
        """The content of strings and bytes that are otherwise passed over."""
        return [self._source.contents(place, limit) for place in self._fields.get(name, ())]

    def holding(self, name: str, text: bytes) -> List[int]:
        """Indices of the repeated messages that may hold a string: a cheap sieve."""
        return self._source.holding(self._fields.get(name, ()), text)

    def sift(self, path: str, wanted: Iterable[str] = ()) -> Tuple[Set[str], Dict[str, List[int]]]:
        """The distinct strings at a dotted path of two fields, or of three.

        Returns:
            Them, and for each wanted string the indices of the messages in the first
            of three fields that hold it.
        """
        *repeated, outer, inner = path.split(".")
        places, message_type = self._places, self._type
        for name in repeated:
            places, message_type = self._fields.get(name, ()), FIELD_TYPES[message_type, name]
        encoded = {text.encode("utf-8") for text in wanted}
        found, where = self._source.sift(places, message_type, f"{outer}.{inner}", encoded)
        text = self._source.text
        return set(map(text, found)), {text(value): indices for value, indices in where.items()}

    def which(self, *names: str) -> Optional[str]:
        """The one of a oneof's fields that is set."""
        present = [name for name in self._fields if name in names]
        return present[-1] if present else None

    def number(self, name: str) -> int:
        values = self._fields.get(name)
        return int(values[-1]) if values else 0

    def numbers(self, name: str) -> List[int]:
        """A repeated int32."""
        values = self._fields.get(name, ())
        return [number for value in values for number in self._source.numbers(value)]

    def text(self, name: str) -> str:
        values = self._fields.get(name)
        return self._source.text(values[-1]) if values else ""

    def texts(self, name: str) -> List[str]:
        return [self._source.text(value) for value in self._fields.get(name, ())]

    def message(self, name: str) -> Message:
        """A single message; where it is given in several parts, all of them merged."""
        if self._children is None:
            self._children = {}
        if name not in self._children:
            places, message_type = self._fields.get(name, ()), FIELD_TYPES[self._type, name]
            self._children[name] = self._source.child(places, message_type)
        return self._children[name]

    def item(self, name: str, index: int) -> Message:
        """One of repeated messages."""
        return self._source.child((self._fields[name][index],), FIELD_TYPES[self._type, name])

    def places_of(self, name: str, field: str, text: str) -> List[int]:
        """Indices of the repeated messages in which a field of text has a value."""
        indices = self.holding(name, text.encode("utf-8"))
        places, message_type = self._fields.get(name, ()), FIELD_TYPES[self._type, name]
        rows = self._source.rows([places[index] for index in indices], message_type, (field,))
        return [index for index, (value,) in zip(indices, rows) if value == text]

    def messages(self, name: str) -> List[Message]:
        message_type = FIELD_TYPES[self._type, name]
        child = self._source.child
        return [child((place,), message_type) for place in self._fields.get(name, ())]

    def rows(self, name: str, *fields: str) -> List[Tuple[Any, ...]]:
        """Some fields of each of repeated messages, as `row` gives them."""
        places, message_type = self._fields.get(name, ()), FIELD_TYPES[self._type, name]
        return self._source.rows(places, message_type, fields)

    def row(self, *fields: str) -> Tuple[Any, ...]:
        """Some fields at once: numbers, strings, and all else as its bytes."""
        return self._source.row(self._places, self._type, fields)

    def entries(self, name: str) -> Dict[str, Message]:
        """A map of messages, in the order of its keys; the last of equal keys counts."""
        found = {entry.text("key"): entry.message("value") for entry in self.messages(name)}
        return {key: found[key] for key in sorted(found)}

    def all_entries(self, name: str) -> List[Tuple[str, Message]]:
        """A map of messages, with each of equal keys.

        In Python, protobuf leaves out an entry that has an unknown field, in C++ it does not.
        """
        return [(entry.text("key"), entry.message("value")) for entry in self.messages(name)]

    def distinct(self, *paths: str) -> List[Set[str]]:
        """The distinct strings at each dotted path of fields below this message."""
        found = self._source.distinct(self._places, self._type, paths)
        return [{self._source.text(value) for value in values} for values in found]


@contextmanager
def file_content(path: str) -> Iterator[Data]:
    """The content of a regular file; of a large one mapped rather than read.

    Raises:
        UnreadableFile: it cannot be opened, or is a pipe, device or folder.
    """
    with mapped_file(path) as (content, _):
        yield content


@contextmanager
def mapped_file(path: str) -> Iterator[Tuple[Data, os.stat_result]]:
    """As `file_content`, with what the system says of the file."""
    # Opening a named pipe would otherwise wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise UnreadableFile(path=path, reason=in_words(error)) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFile(path=path, reason="it is not a regular file.")
        if not status.st_size:
            yield b"", status
            return
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as content:
            yield (content[:] if status.st_size <= _COPIED else content), status
    finally:
        os.close(descriptor)


def in_words(error: OSError) -> str:
    """The system's reason, as a sentence."""
    return f"the system says: {error.strerror or error}."
