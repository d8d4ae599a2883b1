"""Protobuf's wire encoding: keys, numbers, and where the content of a field ends.

Source: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from typing import Tuple

from unihub.formats.message import DEEPEST_NESTING, MOST_STEPS, Data, Source

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
