from __future__ import annotations

import contextlib
import shutil
import struct

import pytest
from conftest import MODELS
from hand_made import encode, varint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unihub.errors import UnihubError
from unihub.formats import MalformedFile
from unihub.inspection.checkpoint import Tensor, byte_size, read_checkpoint

MAGIC = bytes.fromhex("57fb808b247547db")
FLOAT = 1


def block(entries, kind=0, compress=lambda content: content):
    """A block whose keys are given in full, with one restart point, and its trailer."""
    content = b""
    for key, value in entries:
        content += varint(0) + varint(len(key)) + varint(len(value)) + key + value
    content += struct.pack("<II", 0, 1)
    return compress(content) + bytes([kind]) + b"\0\0\0\0"


def table(*blocks):
    data, handles = b"", []
    for part in blocks:
        handles.append((b"z%d" % len(handles), varint(len(data)) + varint(len(part) - 5)))
        data += part
    index = block(handles)
    footer = varint(0) + varint(0) + varint(len(data)) + varint(len(index) - 5)
    return data + index + footer.ljust(40, b"\0") + MAGIC


def bundle_entry(dtype, shape, offset=0, size=0):
    dims = [(2, [(1, length)]) for length in shape]
    return encode([(1, dtype), (2, dims), (4, offset), (5, size)])


HEADER = (b"", encode([(1, 1)]))
WEIGHTS = (b"w", bundle_entry(FLOAT, (2, 3), 0, 24))


@pytest.fixture
def read(tmp_path):
    def read_index(content, data=b"\0" * 24):
        (tmp_path / "v.index").write_bytes(content)
        (tmp_path / "v.data-00000-of-00001").write_bytes(data)
        return read_checkpoint(str(tmp_path / "v"))

    return read_index


def test_tensors_of_a_table(read):
    checkpoint = read(table(block([HEADER, WEIGHTS])))
    assert checkpoint.tensors == (Tensor("w", "float32", (2, 3), 24),)
    assert (checkpoint.bytes, checkpoint.shards, checkpoint.damage) == (24, 1, "")


def test_tensors_of_two_blocks(read):
    other = (b"x", bundle_entry(FLOAT, (), 24, 4))
    found = read(table(block([HEADER, WEIGHTS]), block([other])), b"\0" * 28)
    assert [tensor.name for tensor in found.tensors] == ["w", "x"]


def test_keys_share_what_they_begin_with(read):
    value = bundle_entry(FLOAT, (), 0, 4)
    first = varint(0) + varint(3) + varint(len(value)) + b"a/b" + value
    second = varint(2) + varint(1) + varint(len(value)) + b"c" + value
    content = first + second + struct.pack("<II", 0, 1)
    found = read(table(content + b"\0" * 5))
    assert [tensor.name for tensor in found.tensors] == ["a/b", "a/c"]


def literal(content):
    """Snappy that compresses nothing."""
    return varint(len(content)) + bytes([60 << 2, len(content) - 1]) + content


def test_snappy(read):
    assert read(table(block([HEADER, WEIGHTS], 1, literal))).tensors[0].shape == (2, 3)


def test_snappy_copies(read):
    def compress(content):
        # A copy of one byte, repeated, in the name's place.
        start = content.index(b"wwwwwwww")
        head, tail = content[: start + 1], content[start + 8 :]
        copy = bytes([6 << 2 | 2]) + struct.pack("<H", 1)
        parts = [bytes([60 << 2, len(part) - 1]) + part for part in (head, tail)]
        return varint(len(content)) + parts[0] + copy + parts[1]

    entry = (b"wwwwwwww", WEIGHTS[1])
    assert read(table(block([entry], 1, compress))).tensors[0].name == "wwwwwwww"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "its last bytes are not those of a table"),
        (b"\0" * 60, "its last bytes are not those of a table"),
        (b"\0" * 40 + MAGIC, "a block lies beyond its end"),
        (b"\xff" * 40 + MAGIC, "a number does not end"),
        (table(block([WEIGHTS], 2)), "a block is compressed in an unknown way (2)"),
        (table(block([WEIGHTS], 1, lambda content: varint(9) + b"\2\1\0")), "a compressed block"),
        (table(block([WEIGHTS], 1, lambda content: varint(9999) + b"\0\0")), "an impossible size"),
        (table(b"\xff\xff\xff\xff" + b"\0" * 5), "a block's restart points lie beyond it"),
        (table(varint(3) + b"\0" * 10 + b"\0" * 5), "an entry lies beyond its block"),
    ],
    ids=range(9),
)
def test_damaged(read, content, reason):
    with pytest.raises(MalformedFile, match="checkpoint's index") as caught:
        read(content)
    assert reason in caught.value.why


def test_no_checkpoint(tmp_path):
    assert read_checkpoint(str(tmp_path / "v")) is None


def test_data_that_is_cut_short(read):
    index = table(block([HEADER, WEIGHTS]))
    assert read(index, b"\0" * 8).damage == "v.data-00000-of-00001 has 8 bytes of 24"


def test_data_that_is_missing(tmp_path):
    shutil.copy(str(MODELS / "tf2_reusable/variables/variables.index"), str(tmp_path))
    damage = read_checkpoint(str(tmp_path / "variables")).damage
    assert damage == "variables.data-00000-of-00001 is missing"


@pytest.mark.parametrize(
    ("dtype", "shape", "expected"),
    [
        ("float32", (2, 3), 24),
        ("bfloat16", (4,), 8),
        ("int8", (), 1),
        ("complex128", (2,), 32),
        ("float32", (None, 3), 0),
        ("string", (3,), 0),
    ],
)
def test_size_in_memory(dtype, shape, expected):
    assert byte_size(dtype, shape) == expected


REAL = (MODELS / "keras3_export/variables/variables.index").read_bytes()
SNAPPY = table(block([HEADER, WEIGHTS], 1, literal))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.sampled_from([REAL, SNAPPY]),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 40),
)
def test_damaged_files_raise_nothing_but_our_errors(read, content, changes, cut):
    changed = bytearray(content)
    for place, value in changes:
        changed[place % len(changed)] = value
    with contextlib.suppress(UnihubError):
        read(bytes(changed[cut:]))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=120))
def test_any_bytes_with_a_footer(read, content):
    with contextlib.suppress(UnihubError):
        read(content + MAGIC)
