from __future__ import annotations

import pytest
from formats.test_wire import read_everything
from hypothesis import given
from hypothesis import strategies as st

from unihub.formats.message import LONGEST_TEXT, FileOverLimit, FormatError, MalformedFile
from unihub.formats.schema import MESSAGES
from unihub.formats.text_format import TextSource, read_message

SAVED_MODEL = """\
# A comment, with a { bracket and a " quote.
saved_model_schema_version: 1
meta_graphs {
  meta_info_def {
    stripped_op_list { op { name: "Const" } op { name: "Relu" } }
    any_info { [type.googleapis.com/tensorflow.SomeThing] { name: "}" } }
    tags: "serve"
    tensorflow_version: '1.3.0'
  }
  graph_def < node < name: "x" op: "Placeholder" > >
  collection_def { key: "variables" value { bytes_list { value: "\\n\\001\\"}" } } }
  signature_def {
    key: "serving_default"
    value {
      inputs { key: "x" value { name: "x:0" dtype: DT_FLOAT tensor_shape { dim { size: -1 } } } }
      method_name: "tensorflow/serving/predict"
    }
  }
}
"""


def read(text, message_type):
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    return read_message(data, "saved_model.pbtxt", message_type)


def test_saved_model():
    graph = read(SAVED_MODEL, "SavedModel").messages("meta_graphs")[0]
    assert graph.message("meta_info_def").texts("tags") == ["serve"]
    assert graph.message("meta_info_def").text("tensorflow_version") == "1.3.0"
    assert graph.distinct("graph_def.node.op") == [{"Placeholder"}]
    assert graph.distinct("meta_info_def.stripped_op_list.op.name") == [{"Const", "Relu"}]
    collection = graph.entries("collection_def")["variables"]
    assert collection.which("node_list", "bytes_list") == "bytes_list"
    assert collection.message("bytes_list").count("value") == 1
    tensor = graph.entries("signature_def")["serving_default"].entries("inputs")["x"]
    assert (tensor.text("name"), tensor.number("dtype")) == ("x:0", 1)
    assert [dim.number("size") for dim in tensor.message("tensor_shape").messages("dim")] == [-1]


def test_rows():
    node = read('children { local_name: "a" node_id: 3 } children { }', "SavedObject")
    assert node.rows("children", "local_name", "node_id") == [("a", 3), ("", 0)]
    metadata = read("node_path: 'root' metadata: '{' '}'", "KerasObject")
    assert metadata.row("node_path", "identifier", "metadata") == ("root", "", b"{}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name: "x"', "x"),
        ("name: 'x'", "x"),
        ("name:'x'", "x"),
        ("name : # why\n 'x'", "x"),
        ("name: 'a' \"b\"\n# and\n'c'", "abc"),
        ("name: 'a'; name: 'b',", "b"),
        (r"name: '\'\"\\\?'", "'\"\\?"),
        (r"name: '\a\b\f\n\r\t\v'", "\a\b\f\n\r\t\v"),
        (r"name: '\0\101\1012'", "\0AA2"),
        (r"name: '\x41\X4a\x4g'", "AJ\x04g"),
        (r"name: '\303\251'", "é"),
        (r"name: '\u00e9\U0001f600'", "é😀"),
        ("name: 'é'", "é"),
        ("name: ''", ""),
        ("name: '#{<['", "#{<["),
        ("", ""),
        ("# nothing\n", ""),
    ],
)
def test_strings(text, expected):
    assert read(text, "TensorInfo").text("name") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size: 5", 5),
        ("size: -1", -1),
        ("size: - 1", -1),
        ("size: 0x1F", 31),
        ("size: 017", 15),
        ("size: 0", 0),
        ("size:9223372036854775807", (1 << 63) - 1),
        ("size: -9223372036854775808", -(1 << 63)),
    ],
)
def test_integers(text, expected):
    assert read(text, "Dim").number("size") == expected


@pytest.mark.parametrize("token", ["true", "True", "t", "1"])
def test_booleans(token):
    assert read(f"unknown_rank: {token}", "TensorShapeProto").number("unknown_rank") == 1


