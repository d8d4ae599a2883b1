"""Protobuf's wire encoding: keys, numbers, where the content of a field ends, and a search.

A search looks for strings in many messages, and decodes as few of them as it can.

Source: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Dict, Iterator, List, Sequence, Set, Tuple

from unihub.formats.message import (
    DEEPEST_NESTING,
    LONGEST_TEXT,
    MOST_REPEATED,
    MOST_STEPS,
    Data,
    Source,
)

VARINT, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32 = range(6)
# Of a key: that it is of one byte, and that a length follows.
KIND, PLAIN = 0x87, 0x02

_LONGEST_VARINT = 10
_HIGHEST_KEY = (1 << 32) - 1


def varint(data: Data, pos: int) -> Tuple[int, int]:
    """A number of up to 64 bits without its sign, and where it ends.

    Raises:
        IndexError: the data end before it does.
        OverflowError: it is longer than any such number.
    """
    value = 0
    for shift in range(0, 7 * _LONGEST_VARINT, 7):
        byte = data[pos]
        pos += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, pos
    raise OverflowError(pos)


class EncodedSource(Source):
    """The bytes of a file in wire format, one field at a time."""

    def key_and_length(self, pos: int, end: int) -> Tuple[int, int, int]:
        """Any field's key, the length of its content, and where that begins."""
        key, start = self.key(pos)
        wire_type = key & 7
        if wire_type == LENGTH:
            length, start = self.varint(start)
            return key, length, start
        if wire_type == VARINT:
            return key, self.varint(start)[1] - start, start
        return key, self.after_field(key, start, end) - start, start

    def key(self, pos: int) -> Tuple[int, int]:
        """A field's key, and where what follows it begins."""
        key, pos = self.varint(pos)
        if not 8 <= key <= _HIGHEST_KEY:
            raise self.malformed(f"a field is numbered {key >> 3}", pos)
        return key, pos

    def varint(self, pos: int) -> Tuple[int, int]:
        """As `varint`, of this file."""
        try:
            return varint(self.data, pos)
        except OverflowError:
            raise self.malformed("a number does not end", pos + _LONGEST_VARINT) from None

    def after_field(self, key: int, pos: int, end: int) -> int:
        """Where a field ends that is neither a number nor of a given length."""
        wire_type = key & 7
        if key < 8:
            raise self.malformed("a field is numbered 0", pos)
        if wire_type == FIXED64:
            return pos + 8
        if wire_type == FIXED32:
            return pos + 4
        if wire_type == GROUP:
            return self._after_group(key >> 3, pos, end)
        raise self.malformed(f"a field is of wire type {wire_type}", pos)

    def _after_group(self, number: int, pos: int, end: int) -> int:
        open_groups = [number]
        for step in range(self.steps_left):
            if not open_groups:
                self.steps_left -= step
                return pos
            if pos >= end:
                raise self.malformed("a group does not end", end)
            key, pos = self.key(pos)
            wire_type = key & 7
            if wire_type == GROUP:
                open_groups.append(key >> 3)
                if len(open_groups) > DEEPEST_NESTING:
                    raise self.over_limit("groups are nested too deeply", DEEPEST_NESTING)
            elif wire_type == GROUP_END:
                if open_groups.pop() != key >> 3:
                    raise self.malformed("a group ends that was not begun", pos)
            elif wire_type == LENGTH:
                length, pos = self.varint(pos)
                pos += length
            elif wire_type == VARINT:
                _, pos = self.varint(pos)
            else:
                pos = self.after_field(key, pos, end)
        raise self.over_limit("too many fields", MOST_STEPS)


# What is remembered of messages that have nothing new.
_LONGEST_KEPT = 1 << 14
_MOST_KEPT = 1 << 25
_OVERHEAD = 100
# Searched piece by piece, for bytes are searched far faster than a memory map.
_PIECE = 1 << 16
# A larger message, such as a node with all weights, is not searched at all.
_CHEAPER_TO_DECODE = 1 << 22


