"""Reading strings that are otherwise passed over, and sieving for them."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hand_made import encode, varint
from hypothesis import given
from hypothesis import strategies as st

from unihub.formats import encoding, text_format, wire
from unihub.formats.message import FileOverLimit, FormatError, MalformedFile

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
        found, where = message.sift("function.node_def.op", wanted)
        assert found == {op for ops in functions for op in ops}
        assert where == {
            op: [index for index, ops in enumerate(functions) if op in ops]
            for op in wanted
            if op in found
        }


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def function(name, *nodes, after=b""):
    return field(1, field(1, field(1, name)) + b"".join(field(3, node) for node in nodes) + after)


def node(op, after=b""):
    return field(1, b"n") + field(2, op) + after


def test_functions_that_differ_in_name_alone_are_each_found():
    functions = [function(name, node(b"Add"), node(b"WriteFile")) for name in (b"f", b"g", b"h")]
    plain = [function(name, node(b"Add")) for name in (b"i", b"j")]
    message = read(b"".join(plain + functions + plain), "FunctionDefLibrary")
    found, where = message.sift("function.node_def.op", ["WriteFile"])
    assert (found, where) == ({"Add", "WriteFile"}, {"WriteFile": [2, 3, 4]})


def test_an_op_is_found_wherever_it_stands_in_a_function():
    # What TensorFlow never writes: an op before the name, twice, after others, in a long node.
    unusual = [
        field(2, b"First") + field(1, b"n"),
        node(b"Identity", field(2, b"Second")),
        node(b"Identity", b"\x48\x01" + field(2, b"Third") + b"\x4d1234"),
        node(b"Identity", field(5, b"x" * 20_000) + field(2, b"Fourth")),
        field(2, b""),
    ]
    late = field(4, b"result") + b"\x48\x01" + field(3, node(b"Fifth")) + b"\x48\x01"
    data = function(b"f", *unusual, after=late) + function(b"g", after=late)
    found, where = read(data, "FunctionDefLibrary").sift("function.node_def.op", ["Fifth"])
    assert found == {"First", "Second", "Third", "Fourth", "Fifth", "Identity", ""}
    assert where == {"Fifth": [0, 1]}


def test_large_messages_are_not_taken_for_equal():
    # An empty node is remembered as nothing new, and a large one is not.
    large = node(b"Identity", field(5, b"x" * 20_000) + field(2, b"WriteFile"))
    data = function(b"f", b"") + function(b"g", large) + function(b"h", large)
    _, where = read(data, "FunctionDefLibrary").sift("function.node_def.op", ["WriteFile"])
    assert where == {"WriteFile": [1, 2]}


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(encoding, "_MOST_KEPT", 500)
    data = b"".join(field(3, node(b"Op%d" % index)) for index in range(100))
    source = wire.WireSource(data, "saved_model.pb")
    of_all = encoding.Sieve(source, 3 << 3 | 2, 2 << 3 | 2, set())
    of_all.look_through(0, 0, len(data))
    assert (len(of_all.found), len(of_all._seen_inside), len(of_all._seen)) == (100, 5, 0)


def test_sifting_is_bounded():
    for data in (function(b"f", b"\x48\x00" * 20), function(b"f", after=b"\x48\x00" * 20)):
        source = wire.WireSource(data, "saved_model.pb")
        source.steps_left = 15
        message = source.child(((0, len(data)),), "FunctionDefLibrary")
        with pytest.raises(FileOverLimit, match="too many fields"):
            message.sift("function.node_def.op")


@pytest.mark.parametrize("path", ["function.node_def.op", "function.signature.name"])
def test_a_name_that_is_too_long_is_not_copied(path):
    long = b"x" * 70_000
    data = function(long, node(long))
    with pytest.raises(FileOverLimit, match="a name is too long"):
        read(data, "FunctionDefLibrary").sift(path)


def test_the_nodes_of_a_graph_are_sifted():
    data = field(1, node(b"Add")) + field(1, node(b"Relu"))
    assert read(data, "GraphDef").sift("node.op") == ({"Add", "Relu"}, {})


@given(st.lists(st.lists(st.sampled_from(OPS), max_size=4), max_size=6))
def test_no_message_that_holds_a_string_is_left_out(functions):
    message = read(library(*functions), "FunctionDefLibrary")
    for op in OPS:
        holding = {index for index, ops in enumerate(functions) if op in ops}
        assert holding <= set(message.holding("function", op.encode()))


def test_a_string_across_the_pieces_of_a_search(monkeypatch):
    monkeypatch.setattr(encoding, "_PIECE", 16)
    message = read(
        library(["Identity"] * 3, ["WriteFile"], [], ["WriteFile"]), "FunctionDefLibrary"
    )
    assert message.holding("function", b"WriteFile") == [1, 3]


def test_large_messages_are_not_searched(monkeypatch):
    monkeypatch.setattr(encoding, "_CHEAPER_TO_DECODE", 30)
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
        message.sift("function.node_def.op", ["WriteFile"])
