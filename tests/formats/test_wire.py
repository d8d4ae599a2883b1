from __future__ import annotations

import pytest
from hand_made import TF1, TF2, encode, encode_field, varint
from hypothesis import given
from hypothesis import strategies as st

from unihub.formats.message import (
    LONGEST_TEXT,
    MOST_REPEATED,
    FileOverLimit,
    FormatError,
    MalformedFile,
)
from unihub.formats.schema import MESSAGES
from unihub.formats.wire import WireSource, read_message


def read(data, message_type):
    return read_message(data, "saved_model.pb", message_type)


def read_everything(message, message_type, depth=0):
    """Asks for every field of a message and of those below it."""
    for field in MESSAGES[message_type]:
        if field.type in MESSAGES:
            children = message.messages(field.name)
            if depth < 12:
                for child in children:
                    read_everything(child, field.type, depth + 1)
        elif field.type == "string":
            message.texts(field.name)
        elif field.type != "presence":
            message.number(field.name)


def test_absent_fields_have_defaults():
    message = read(b"", "TensorInfo")
    assert (message.number("dtype"), message.text("name")) == (0, "")
    assert message.message("tensor_shape").messages("dim") == []
    assert message.which("name", "coo_sparse") is None
    assert not message.has("dtype")


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, 0), (127, 127), (128, 128), (16384, 16384), (-1, -1), (1 << 63, -(1 << 63))],
)
def test_integers(size, expected):
    assert read(encode([(1, size)]), "Dim").number("size") == expected


@pytest.mark.parametrize(
    ("dtype", "expected"), [(101, 101), ((1 << 32) - 1, -1), ((1 << 32) + 7, 7)]
)
def test_enums_are_of_32_bits(dtype, expected):
    assert read(encode([(2, dtype)]), "TensorInfo").number("dtype") == expected


def test_a_varint_may_be_longer_than_needed():
    assert read(b"\x08\x83\x80\x80\x00", "ModuleDef").number("format") == 3


def test_of_a_single_field_the_last_value_counts():
    assert read(encode([(1, 3), (1, 4)]), "ModuleDef").number("format") == 4


def test_parts_of_a_single_message_are_merged():
    data = encode([(1, [(4, "serve")]), (1, [(4, "gpu"), (5, "2.0")])])
    info = read(data, "MetaGraphDef").message("meta_info_def")
    assert info.texts("tags") == ["serve", "gpu"]
    assert info.text("tensorflow_version") == "2.0"


def test_of_a_oneof_the_field_set_last_counts():
    encodings = ("name", "coo_sparse", "composite_tensor")
    assert read(encode([(1, "x"), (4, [])]), "TensorInfo").which(*encodings) == "coo_sparse"
    data = encode([(1, "x"), (4, []), (1, "y")])
    assert read(data, "TensorInfo").which(*encodings) == "name"


def test_of_equal_map_keys_the_last_counts():
    data = encode([(1, [(1, "b"), (2, [(2, 1)])]), (1, [(1, "a")]), (1, [(1, "b")])])
    inputs = read(data, "SignatureDef").entries("inputs")
    assert list(inputs) == ["a", "b"]
    assert inputs["b"].number("dtype") == 0


UNKNOWN_FIELDS = {
    "varint": varint(9 << 3) + varint(1 << 60),
    "fixed64": varint(9 << 3 | 1) + b"12345678",
    "length": encode_field(9, b"\xff" * 200),
    "fixed32": varint(9 << 3 | 5) + b"1234",
    "group": b"\x4b\x4c",
    "nested groups": b"\x4b\x08\x01\x53\x12\x02\x4c\x4c\x1d1234\x54\x19" + b"12345678\x4c",
    "highest number": varint(((1 << 29) - 1) << 3) + b"\x00",
    "declared, of another wire type": encode_field(1, b"\x03"),
}


@pytest.mark.parametrize("unknown", UNKNOWN_FIELDS.values(), ids=UNKNOWN_FIELDS)
def test_unknown_fields_are_passed_over(unknown):
    data = unknown + encode([(1, 3)]) + unknown + encode([(2, "f")]) + unknown
    message = read(data, "ModuleDef")
    assert (message.number("format"), message.texts("required_features")) == (3, ["f"])