@pytest.mark.parametrize("token", ["false", "False", "f", "0"])
def test_false_booleans(token):
    assert read(f"unknown_rank: {token}", "TensorShapeProto").number("unknown_rank") == 0


@pytest.mark.parametrize(
    ("token", "expected"), [("DT_STRING", 7), ("DT_FLOAT_REF", 101), ("7", 7), ("77", 77)]
)
def test_enums(token, expected):
    assert read(f"dtype: {token}", "TensorInfo").number("dtype") == expected


@pytest.mark.parametrize(
    "text",
    [
        "dim { size: 2 } dim { size: 3 }",
        "dim: { size: 2 } dim: < size: 3 >",
        "dim: [{ size: 2 }, { size: 3 }]",
        "dim [< size: 2 >, { size: 3 }]",
        "dim{size:2}dim{size:3}",
        "dim { size: 2, }; dim { size: 3; };",
    ],
)
def test_messages(text):
    dims = read(text, "TensorShapeProto").messages("dim")
    assert [dim.number("size") for dim in dims] == [2, 3]


@pytest.mark.parametrize(
    "text", ["tags: ['a', 'b' 'c']", "tags: 'a' tags: 'bc'", "tags:['a','bc',]"]
)
def test_lists(text):
    assert read(text, "MetaInfoDef").texts("tags") == ["a", "bc"]


def test_an_empty_list():
    assert read("tags: []", "MetaInfoDef").texts("tags") == []


def test_of_equal_map_keys_the_last_counts():
    text = "inputs { key: 'x' value { dtype: 1 } } inputs { key: 'x' value { dtype: 2 } }"
    assert read(text, "SignatureDef").entries("inputs")["x"].number("dtype") == 2


def test_of_a_oneof_the_field_set_last_counts():
    text = "name: 'x' coo_sparse {}"
    assert read(text, "TensorInfo").which("name", "coo_sparse") == "coo_sparse"


@pytest.mark.parametrize(
    "text",
    [
        "value { [type.googleapis.com/tensorflow.AssetFileDef] { filename: 'a.txt' } }",
        r"value { type_url: 'x/tensorflow.AssetFileDef' value: '\022\005a.txt' }",
    ],
)
def test_any(text):
    value = read(text, "AnyList").messages("value")[0]
    assert value.message("value").text("filename") == "a.txt"


@pytest.mark.parametrize(
    "unknown",
    [
        "u: 1",
        "u: -1.5e+3f",
        "u: -inf",
        "u: nan",
        "u: .5",
        "u: NAME",
        "u: 'a' \"b}\"",
        "u: [1, 2]",
        "u: [{a: 1}, {b: ']'}]",
        "u { a { b: '}' } # }\n }",
        "u < a: 1 >",
        "u: {}",
        "[some.extension]: 1",
        "[type.googleapis.com/a.b] { c: 1 }",
    ],
)
def test_unknown_fields_are_passed_over(unknown):
    message = read(f"{unknown} size: 3 {unknown}\n", "Dim")
    assert message.number("size") == 3


MALFORMED = {
    "no name": (": 1", "a field's name is missing at byte 0 of 3"),
    "number for a name": ("1: 1", "a field's name is missing"),
    "no value": ("size:", "a value is missing at byte 5 of 5"),
    "no colon": ("size 1", "a field has neither a colon nor a bracket at byte 5 of 6"),
    "name alone": ("size", "a field has neither a colon nor a bracket"),
    "bracket not closed": ("dim { size: 1", "a bracket is not closed"),
    "bracket closed by another": ("dim { size: 1 >", "a bracket is closed by one of another kind"),
    "bracket not opened": ("size: 1 }", "a field's name is missing"),
    "string not closed": ("name: 'x", "a string does not end"),
    "string over two lines": ("name: 'x\ny'", "a string does not end"),
    "backslash at the end": ("name: 'x\\", "a string does not end"),
    "unknown escape": (r"name: '\q'", r"b'\\q' is no escape"),
    "escape without digits": (r"name: '\x'", r"b'\\x' is no escape"),
    "surrogate": (r"name: '\ud800'", "is no escape"),
    "beyond Unicode": (r"name: '\U00110000'", "is no escape"),
    "not UTF-8": (r"name: '\377'", r"b'\xff' is not UTF-8"),
    "string for a number": ("size: 'x'", "a value is missing"),
    "number for a string": ("name: 1", "b'1' is no value for name"),
    "number for a message": ("dim: 1", "b'1' is no value for dim"),
    "message for a number": ("size { }", "a value is missing"),
    "unknown enum": ("dtype: DT_NONE", "b'DT_NONE' is no value for dtype"),
    "unknown boolean": ("unknown_rank: yes", "b'yes' is no value for unknown_rank"),
    "float for a number": ("size: 1.5", "b'1.5' is no value for size"),
    "number too high": ("size: 9223372036854775808", "is no value for size"),
    "long number": ("size: " + "1" * 100_000, "is no value for size"),
    "list not closed": ("tags: ['a'", "a value is missing"),
    "string for a message": ("dim: 'ab'", "a value is missing"),
    "list in a list": ("tags: [['a']]", "a value is missing"),
    "binary": ("\x08\x01\x12\x00", "a field's name is missing"),
}


