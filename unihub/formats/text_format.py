"""Reads a message from protobuf's text format (.pbtxt), without protobuf.

Only the fields named in `unihub.formats.schema` are decoded. The others are passed over
as balanced brackets and strings, so that mistakes inside them go unnoticed.

Source: https://protobuf.dev/reference/protobuf/textformat-spec.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    Match,
    Optional,
    Pattern,
    Sequence,
    Set,
    Tuple,
)

from unihub.formats.message import (
    DEEPEST_NESTING,
    LONGEST_TEXT,
    MOST_REPEATED,
    MOST_STEPS,
    Message,
    Place,
    Source,
)
from unihub.formats.schema import (
    BOOL,
    DATA_TYPE,
    DATA_TYPE_NUMBERS,
    DOUBLE,
    FIELD_TYPES,
    FLOAT,
    INT,
    INT32,
    INTS,
    MESSAGES,
    PRESENCE,
    SCALARS,
    SIGNED,
    STRING,
    Field,
)
from unihub.formats.wire import WireSource

# Repetitions of groups are bounded, for re keeps a record of each one.
_BLANK = re.compile(rb"(?:\s+|#[^\n]*){0,500}")
_SEPARATOR = re.compile(rb"(?:[\s,;]+|#[^\n]*){0,500}")
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_EXPANSION = re.compile(rb"\[[^\[\]{}\"'#]{1,500}\]")
_TOKEN = re.compile(rb"-?\s{0,100}[A-Za-z0-9_.][A-Za-z0-9_.+-]*")
# All up to the next bracket, comment, or string with an escape.
_PLAIN = re.compile(
    rb"""(?:[^{}<>\[\]"'#]+|"[^"\\\n]*"|'[^'\\\n]*'|{[^{}<>\[\]"'#]*}|<[^{}<>\[\]"'#]*>){0,1000}"""
)
_LINE_END = re.compile(rb"\n|\Z")
_STRING_PART = {
    b'"': re.compile(rb'[^"\\\n]*(?:\\[^\n][^"\\\n]*){0,500}'),
    b"'": re.compile(rb"[^'\\\n]*(?:\\[^\n][^'\\\n]*){0,500}"),
}
_CLOSING = {b"{": b"}", b"<": b">", b"[": b"]"}
_INTEGER = re.compile(rb"(-?)\s*(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))\Z")
_FLOAT = re.compile(
    rb"(-?\s*(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|inf|nan))[fF]?\Z"
)
_LONGEST_NUMBER = 64
(_ANY_VALUE,) = MESSAGES["Any"]
_TRUE, _FALSE = (b"true", b"True", b"t", b"1"), (b"false", b"False", b"f", b"0")

_ESCAPE = re.compile(
    rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))",
    re.DOTALL,
)
_ESCAPED = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"?": b"?",
    b"\\": b"\\",
    b"'": b"'",
    b'"': b'"',
}


