"""Reading strings that are otherwise passed over, and sieving for them."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hand_made import encode, varint
from hypothesis import given
from hypothesis import strategies as st

from unihub.reading import text_format, wire
from unihub.reading.message import FileOverLimit, FormatError, MalformedFile

OPS = ["Add", "WriteFile", "Identity", "X" * 600]


def library(*functions):
    """A library of functions, each given by the ops of its nodes."""
    return encode(
        [
            (1, [(1, [(1, f"f{index}")]), *((3, [(1, "n"), (2, op)]) for op in ops)])
            for index, ops in enumerate(functions)
        ]
    )


def in_text(*functions):
    nodes = [" ".join(f'node_def {{ op: "{op}" }}' for op in ops) for ops in functions]
    return " ".join(f"function {{ {text} }}" for text in nodes).encode()


def read(data, message_type):
    return wire.read_message(data, "saved_model.pb", message_type)


def read_text(data, message_type):
    return text_format.read_message(data, "saved_model.pbtxt", message_type)


@given(st.lists(st.lists(st.sampled_from(OPS), max_size=4), max_size=6))
def test_what_is_sifted_is_what_is_there(functions):
    wanted = ["WriteFile", "X" * 600]
    for message in (
        read(library(*functions), "FunctionDefLibrary"),
        read_text(in_text(*functions), "FunctionDefLibrary"),
    ):
        (found,), where = message.sift("function", ["node_def.op"], wanted)
        assert found == {op for ops in functions for op in ops}
        assert where == {
            op: [index for index, ops in enumerate(functions) if op in ops]
            for op in wanted
            if op in found
        }


@given(st.lists(st.lists(st.sampled_from(OPS), max_size=4), max_size=6))
def test_no_message_that_holds_a_string_is_left_out(functions):
    message = read(library(*functions), "FunctionDefLibrary")
    for op in OPS:
        holding = {index for index, ops in enumerate(functions) if op in ops}
        assert holding <= set(message.holding("function", op.encode()))


def test_a_string_across_the_pieces_of_a_search(monkeypatch):
    monkeypatch.setattr(wire, "_PIECE", 16)
    message = read(
        library(["Identity"] * 3, ["WriteFile"], [], ["WriteFile"]), "FunctionDefLibrary"
    )
    assert message.holding("function", b"WriteFile") == [1, 3]


def test_large_messages_are_not_searched(monkeypatch):
    monkeypatch.setattr(wire, "_CHEAPER_TO_DECODE", 30)
    message = read(library(["Identity"] * 3, [], ["Add"]), "FunctionDefLibrary")
    assert message.holding("function", b"WriteFile") == [0]


def test_in_text_any_message_may_hold_a_string():
    message = read_text(in_text(["Add"], []), "FunctionDefLibrary")
    assert message.holding("function", b"WriteFile") == [0, 1]


def test_contents():
    message = read(encode([(2, b"\xff\0")]), "AttrValue")
    assert message.contents("s") == [b"\xff\0"]
    assert read_text(b's: "\\377" "\\000"', "AttrValue").contents("s") == [b"\xff\0"]
    with pytest.raises(FileOverLimit):
        message.contents("s", limit=1)
    with pytest.raises(FileOverLimit):
        read_text(b's: "abc"', "AttrValue").contents("s", limit=1)


@pytest.mark.parametrize("value", [0, 1, -1, 2**62, -(2**63)])
def test_signed_numbers(value):
    zigzag = value << 1 ^ value >> 63
    data = varint(12 << 3) + varint(zigzag)
    assert read(data, "StructuredValue").number("int64_value") == value
    text = f"int64_value: {value}".encode()
    assert read_text(text, "StructuredValue").number("int64_value") == value


@pytest.mark.parametrize("value", [0.0, 0.5, -1e300, float("inf")])
def test_doubles(value):
    data = varint(11 << 3 | 1) + struct.pack("<d", value)
    assert read(data, "StructuredValue").real("float64_value") == value
    text = f"float64_value: {value}".encode()
    assert read_text(text, "StructuredValue").real("float64_value") == value


def test_a_double_that_is_cut_short():
    with pytest.raises(MalformedFile):
        read(varint(11 << 3 | 1) + b"\0" * 4, "StructuredValue").real("float64_value")


@given(st.binary(max_size=60))
def test_any_bytes_are_sifted_or_refused(data):
    with contextlib.suppress(FormatError):
        message = read(encode([(1, data)]), "FunctionDefLibrary")
        message.sift("function", ["node_def.op"], ["WriteFile"])
