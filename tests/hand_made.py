"""SavedModels in wire format, encoded by hand.

A message is written as a list of (field number, value): an int becomes a varint,
str and bytes a string, a list a message.
"""

from __future__ import annotations

from typing import Any, List, Tuple

Fields = List[Tuple[int, Any]]


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode(fields: Fields) -> bytes:
    return b"".join(encode_field(number, value) for number, value in fields)


def encode_field(number: int, value: Any) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode("utf-8")
    elif isinstance(value, list):
        value = encode(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def shape(*sizes: int) -> Fields:
    return [(2, [(1, size)]) for size in sizes]


def tensor_info(name: str, dtype: int, *sizes: int) -> Fields:
    return [(1, name), (2, dtype), (3, shape(*sizes))]


def entry(key: str, value: Fields) -> Fields:
    return [(1, key), (2, value)]


def signature(inputs: dict, outputs: dict, method_name: str = "") -> Fields:
    return [
        *((1, entry(name, info)) for name, info in inputs.items()),
        *((2, entry(name, info)) for name, info in outputs.items()),
        (3, method_name),
    ]


def saved_object(kind: int, children: dict, content: Any = ()) -> Fields:
    """Of a kind by its field number: 4 user object, 6 function, 7 variable."""
    references = [(1, [(1, index), (2, name)]) for name, index in children.items()]
    return [*references, (kind, list(content))]


def function(*arguments: str) -> Fields:
    """A tf.function with these positional arguments, without children."""
    names: Fields = [(51, [(1, [(13, name)]) for name in arguments])]
    fullargspec: Fields = [(54, [(1, "FullArgSpec"), (2, entry("args", names))])]
    return saved_object(6, {}, [(2, [(1, fullargspec)])])


def meta_graph(
    tags: Tuple[str, ...] = ("serve",),
    signatures: dict = {},  # noqa: B006
    collections: dict = {},  # noqa: B006
    objects: Tuple[Fields, ...] = (),
    more: Fields = [],  # noqa: B006
    writer: str = "2.15.1",
) -> Fields:
    fields: Fields = [(1, [*((4, tag) for tag in tags), (5, writer)])]
    fields += [(4, entry(name, value)) for name, value in collections.items()]
    fields += [(5, entry(name, value)) for name, value in signatures.items()]
    fields += [(7, [(1, node) for node in objects])] if objects else []
    return fields + more


def saved_model(*meta_graphs: Fields) -> bytes:
    return encode([(1, 1), *((2, graph) for graph in meta_graphs)])


X = tensor_info("x:0", 1, -1, 2)
Y = tensor_info("y:0", 1, -1, 2)
SERVING_DEFAULT = signature({"x": X}, {"y": Y}, "tensorflow/serving/predict")

TF1 = saved_model(meta_graph(signatures={"serving_default": SERVING_DEFAULT}))
TF2 = saved_model(
    meta_graph(
        signatures={"serving_default": SERVING_DEFAULT, "__saved_model_init_op": signature({}, {})},
        collections={"saved_model_main_op": [(1, [(1, b"NoOp")])]},
        objects=(
            saved_object(4, {"__call__": 1, "weight": 2, "variables": 3, "encoder": 4}),
            function("self", "inputs", "training"),
            saved_object(7, {}, [(1, 1), (3, 1)]),
            saved_object(4, {"0": 2}, [(1, "trackable_list_wrapper")]),
            saved_object(4, {"__call__": 1, "embed": 1, "parent": 0}),
        ),
    )
)
HUB_MODULE = encode([(1, 3)])
HUB_GRAPH = saved_model(
    meta_graph((), {"default": SERVING_DEFAULT}),
    meta_graph(("train",), {"default": SERVING_DEFAULT}),
)
GRAPH_DEF = encode(
    [
        (1, [(1, "x"), (2, "Placeholder")]),
        (1, [(1, "y"), (2, "Relu"), (3, "x")]),
        (4, [(1, 1286)]),
    ]
)