class TextSource(Source):
    """The bytes of a file in text format."""

    def child(self, places: Sequence[Place], message_type: str) -> Message:
        # An Any that the writer could not expand holds its message as bytes.
        for place in places:
            if isinstance(place, bytes):
                binary = WireSource(place, self.path, self.kind)
                return binary.child(((0, len(place)),), message_type)
        return super().child(places, message_type)

    def fields(self, places: Sequence[Place], message_type: str) -> Dict[str, List[Any]]:
        found: Dict[str, List[Any]] = {}
        for start, end in places:
            for field, value in self._fields_between(int(start), int(end), message_type):
                name = field.name
                # A oneof that is set twice protobuf refuses in text.
                values = found.pop(name, []) if field.in_oneof else found.get(name, [])
                if len(values) >= MOST_REPEATED:
                    raise self.over_limit(f"too many {name}", MOST_REPEATED)
                values.append(value)
                found[name] = values
        return found

    def distinct(
        self, places: Sequence[Place], message_type: str, paths: Sequence[str]
    ) -> List[Set[bytes]]:
        return [self._distinct_at(places, message_type, path) for path in paths]

    def sift(
        self, places: Sequence[Place], message_type: str, path: str, wanted: Set[bytes]
    ) -> Tuple[Set[bytes], Dict[bytes, List[int]]]:
        found: Set[bytes] = set()
        where: Dict[bytes, List[int]] = {}
        for index, place in enumerate(places):
            values = self._distinct_at((place,), message_type, path)
            found |= values
            for text in values & wanted:
                where.setdefault(text, []).append(index)
        return found, where

    def _distinct_at(self, places: Sequence[Place], message_type: str, path: str) -> Set[bytes]:
        *outer, last = path.split(".")
        for name in outer:
            places = [p for place in places for p in self._values(place, message_type, name)]
            message_type = FIELD_TYPES[message_type, name]
        return {value for place in places for value in self._values(place, message_type, last)}

    def _values(self, place: Place, message_type: str, name: str) -> List[Any]:
        return self.fields((place,), message_type).get(name, [])

    def _fields_between(self, pos: int, end: int, message_type: str) -> Iterator[Tuple[Field, Any]]:
        table = _fields_by_name(message_type)
        pos = self._after_blank(pos, end)
        while pos < end:
            self._step()
            name, pos = self._field_name(pos, end)
            field = table.get(name)
            pos = self._after_blank(pos, end)
            has_colon = self._at(pos) == b":"
            if has_colon:
                pos = self._after_blank(pos + 1, end)
            if not has_colon and self._at(pos) not in _CLOSING:
                raise self.malformed("a field has neither a colon nor a bracket", pos)
            if field is None:
                pos = self._after_value(pos, end)
            elif self._at(pos) == b"[":
                values, pos = self._list(field, pos, end)
                for value in values:
                    yield field, value
            else:
                value, pos = self._value(field, pos, end)
                yield field, value
            pos = self._after_blank(pos, end, _SEPARATOR)

    def _field_name(self, pos: int, end: int) -> Tuple[bytes, int]:
        match = _NAME.match(self.data, pos, end) or _EXPANSION.match(self.data, pos, end)
        if match is None:
            raise self.malformed("a field's name is missing", pos)
        # Sliced, a name as long as the file would be a copy of the file.
        return self.data[pos : min(match.end(), pos + LONGEST_TEXT)], match.end()

    def _list(self, field: Field, pos: int, end: int) -> Tuple[List[Any], int]:
        values: List[Any] = []
        pos = self._after_blank(pos + 1, end)
        while self._at(pos) != b"]":
            value, pos = self._value(field, pos, end)
            values.append(value)
            if len(values) > MOST_REPEATED:
                raise self.over_limit(f"too many {field.name}", MOST_REPEATED)
            pos = self._after_blank(pos, end, _SEPARATOR)
        return values, pos + 1

    def _value(self, field: Field, pos: int, end: int) -> Tuple[Any, int]:
        self._step()
        if field.type == PRESENCE:
            stop = self._after_value(pos, end)
            return (pos, stop), stop
        is_message = field.type not in SCALARS
        if self._at(pos) in _STRING_PART and (field.type == STRING or field is _ANY_VALUE):
            return self._string(pos, end)
        if is_message and self._at(pos) in _CLOSING:
            stop = self._after_nested(pos, end)
            return (pos + 1, stop - 1), stop
        stop = self._after_token(pos, end)
        token = self.data[pos : min(stop, pos + _LONGEST_NUMBER)]
        value = _SCALARS[field.type](token) if field.type in _SCALARS else None
        if value is None:
            raise self.malformed(f"{token!r} is no value for {field.name}", pos)
        return value, stop

    def contents(self, place: Place, limit: int) -> bytes:
        start, stop = int(place[0]), int(place[1])
        return self._string(start, stop, limit)[0] if self._at(start) in _STRING_PART else b""

    def holding(self, places: Sequence[Place], text: bytes) -> List[int]:
        # A string may be written with escapes.
        return list(range(len(places)))

    def _string(self, pos: int, end: int, limit: int = LONGEST_TEXT) -> Tuple[bytes, int]:
        parts: List[bytes] = []
        room = limit
        while self._at(pos) in _STRING_PART:
            stop = self._after_string(pos, end)
            room -= stop - pos - 2
            if room < 0:
                raise self.over_limit("a string is too long", limit)
            self.keep_text(stop - pos)
            parts.append(self._unescaped(self.data[pos + 1 : stop - 1], pos))
            pos = self._after_blank(stop, end)
        return b"".join(parts), pos

    def _unescaped(self, text: bytes, pos: int) -> bytes:
        def character(match: Match[bytes]) -> bytes:
            octal, hexadecimal, short, long, letter = match.groups()
            if octal:
                return bytes((int(octal, 8) & 255,))
            if hexadecimal:
                return bytes((int(hexadecimal, 16),))
            point = int(short or long, 16) if short or long else None
            if point is not None and point < 0x110000 and not 0xD800 <= point < 0xE000:
                return chr(point).encode("utf-8")
            if letter in _ESCAPED:
                return _ESCAPED[letter]
            raise self.malformed(f"{match.group()!r} is no escape", pos)

        return _ESCAPE.sub(character, text) if b"\\" in text else text

    def _after_value(self, pos: int, end: int) -> int:
        if self._at(pos) in _CLOSING:
            return self._after_nested(pos, end)
        if self._at(pos) not in _STRING_PART:
            return self._after_token(pos, end)
        while self._at(pos) in _STRING_PART:
            pos = self._after_blank(self._after_string(pos, end), end)
        return pos

    def _after_nested(self, pos: int, end: int) -> int:
        closing = [_CLOSING[self._at(pos)]]
        pos += 1
        while closing:
            self._step()
            plain = _PLAIN.match(self.data, pos, end)
            pos = plain.end() if plain else pos
            mark = self._at(pos) if pos < end else b""
            if not mark:
                raise self.malformed("a bracket is not closed", end)
            if mark in _STRING_PART:
                pos = self._after_string(pos, end)
            elif mark == b"#":
                pos = self._after_line(pos, end)
            elif mark in _CLOSING:
                closing.append(_CLOSING[mark])
                if len(closing) > DEEPEST_NESTING:
                    raise self.over_limit("messages are nested too deeply", DEEPEST_NESTING)
                pos += 1
            elif mark in _CLOSING.values():
                if mark != closing.pop():
                    raise self.malformed("a bracket is closed by one of another kind", pos)
                pos += 1
        return pos

    def _after_string(self, pos: int, end: int) -> int:
        quote = self.data[pos : pos + 1]
        start, pos = pos, pos + 1
        while True:
            self._step()
            match = _STRING_PART[quote].match(self.data, pos, end)
            pos = match.end() if match else pos
            if pos >= end or self._at(pos) == b"\n":
                raise self.malformed("a string does not end", start)
            if self._at(pos) == quote:
                return pos + 1
            if match is None or match.start() == match.end():
                raise self.malformed("a string does not end", start)

    def _after_token(self, pos: int, end: int) -> int:
        match = _TOKEN.match(self.data, pos, end)
        if match is None:
            raise self.malformed("a value is missing", pos)
        return match.end()

    def _after_blank(self, pos: int, end: int, blank: Pattern[bytes] = _BLANK) -> int:
        while True:
            match = blank.match(self.data, pos, end)
            if match is None or match.end() == pos:
                return pos
            self._step()
            pos = match.end()

    def _after_line(self, pos: int, end: int) -> int:
        match = _LINE_END.search(self.data, pos, end)
        return match.end() if match else end

    def _at(self, pos: int) -> bytes:
        return self.data[pos : pos + 1]

    def _step(self) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise self.over_limit("too many fields", MOST_STEPS)


