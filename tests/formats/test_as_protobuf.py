"""What our reader makes of bytes is what protobuf makes of them, field by field.

TensorFlow reads by protobuf, so that wherever the two differ a model could show the scan
one thing and TensorFlow another. The bytes are such as no tool writes, and protobuf takes.
"""

from __future__ import annotations

import random

from conftest import MODELS
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from hand_made import encode, meta_graph, saved_model, signature, tensor_info, varint
from hypothesis import assume, given
from hypothesis import strategies as st
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import loader_impl

from unihub.formats import read_saved_model, selection, wire
from unihub.formats.message import FormatError
from unihub.formats.schema import FIELD_TYPES, INTS, MESSAGES, NUMBERS, PRESENCE, STRING
from unihub.formats.text_format import read_message as read_text

# What of protobuf's messages is of another type in our schema, which knows better what is inside.
IN_BYTES = {("Any", "value")}
ROOT = "SavedModel"
WORDS = ["", "a", "serve", "WriteFile", "é", "b" * 130]
NUMBERS_TO_TRY = [0, 1, 2, 7, 127, 128, 300, 2**31 - 1, 2**31, 2**32, 2**63, 2**64 - 1, 2**64 - 5]


def fields_of(name, descriptor):
    """The fields of a message that this TensorFlow has already."""
    return [field for field in MESSAGES[name] if field.number in descriptor.fields_by_number]


def descriptors():
    """Of each of our messages that TensorFlow has, protobuf's descriptor."""
    found = {}
    waiting = [(ROOT, saved_model_pb2.SavedModel.DESCRIPTOR)]
    while waiting:
        name, descriptor = waiting.pop()
        if name in found:
            continue
        found[name] = descriptor
        for field in fields_of(name, descriptor):
            inside = descriptor.fields_by_number[field.number].message_type
            if inside is not None and field.type in MESSAGES and (name, field.name) not in IN_BYTES:
                waiting.append((field.type, inside))
    return found


DESCRIPTORS = descriptors()


def is_map(descriptor):
    inside = descriptor.message_type
    return inside is not None and inside.GetOptions().map_entry


def is_repeated(descriptor):
    # The newest protobuf has no label any more, and older ones nothing else.
    if hasattr(descriptor, "is_repeated"):
        return descriptor.is_repeated
    return descriptor.label == FieldDescriptor.LABEL_REPEATED


def check_same(ours, theirs, name, exact=False):
    descriptor = theirs.DESCRIPTOR
    for field in fields_of(name, descriptor):
        known = descriptor.fields_by_number[field.number]
        # Where two messages of protobuf's are one of ours, names may differ.
        label = f"{name}.{field.name}"
        if (name, field.name) in IN_BYTES:
            continue
        if is_map(known):
            check_map(ours, getattr(theirs, known.name), field, label, exact)
        elif is_repeated(known):
            check_repeated(ours, getattr(theirs, known.name), field, label, exact)
        else:
            check_single(ours, theirs, field, known, label, exact)


def check_map(ours, theirs, field, label, exact):
    """An entry with a field that is unknown is none for some of protobuf's implementations."""
    entries, last = ours.all_entries(field.name), ours.entries(field.name)
    value_type = FIELD_TYPES[field.type, "value"]
    if exact:
        assert list(last) == sorted(theirs), label
        for key, value in last.items():
            check_same(value, theirs[key], value_type, exact)
        return
    assert set(theirs) <= set(last) == {key for key, _ in entries}, label
    for key, value in theirs.items():
        candidates = [found for name, found in entries if name == key]
        assert any(is_same(one, value, value_type) for one in candidates), (label, key)


def is_same(ours, theirs, name):
    try:
        check_same(ours, theirs, name)
    except AssertionError:
        return False
    return True


def check_repeated(ours, theirs, field, label, exact):
    if field.type == STRING:
        assert ours.texts(field.name) == list(theirs), label
    elif field.type == INTS:
        assert ours.numbers(field.name) == list(theirs), label
    elif field.type == PRESENCE:
        assert ours.count(field.name) == len(theirs), label
        if theirs and isinstance(theirs[0], (str, bytes)):
            encoded = [v.encode("utf-8") if isinstance(v, str) else v for v in theirs]
            assert ours.contents(field.name) == encoded, label
    else:
        assert ours.count(field.name) == len(theirs), label
        for mine, other in zip(ours.messages(field.name), theirs):
            check_same(mine, other, field.type, exact)