class Sieve:
    """Gathers the strings in one field of the messages in one field of others.

    Keras saves most functions several times over, under other names: what is equal
    from the first of the messages on is looked through once.

    Args:
        source: where they lie.
        outer, inner: keys of the two fields.
        wanted: strings whose places are to be known.

    Attributes:
        found: the distinct strings.
        where: of the wanted ones, the indices of the messages that hold them.
    """

    def __init__(self, source: EncodedSource, outer: int, inner: int, wanted: Set[bytes]) -> None:
        self.found: Set[bytes] = set()
        self.where: Dict[bytes, List[int]] = {}
        self._source = source
        self._outer = outer
        self._inner = inner
        self._wanted = wanted
        self._room = _MOST_KEPT
        self._seen: Set[bytes] = set()
        self._seen_inside: Set[bytes] = set()

    # Of a model with thousands of functions most of the time is spent in the next
    # two loops, so that lengths are read in place.

    def look_through(self, index: int, pos: int, end: int) -> None:
        """Gathers the strings of one message."""
        source, outer, seen = self._source, self._outer, self._seen_inside
        data = source.data
        content = b""
        is_first = True
        is_wanted = False
        for step in range(source.steps_left):
            if pos >= end:
                self._finish(step, pos, end)
                if content and not is_wanted and self._room > 0:
                    self._room -= len(content) + _OVERHEAD
                    self._seen.add(content)
                return
            key, length, start = data[pos], data[pos + 1], pos + 2
            if key & KIND != PLAIN:
                key, length, start = source.key_and_length(pos, end)
            elif length > 127:
                length, start = (length & 127) + (data[start] << 7), start + 1
                if length >= 1 << 14:
                    length, start = source.varint(pos + 1)
            stop = start + length
            if key == outer:
                if is_first:
                    is_first = False
                    if end - pos <= _LONGEST_KEPT:
                        content = data[pos:end]
                        if content in self._seen:
                            return
                if length > _LONGEST_KEPT:
                    is_wanted |= self._look_into(index, data, start, stop, 0)
                else:
                    message = data[start:stop]
                    if message not in seen:
                        if self._look_into(index, message, 0, length, start):
                            is_wanted = True
                        elif self._room > 0:
                            self._room -= length + _OVERHEAD
                            seen.add(message)
            pos = stop
        raise source.over_limit("too many fields", MOST_STEPS)

    def _look_into(self, index: int, message: Data, pos: int, end: int, start: int) -> bool:
        """Gathers the strings of a message inside; says whether it has wanted ones.

        Args:
            start: where the data begin in the source.
        """
        source, inner, found = self._source, self._inner, self.found
        is_wanted = False
        for step in range(source.steps_left):
            if pos >= end:
                self._finish(step, pos, end)
                return is_wanted
            key, length = message[pos], message[pos + 1]
            if length > 127 or key & KIND != PLAIN:
                key, length, after = source.key_and_length(start + pos, start + end)
                pos = after - start + length
            else:
                pos += length + 2
            if key == inner:
                if length > LONGEST_TEXT:
                    raise source.over_limit("a name is too long", LONGEST_TEXT)
                text = message[pos - length : pos]
                if text not in found:
                    self._add(text)
                if text in self._wanted:
                    is_wanted = True
                    indices = self.where.setdefault(text, [])
                    if indices[-1:] != [index]:
                        indices.append(index)
        raise source.over_limit("too many fields", MOST_STEPS)

    def _finish(self, steps: int, pos: int, end: int) -> None:
        if pos > end:
            raise self._source.malformed("a field goes beyond its message", end)
        self._source.steps_left -= steps

    def _add(self, text: bytes) -> None:
        self._source.keep_text(len(text))
        self.found.add(text)
        if len(self.found) > MOST_REPEATED:
            raise self._source.over_limit("too many names", MOST_REPEATED)


def holding(data: Data, places: Sequence[Tuple[int, int]], text: bytes) -> List[int]:
    """Indices of the places, in ascending order, that may hold a text."""
    found = {index for index, (start, end) in enumerate(places) if end - start > _CHEAPER_TO_DECODE}
    bounds = [-1, *sorted(found), len(places)]
    for before, after in zip(bounds, bounds[1:]):
        found.update(_holding(data, places, before + 1, after, text))
    return sorted(found)


def _holding(
    data: Data, places: Sequence[Tuple[int, int]], first: int, last: int, text: bytes
) -> Iterator[int]:
    if first == last:
        return
    pos, end = places[first][0], places[last - 1][1]
    if isinstance(data, bytes):
        offset = data.find(text, pos, end)
        while offset >= 0:
            index = bisect_right(places, (offset, end), first, last) - 1
            yield index
            offset = data.find(text, max(places[index][1], offset + 1), end)
        return
    while pos < end:
        piece = data[pos : min(end, pos + _PIECE + len(text))]
        offset = piece.find(text)
        while offset >= 0:
            index = bisect_right(places, (pos + offset, end), first, last) - 1
            yield index
            # On to the next place, whose end may lie beyond this piece.
            offset = piece.find(text, max(places[index][1] - pos, offset + 1))
        pos += _PIECE