read_message = TextSource.read


def _integer(token: bytes) -> Optional[int]:
    match = _INTEGER.match(token)
    if match is None:
        return None
    sign, hexadecimal, octal, decimal = match.groups()
    base = 16 if hexadecimal else 8 if octal else 10
    value = int(hexadecimal or octal or decimal, base)
    value = -value if sign else value
    return value if -(1 << 63) <= value < 1 << 63 else None


def _boolean(token: bytes) -> Optional[bool]:
    return True if token in _TRUE else False if token in _FALSE else None


def _data_type(token: bytes) -> Optional[int]:
    named = DATA_TYPE_NUMBERS.get(token.decode("latin-1"))
    return _integer(token) if named is None else named


def _double(token: bytes) -> Optional[int]:
    """The bits of a float, as `Message.real` expects them."""
    match = _FLOAT.match(token)
    if match is None:
        return None
    value = float(match.group(1).replace(b" ", b""))
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


_SCALARS: Mapping[str, Callable[[bytes], Any]] = {
    INT: _integer,
    INT32: _integer,
    INTS: _integer,
    SIGNED: _integer,
    DOUBLE: _double,
    FLOAT: _double,
    BOOL: _boolean,
    DATA_TYPE: _data_type,
}


@lru_cache(maxsize=None)
def _fields_by_name(message_type: str) -> Mapping[bytes, Field]:
    fields = {field.name.encode(): field for field in MESSAGES[message_type]}
    if message_type == "Any":
        fields[b"[type.googleapis.com/tensorflow.AssetFileDef]"] = _ANY_VALUE
    return fields