MALFORMED = {
    "ends after a key": (b"\x08", "it ends inside a field at byte 1 of 1"),
    "ends inside a key": (b"\x88", "it ends inside a field at byte 1 of 1"),
    "ends inside a number": (b"\x08\x80", "it ends inside a field at byte 2 of 2"),
    "ends inside a length": (b"\x12\x80", "it ends inside a field at byte 2 of 2"),
    "ends inside a string": (b"\x12\x05abc", "a field goes beyond its message at byte 2 of 5"),
    "ends inside fixed64": (b"\x49123", "a field goes beyond its message at byte 4 of 4"),
    "ends inside fixed32": (b"\x4d123", "a field goes beyond its message at byte 4 of 4"),
    "ends inside a group": (b"\x4b\x08\x01", "a group does not end at byte 3 of 3"),
    "huge length": (b"\x12" + b"\xff" * 9 + b"\x01", "a field goes beyond its message"),
    "endless number": (b"\x08" + b"\xff" * 11, "a number does not end"),
    "endless number, unknown": (b"\x48" + b"\xff" * 11, "a number does not end"),
    "group end alone": (b"\x4c", "a field is of wire type 4"),
    "group end of another": (b"\x4b\x54", "a group ends that was not begun"),
    "wire type 6": (b"\x4e", "a field is of wire type 6"),
    "wire type 7": (b"\x4f", "a field is of wire type 7"),
    "wire type 6 in a group": (b"\x4b\x4e\x4c", "a field is of wire type 6"),
    "number 0": (b"\x00\x01", "a field is numbered 0"),
    "number 0, string": (b"\x02\x00", "a field is numbered 0"),
    "number 0, fixed32": (b"\x051234", "a field is numbered 0"),
    "number 0, long": (b"\x80\x00\x01", "a field is numbered 0"),
    "number too high": (b"\x80\x80\x80\x80\x10\x00", "a field is numbered 536870912"),
    "not UTF-8": (b"\x12\x02\xc3\x28", "b'\\xc3(' is not UTF-8 at byte 2 of 4"),
}