def check_single(ours, theirs, field, known, label, exact):
    value = getattr(theirs, known.name)
    if field.in_oneof or known.message_type is not None:
        is_there = theirs.HasField(known.name)
        assert ours.has(field.name) == is_there, label
        if not is_there:
            return
    if field.type == STRING:
        assert ours.text(field.name) == value, label
    elif field.type == "double":
        assert repr(ours.real(field.name)) == repr(value), label
    elif field.type in NUMBERS:
        # Of a float only that it is there is of interest.
        if field.type == "bool":
            assert bool(ours.number(field.name)) == value, label
        elif field.type != "float":
            assert ours.number(field.name) == value, label
    elif field.type == PRESENCE:
        if isinstance(value, (str, bytes)) and ours.has(field.name):
            value = value.encode("utf-8") if isinstance(value, str) else value
            assert ours.contents(field.name)[-1] == value, label
    else:
        check_same(ours.message(field.name), value, field.type, exact)


def parsed(data):
    """What protobuf makes of it; the example is another where that is nothing."""
    message = saved_model_pb2.SavedModel()
    try:
        message.ParseFromString(data)
    except DecodeError:
        assume(False)
    return message


def check_bytes(data, exact=False):
    theirs = parsed(data)
    ours = wire.read_message(data, "saved_model.pb", ROOT, "SavedModel")
    check_same(ours, theirs, ROOT, exact)


def number(chance, value):
    """A varint, which may have more bytes than it needs."""
    encoded = bytearray(varint(value))
    # The last of ten bytes has but one bit.
    if chance.random() < 0.1 and len(encoded) < 9:
        encoded[-1] |= 128
        encoded += b"\x80" * chance.randrange(9 - len(encoded)) + b"\0"
    return bytes(encoded)


def scalar(chance, kind):
    """Wire type and bytes of a value of a field that is no message."""
    if kind in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        word = chance.choice(WORDS).encode("utf-8")
        return 2, number(chance, len(word)) + word
    if kind in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FIXED64):
        return 1, bytes(chance.randrange(256) for _ in range(8))
    if kind in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_FIXED32):
        return 5, bytes(chance.randrange(256) for _ in range(4))
    return 0, number(chance, chance.choice(NUMBERS_TO_TRY))


def field_of(chance, number_on_wire, wire_type, content):
    return number(chance, number_on_wire << 3 | wire_type) + content


def unknown(chance):
    """A field that no message has, or one of another type than it has."""
    wire_type = chance.choice([0, 1, 2, 5])
    kind = {
        0: FieldDescriptor.TYPE_INT64,
        1: FieldDescriptor.TYPE_DOUBLE,
        2: FieldDescriptor.TYPE_BYTES,
        5: FieldDescriptor.TYPE_FLOAT,
    }[wire_type]
    return field_of(chance, chance.choice([1, 2, 3, 15, 16, 99, 5000]), *scalar(chance, kind))


def generated(chance, name, depth, exact=False, in_map=False):
    """A message of one of our types: fields in any order, several times, and in parts.

    With ``exact`` there are no unknown fields in the entries of maps.
    """
    most_unknown = 0.0 if exact and in_map else 0.06
    descriptor = DESCRIPTORS[name]
    parts = []
    for _ in range(chance.randrange(5 if depth else 3)):
        if chance.random() < most_unknown:
            parts.append(unknown(chance))
            continue
        field = chance.choice(fields_of(name, descriptor))
        known = descriptor.fields_by_number[field.number]
        if field.type in DESCRIPTORS:
            inside = field.type, depth - 1, exact, is_map(known)
            content = generated(chance, *inside) if depth else b""
            content = number(chance, len(content)) + content
            parts.append(field_of(chance, field.number, 2, content))
        elif known.message_type is not None:
            parts.append(field_of(chance, field.number, 2, b"\0"))
        elif field.type == INTS and chance.random() < 0.5:
            packed = b"".join(varint(chance.choice(NUMBERS_TO_TRY)) for _ in range(3))
            parts.append(field_of(chance, field.number, 2, varint(len(packed)) + packed))
        else:
            wire_type, content = scalar(chance, known.type)
            parts.append(field_of(chance, field.number, wire_type, content))
    return b"".join(parts)


