"""Reads a message from protobuf's wire format, without protobuf.

Only the fields named in `unihub.formats.schema` are decoded; the others are passed over
without being copied, so that a large file costs little time and no memory.

Source: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Set, Tuple, cast

from unihub.formats.encoding import (
    FIXED32,
    FIXED64,
    KIND,
    LENGTH,
    PLAIN,
    VARINT,
    EncodedSource,
    Sieve,
    holding,
    varint,
)
from unihub.formats.message import (
    LONGEST_TEXT,
    MOST_REPEATED,
    MOST_STEPS,
    Place,
)
from unihub.formats.schema import (
    BOOL,
    DATA_TYPE,
    DOUBLE,
    FLOAT,
    INT,
    INT32,
    INTS,
    MESSAGES,
    NUMBERS,
    SIGNED,
    STRING,
    Field,
)

# Keras saves most functions several times over. Of two equal messages on one
# path the second has nothing new; only short ones are worth the memory.
_SHORT = 512
_MOST_SEEN = 20_000
_SCALAR_WIRE_TYPES = {
    INT: VARINT,
    SIGNED: VARINT,
    BOOL: VARINT,
    DATA_TYPE: VARINT,
    INT32: VARINT,
    DOUBLE: FIXED64,
    FLOAT: FIXED32,
}

# By key (field number and wire type): what to do with a field found there.
Plan = Mapping[int, Any]


class WireSource(EncodedSource):
    """The bytes of a file in wire format."""

    def fields(self, places: Sequence[Place], message_type: str) -> Dict[str, List[Any]]:
        found: Dict[str, List[Any]] = {}
        plan = _plan_of_fields(message_type)
        for start, end in places:
            try:
                self._fields_of(int(start), int(end), plan, found)
            except IndexError:
                raise self.malformed("it ends inside a field", len(self.data)) from None
        return found

    def _fields_of(self, pos: int, end: int, plan: Plan, found: Dict[str, List[Any]]) -> None:
        # As in _walk_place, whose remark holds here too. Fields of one kind mostly
        # follow one another, so that they are looked up once.
        data = self.data
        last = -1
        for step in range(self.steps_left):
            if pos >= end:
                if pos > end:
                    raise self.malformed("a field goes beyond its message", end)
                self.steps_left -= step
                return
            key = data[pos]
            value: Any
            if key & KIND == PLAIN:
                length, start = data[pos + 1], pos + 2
                if length > 127:
                    length, start = (length & 127) + (data[start] << 7), start + 1
                    if length >= 1 << 14:
                        length, start = self.varint(pos + 1)
                pos = start + length
                if pos > end:
                    raise self.malformed("a field goes beyond its message", start)
                value = start, pos
            elif key & KIND == VARINT:
                value, pos = data[pos + 1], pos + 2
                if value > 127:
                    value, pos = self.varint(pos - 1)
            elif key & KIND == PLAIN | 128 and data[pos + 1] < 128 and data[pos + 2] < 128:
                # A short string in a field numbered above 15, of which functions have many.
                key, start = (key & 127) + (data[pos + 1] << 7), pos + 3
                pos = start + data[pos + 2]
                if pos > end:
                    raise self.malformed("a field goes beyond its message", start)
                value = start, pos
            else:
                key, value, pos = self._any_field(pos, end)
            if key != last:
                planned = plan.get(key)
                if planned is None:
                    if key < 8:
                        raise self.malformed("a field is numbered 0", pos)
                    continue
                last = key
                name, kind, is_string, is_number, others = planned
                if others and found:
                    # Of a oneof only the field set last is set.
                    for other in others.intersection(found):
                        del found[other]
                values = found.setdefault(name, [])
            if len(values) >= MOST_REPEATED:
                raise self.over_limit(f"too many {name}", MOST_REPEATED)
            if is_string:
                value = self._string(*value)
            elif is_number and (value > 127 or kind == SIGNED):
                value = _number(value, kind)
            values.append(value)
        raise self.over_limit("too many fields", MOST_STEPS)

    def row(
        self, places: Sequence[Place], message_type: str, names: Sequence[str]
    ) -> Tuple[Any, ...]:
        plan, default = _plan_of_columns(message_type, tuple(names))
        return self._row(places, plan, default)

    def rows(
        self, places: Sequence[Place], message_type: str, names: Sequence[str]
    ) -> List[Tuple[Any, ...]]:
        plan, default = _plan_of_columns(message_type, tuple(names))
        return [self._row((place,), plan, default) for place in places]

    def _row(self, places: Sequence[Place], plan: Plan, default: Sequence[Any]) -> Tuple[Any, ...]:
        row = list(default)
        for start, end in places:
            try:
                self._fill(row, int(start), int(end), plan)
            except IndexError:
                raise self.malformed("it ends inside a field", len(self.data)) from None
        return tuple(row)

    def _fill(self, row: List[Any], pos: int, end: int, plan: Plan) -> None:
        data = self.data
        for step in range(self.steps_left):
            if pos >= end:
                if pos > end:
                    raise self.malformed("a field goes beyond its message", end)
                self.steps_left -= step
                return
            key = data[pos]
            value: Any
            if key & KIND == VARINT:
                value, pos = data[pos + 1], pos + 2
                if value > 127:
                    value, pos = (value & 127) + (data[pos] << 7), pos + 1
                    if value >= 1 << 14:
                        value, pos = self.varint(pos - 2)
            elif key & KIND == PLAIN and data[pos + 1] < 128:
                start, pos = pos + 2, pos + 2 + data[pos + 1]
                value = start, pos
            else:
                key, value, pos = self._any_field(pos, end)
            if key in plan:
                column, kind = plan[key]
                if kind == STRING:
                    row[column] = self.text(self._string(*value))
                elif kind not in NUMBERS:
                    # Which is copied for each of its parts.
                    self.keep_text(len(row[column]))
                    row[column] += self.contents(value, LONGEST_TEXT)
                else:
                    row[column] = _number(value, kind) if value > 127 or kind == SIGNED else value
            elif key < 8:
                raise self.malformed("a field is numbered 0", pos)
        raise self.over_limit("too many fields", MOST_STEPS)

    def _any_field(self, pos: int, end: int) -> Tuple[int, Any, int]:
        """Key, value and end of a field of whatever wire type and length."""
        key, start = self.key(pos)
        value: Any
        if key & 7 == VARINT:
            value, stop = self.varint(start)
            return key, value, stop
        if key & 7 == LENGTH:
            length, start = self.varint(start)
            stop = start + length
            value = start, stop
        else:
            stop = self.after_field(key, start, end)
            # Groups, which may be large, are in no plan.
            value = int.from_bytes(self.data[start : min(stop, start + 8)], "little", signed=True)
        if stop > end:
            raise self.malformed("a field goes beyond its message", end)
        return key, value, stop

    def distinct(
        self, places: Sequence[Place], message_type: str, paths: Sequence[str]
    ) -> List[Set[bytes]]:
        found: List[Set[bytes]] = [set() for _ in paths]
        for index, start, stop in self._walk(places, _plan_of_paths(message_type, tuple(paths))):
            values = found[index]
            values.add(self._string(start, stop))
            if len(values) > MOST_REPEATED:
                raise self.over_limit(f"too many {paths[index]}", MOST_REPEATED)
        return found

    def sift(
        self, places: Sequence[Place], message_type: str, path: str, wanted: Set[bytes]
    ) -> Tuple[Set[bytes], Dict[bytes, List[int]]]:
        outer, inner = path.split(".")
        field = _field(message_type, outer)
        of_all = Sieve(self, _key_of(field), _key_of(_field(field.type, inner)), wanted)
        for index, place in enumerate(places):
            try:
                of_all.look_through(index, int(place[0]), int(place[1]))
            except IndexError:
                raise self.malformed("it ends inside a field", len(self.data)) from None
        return of_all.found, of_all.where

    def holding(self, places: Sequence[Place], text: bytes) -> List[int]:
        return holding(self.data, cast("Sequence[Tuple[int, int]]", places), text)

    def contents(self, place: Place, limit: int) -> bytes:
        start, stop = place
        if int(stop) - int(start) > limit:
            raise self.over_limit("a string is too long", limit)
        self.keep_text(int(stop) - int(start))
        return self.data[int(start) : int(stop)]

    def numbers(self, value: Any) -> List[int]:
        if isinstance(value, int):
            return [_signed(value, 32)]
        packed = self.contents(value, LONGEST_TEXT)
        found, pos = [], 0
        try:
            while pos < len(packed):
                number, pos = varint(packed, pos)
                found.append(_signed(number, 32))
        except (IndexError, OverflowError):
            raise self.malformed("a number does not end", int(value[1])) from None
        return found

    def _string(self, start: int, stop: int) -> bytes:
        if stop - start > LONGEST_TEXT:
            raise self.over_limit("a name is too long", LONGEST_TEXT)
        self.keep_text(stop - start)
        return self.data[start:stop]

    def _walk(self, places: Sequence[Place], plan: Plan) -> Iterator[Tuple[Any, int, int]]:
        """The planned fields: what the plan says, and start and end, or number and -1."""
        for start, end in places:
            try:
                yield from self._walk_place(int(start), int(end), plan)
            except IndexError:
                raise self.malformed("it ends inside a field", len(self.data)) from None

    def _walk_place(self, pos: int, end: int, plan: Plan) -> Iterator[Tuple[Any, int, int]]:
        # One flat loop, with short varints read in place: what inspecting a
        # model takes is spent here.
        data = self.data
        outer: List[Tuple[int, Plan]] = []
        seen: Set[Tuple[int, bytes]] = set()
        for step in range(self.steps_left):
            if pos >= end:
                if pos > end:
                    raise self.malformed("a field goes beyond its message", end)
                if not outer:
                    self.steps_left -= step
                    return
                end, plan = outer.pop()
                continue
            key = data[pos]
            pos += 1
            if key > 127:
                key, pos = self.key(pos - 1)
            if key & 7 == 2:
                length = data[pos]
                pos += 1
                if length > 127:
                    high = data[pos]
                    pos += 1
                    if high > 127:
                        length, pos = self.varint(pos - 2)
                    else:
                        length += (high << 7) - 128
                stop = pos + length
                if stop > end:
                    raise self.malformed("a field goes beyond its message", pos)
                action = plan.get(key)
                if action is None:
                    if key < 8:
                        raise self.malformed("a field is numbered 0", pos)
                    pos = stop
                elif type(action) is dict:
                    if length <= _SHORT:
                        message = (id(action), data[pos:stop])
                        if message in seen:
                            pos = stop
                            continue
                        if len(seen) < _MOST_SEEN:
                            seen.add(message)
                    outer.append((end, plan))
                    end, plan = stop, action
                else:
                    yield action, pos, stop
                    pos = stop
            elif key & 7 == 0:
                value, pos = self.varint(pos)
                action = plan.get(key)
                if action is not None:
                    yield action, value, -1
                elif key < 8:
                    raise self.malformed("a field is numbered 0", pos)
            else:
                pos = self.after_field(key, pos, end)
        raise self.over_limit("too many fields", MOST_STEPS)


read_message = WireSource.read


def _number(value: int, kind: str) -> int:
    if kind == SIGNED:
        return value >> 1 ^ -(value & 1)
    if kind == BOOL:
        return int(value != 0)
    return _signed(value, 32 if kind in (DATA_TYPE, INT32) else 64)


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _key_of(field: Field) -> int:
    return field.number << 3 | _SCALAR_WIRE_TYPES.get(field.type, LENGTH)


@lru_cache(maxsize=None)
def _plan_of_fields(message_type: str) -> Plan:
    """Of each field its name, type, what that is, and the fields that it unsets."""
    plan: Dict[int, Any] = {}
    fields = MESSAGES[message_type]
    of_oneof = frozenset(field.name for field in fields if field.in_oneof)
    for field in fields:
        name, kind = field.name, field.type
        others = of_oneof - {name} if field.in_oneof else frozenset()
        row = name, kind, kind == STRING, kind in _SCALAR_WIRE_TYPES, others
        plan[_key_of(field)] = row
        if kind == INTS:
            plan[field.number << 3 | VARINT] = row
    return plan


@lru_cache(maxsize=None)
def _plan_of_columns(message_type: str, names: Tuple[str, ...]) -> Tuple[Plan, Tuple[Any, ...]]:
    fields = [_field(message_type, name) for name in names]
    plan = {_key_of(field): (column, field.type) for column, field in enumerate(fields)}
    default = ["" if f.type == STRING else 0 if f.type in NUMBERS else b"" for f in fields]
    return plan, tuple(default)


@lru_cache(maxsize=None)
def _plan_of_paths(message_type: str, paths: Tuple[str, ...]) -> Plan:
    """A nested plan: a dict where to go down, the path's index where it ends."""
    plan: Dict[int, Any] = {}
    for index, path in enumerate(paths):
        branch, branch_type = plan, message_type
        *outer, last = path.split(".")
        for name in outer:
            field = _field(branch_type, name)
            branch, branch_type = branch.setdefault(_key_of(field), {}), field.type
        branch[_key_of(_field(branch_type, last))] = index
    return plan


def _field(message_type: str, name: str) -> Field:
    return next(field for field in MESSAGES[message_type] if field.name == name)