@pytest.mark.parametrize(("data", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(data, reason):
    with pytest.raises(MalformedFile) as caught:
        read_everything(read(data, "ModuleDef"), "ModuleDef")
    assert reason in caught.value.why
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, ValueError)


def test_a_field_may_not_go_beyond_its_message():
    # The file goes on there, and the length fits into the file.
    data = encode([(2, b"\x0a\x05ab"), (9, b"more than enough")])
    with pytest.raises(MalformedFile, match="beyond its message"):
        read_everything(read(data, "SavedModel"), "SavedModel")


OVER_LIMIT = {
    "long string": (encode([(2, b"x" * (LONGEST_TEXT + 1))]), "a name is too long"),
    "much text": (encode([(2, b"x" * LONGEST_TEXT)]) * 1025, "too much text"),
    "many values": (b"\x12\x00" * (MOST_REPEATED + 1), "too many required_features"),
    "deep groups": (b"\x4b" * 101, "groups are nested too deeply"),
}


@pytest.mark.parametrize(("data", "reason"), OVER_LIMIT.values(), ids=OVER_LIMIT)
def test_over_limit(data, reason):
    with pytest.raises(FileOverLimit, match=reason):
        read_everything(read(data, "ModuleDef"), "ModuleDef")


@pytest.mark.parametrize("data", [b"\x48\x00" * 20, b"\x4b" + b"\x48\x00" * 20 + b"\x4c"])
def test_work_is_bounded(data):
    source = WireSource(data, "saved_model.pb")
    source.steps_left = 15
    with pytest.raises(FileOverLimit, match="too many fields"):
        source.fields(((0, len(data)),), "ModuleDef")


def test_messages_are_bounded():
    source = WireSource(encode([(2, [])] * 20), "saved_model.pb")
    source._messages_left = 10
    message = source.child(((0, len(source.data)),), "SavedModel")
    with pytest.raises(FileOverLimit, match="too many messages"):
        message.messages("meta_graphs")


VARIABLE = ("name", "dtype", "shape", "trainable")


def test_a_row_has_numbers_strings_and_bytes():
    data = encode([(1, 101), (2, [(2, [(1, 3)])]), (3, 1), (6, "v"), (9, "unknown"), (1, 1)])
    assert read(data, "SavedVariable").row(*VARIABLE) == ("v", 1, b"\x12\x02\x08\x03", 1)
    assert read(b"", "SavedVariable").row(*VARIABLE) == ("", 0, b"", 0)


@pytest.mark.parametrize("unknown", UNKNOWN_FIELDS.values(), ids=UNKNOWN_FIELDS)
def test_a_row_is_what_the_fields_are(unknown):
    children = [[(1, 300), (2, "a")], [], [(2, "b" * 300), (1, -1), (1, 7)]]
    data = b"".join(encode_field(1, unknown + encode(child) + unknown) for child in children)
    assert read(data, "SavedObject").rows("children", "local_name", "node_id") == [
        (child.text("local_name"), child.number("node_id"))
        for child in read(data, "SavedObject").messages("children")
    ]


def test_a_row_of_a_message_in_parts():
    data = encode([(7, [(1, 1), (6, "v")]), (7, [(2, [(2, [])])]), (7, [(1, 9)])])
    variable = read(data, "SavedObject").message("variable")
    assert variable.row("name", "dtype", "shape") == ("v", 9, b"\x12\x00")


@pytest.mark.parametrize(("data", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_a_row_of_malformed(data, reason):
    with pytest.raises(MalformedFile) as caught:
        read(data, "ModuleDef").row("format", "required_features")
    assert reason.partition(" at byte")[0] in caught.value.why


def test_a_row_of_a_message_in_very_many_parts():
    with pytest.raises(FileOverLimit, match="too much text"):
        read(b"\x12\x01x" * 30_000, "SavedVariable").row("shape")


def test_a_row_is_bounded():
    source = WireSource(b"\x48\x00" * 20, "saved_model.pb")
    source.steps_left = 15
    with pytest.raises(FileOverLimit, match="too many fields"):
        source.row(((0, len(source.data)),), "ModuleDef", ("format",))


def graph_def(nodes, functions=()):
    return encode(
        [
            *((1, [(1, name), (2, op)]) for name, op in nodes),
            (
                2,
                [
                    (1, [(1, [(1, name)]), *((3, [(1, "n"), (2, op)]) for op in ops)])
                    for name, ops in functions
                ],
            ),
        ]
    )


def test_distinct():
    data = graph_def(
        [("a", "Const"), ("b", "Const"), ("c", "Relu")],
        [("f", ["Add", "Relu"]), ("g", []), ("h", ["f"])],
    )
    paths = ("node.op", "library.function.signature.name", "library.function.node_def.op")
    assert read(data, "GraphDef").distinct(*paths) == [
        {"Const", "Relu"},
        {"f", "g", "h"},
        {"Add", "Relu", "f"},
    ]


def test_distinct_of_equal_messages_on_different_paths():
    # The same bytes as a node of the graph and as a signature of a function.
    node = [(1, "Relu"), (2, "Relu")]
    data = encode([(1, node), (2, [(1, [(1, node), (3, node)])])])
    paths = ("node.op", "library.function.signature.name", "library.function.node_def.name")
    assert read(data, "GraphDef").distinct(*paths) == [{"Relu"}, {"Relu"}, {"Relu"}]


@pytest.mark.parametrize("cut", [1, 5, 9, 11])
def test_distinct_of_malformed(cut):
    data = graph_def([("a", "Const"), ("b", "Relu")])
    with pytest.raises(MalformedFile):
        read(data[:cut], "GraphDef").distinct("node.op")


names = st.text(max_size=200)
shapes = st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=5)


@given(st.dictionaries(names, st.tuples(names, st.integers(0, 200), shapes), max_size=5))
def test_what_was_written_is_read(tensors):
    fields = [
        (1, [(1, key), (2, [(1, name), (2, dtype), (3, [(2, [(1, n)]) for n in sizes])])])
        for key, (name, dtype, sizes) in tensors.items()
    ]
    inputs = read(encode(fields), "SignatureDef").entries("inputs")
    assert {
        key: (
            info.text("name"),
            info.number("dtype"),
            [dim.number("size") for dim in info.message("tensor_shape").messages("dim")],
        )
        for key, info in inputs.items()
    } == tensors


@given(st.binary(max_size=300), st.sampled_from(sorted(MESSAGES)))
def test_random_bytes_give_an_answer_or_a_format_error(data, message_type):
    try:
        read_everything(read(data, message_type), message_type)
    except FormatError as error:
        assert str(error)


@given(
    st.sampled_from([TF1, TF2]),
    st.lists(st.tuples(st.integers(0, len(TF1) - 1), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_mutated_bytes_give_an_answer_or_a_format_error(data, changes):
    changed = bytearray(data)
    for position, byte in changes:
        changed[position] = byte
    try:
        read_everything(read(bytes(changed), "SavedModel"), "SavedModel")
    except FormatError as error:
        assert str(error)