def in_the_root(name, data):
    """A message as a part of a SavedModel, through a way that leads to its type."""
    if name == ROOT:
        return data
    for outer in MESSAGES:
        for field in fields_of(outer, DESCRIPTORS[outer]) if outer in DESCRIPTORS else ():
            if field.type == name and outer != name and outer not in PATH_SEEN.get(name, ()):
                encoded = varint(field.number << 3 | 2) + varint(len(data)) + data
                return in_the_root(outer, encoded)
    raise AssertionError(name)


# Against going round in StructuredValue and its like.
PATH_SEEN = {
    "StructuredValue": ("StructuredValueList", "PairValue"),
    "TypeSpecProto": ("StructuredValue",),
    "TensorInfo": ("CompositeTensor",),
    "NameAttrList": ("AttrList",),
    "AttrEntry": ("NameAttrList",),
}


@given(st.sampled_from(sorted(DESCRIPTORS)), st.integers(0, 2**32), st.booleans())
def test_generated_messages(name, seed, exact):
    chance = random.Random(seed)
    parts = [in_the_root(name, generated(chance, name, 4, exact, exact)) for _ in range(2)]
    check_bytes(b"".join(parts), exact)


SMALL = ["tf1_hub_text", "tf1_saved_model_table", "tf2_reusable", "tf2_text"]


@given(
    st.sampled_from(SMALL),
    st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_mutated_models(name, changes):
    data = bytearray((MODELS / name / "saved_model.pb").read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    try:
        check_bytes(bytes(data))
    except FormatError as error:
        # Ours is the stricter one, which hides nothing.
        assert str(error)


@given(st.sampled_from(sorted(DESCRIPTORS)), st.integers(0, 2**32))
def test_text_that_protobuf_writes(name, seed):
    theirs = parsed(in_the_root(name, generated(random.Random(seed), name, 4, True, True)))
    text = text_format.MessageToString(theirs).encode("utf-8")
    ours = read_text(text, "saved_model.pbtxt", ROOT, "SavedModel")
    check_same(ours, theirs, ROOT, exact=True)


# Which of several is taken.


def graph_with(name, tags=("serve",)):
    tensors = signature({}, {"y": tensor_info(name, 1)})
    return meta_graph(tags=tags, signatures={name: tensors})


def by_tensorflow(folder, tags=("serve",)):
    loader = loader_impl.SavedModelLoader(str(folder))
    return sorted(loader.get_meta_graph_def_from_tags(tags).signature_def)


def by_unihub(folder, tags=("serve",)):
    graph = selection.choose_meta_graph(read_saved_model(folder), str(folder), tags=tags)
    return sorted(graph.signatures)


def test_the_first_of_several_graphs_with_the_same_tags(tmp_path):
    graphs = [graph_with("first"), graph_with("second")]
    (tmp_path / "saved_model.pb").write_bytes(saved_model(*graphs))
    assert by_unihub(tmp_path) == by_tensorflow(tmp_path) == ["first"]


def test_binary_goes_before_text(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(saved_model(graph_with("binary")))
    text = 'meta_graphs { meta_info_def { tags: "serve" } signature_def { key: "text" value {} } }'
    (tmp_path / "saved_model.pbtxt").write_text(text)
    assert by_unihub(tmp_path) == by_tensorflow(tmp_path) == ["binary"]
    (tmp_path / "saved_model.pb").unlink()
    assert by_unihub(tmp_path) == by_tensorflow(tmp_path) == ["text"]


def test_a_message_in_several_parts():
    nodes = [(1, [(1, f"n{part}"), (2, "Const")]) for part in range(3)]
    in_parts = encode([(2, [(2, [node]) for node in nodes])])
    check_bytes(in_parts)
    graph = wire.read_message(in_parts, "", ROOT, "").messages("meta_graphs")[0]
    assert [node.text("name") for node in graph.message("graph_def").messages("node")] == [
        "n0",
        "n1",
        "n2",
    ]