@pytest.mark.parametrize(("text", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(text, reason):
    types = ("Dim", "TensorInfo", "TensorShapeProto", "MetaInfoDef")
    reasons = []
    for message_type in types:
        try:
            read_everything(read(text, message_type), message_type)
        except MalformedFile as error:
            reasons.append(error.why)
    assert [why for why in reasons if reason in why]


OVER_LIMIT = {
    "deep": ("u " + "{ u " * 101, "messages are nested too deeply"),
    "long string": (f"name: '{'x' * (LONGEST_TEXT + 1)}'", "a string is too long"),
    "long string in parts": ("name: " + f"'{'x' * 1000}' " * 70, "a string is too long"),
}


@pytest.mark.parametrize(("text", "reason"), OVER_LIMIT.values(), ids=OVER_LIMIT)
def test_over_limit(text, reason):
    with pytest.raises(FileOverLimit, match=reason):
        read(text, "TensorInfo").text("name")


@pytest.mark.parametrize(
    "text", ["u: 1 " * 20, "u { " + "a { b {} } " * 20 + "}", "tags: [" + "''," * 20]
)
def test_work_is_bounded(text):
    source = TextSource(text.encode(), "saved_model.pbtxt")
    source.steps_left = 15
    with pytest.raises(FileOverLimit, match="too many fields"):
        source.fields(((0, len(text)),), "MetaInfoDef")


@pytest.mark.parametrize(
    "filler",
    [
        "#\n" * 50_000,
        " " * 100_000,
        f"u: '{chr(92)}n{'x' * 99}{chr(92)}n'" * 500,
        "u" * 100_000 + ":1",
    ],
    ids=["comments", "blanks", "escapes", "long name"],
)
def test_long_runs_are_passed_over(filler):
    assert read(f"{filler}\nsize: 3", "Dim").number("size") == 3


@given(st.text(max_size=300), st.sampled_from(sorted(MESSAGES)))
def test_random_text_gives_an_answer_or_a_format_error(text, message_type):
    try:
        read_everything(read(text.encode("utf-8", "surrogatepass"), message_type), message_type)
    except FormatError as error:
        assert str(error)


tokens = [
    "meta_graphs",
    "tags",
    "name",
    "u",
    "{",
    "}",
    "<",
    ">",
    "[",
    "]",
    ":",
    ",",
    "'a'",
    '"',
    "1",
]


@given(st.lists(st.sampled_from(tokens), max_size=60), st.sampled_from(sorted(MESSAGES)))
def test_random_tokens_give_an_answer_or_a_format_error(found, message_type):
    try:
        read_everything(read(" ".join(found), message_type), message_type)
    except FormatError as error:
        assert str(error)


@given(
    st.lists(
        st.tuples(st.integers(0, len(SAVED_MODEL)), st.integers(0, 20), st.text(max_size=3)),
        min_size=1,
        max_size=5,
    )
)
def test_mutated_text_gives_an_answer_or_a_format_error(changes):
    text = SAVED_MODEL
    for position, length, put in changes:
        text = text[:position] + put + text[position + length :]
    data = text.encode("utf-8", "surrogatepass")
    try:
        read_everything(read(data, "SavedModel"), "SavedModel")
    except FormatError as error:
        assert str(error)
