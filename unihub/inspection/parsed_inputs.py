"""Texts that are more than text: tf.train.Examples, with what has to be in them, and images."""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

from unihub.formats.schema import dtype_name
from unihub.inspection.graph import Graph, Node, node_of

# For what no code can be told.
UNKNOWN = "..."
# The one takes the keys of features as vectors, the other as an input each.
_BY_VECTOR, _BY_KEY = "ParseExampleV2", "ParseExample"
# Of a tf.train.SequenceExample no code is made up.
_SEQUENCES = ("ParseSequenceExample", "ParseSequenceExampleV2", "ParseSingleSequenceExample")
_PARSING = (_BY_KEY, _BY_VECTOR, "ParseSingleExample", *_SEQUENCES)
_PASSES_ON = ("Identity", "PlaceholderWithDefault", "Reshape", "ExpandDims")
_VALUES = {"float32": ("Float", "0.0"), "int64": ("Int64", "0"), "string": ("Bytes", 'b"text"')}
_MOST_VALUES = 10_000
_IMAGES = {
    "DecodeJpeg": "jpeg",
    "DecodeAndCropJpeg": "jpeg",
    "DecodePng": "png",
    "DecodeImage": "png",
}
# Of what these take no example is made up.
_OTHER_CODES = (
    "DecodeBase64",
    "DecodeBmp",
    "DecodeCSV",
    "DecodeCompressed",
    "DecodeGif",
    "DecodeJSONExample",
    "DecodeJxl",
    "DecodePaddedRaw",
    "DecodeProtoV2",
    "DecodeRaw",
    "DecodeWav",
    "DecodeWebP",
    "ParseTensor",
    "StringToNumber",
)

# By feature: its dtype and how many values it has.
Features = Mapping[str, Tuple[str, int]]


class ParsedInputs:
    """Where a graph parses tf.train.Examples.

    Attributes:
        code: of an Example that every parsing op accepts; None where it is not known.
        encoded: code of a text that is decoded, UNKNOWN where it is not known; "" for no such.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._functions: Set[str] = set()
        self._nodes: List[Node] = []
        self.code: Optional[str] = None
        self.encoded = _encoded(graph.ops())
        if not graph.ops().isdisjoint(_PARSING):
            self._find()

    def is_parsed(self, tensor: str) -> bool:
        """Whether a tensor of the graph is parsed, there or in a function that it is passed to."""
        name = node_of(tensor)
        return any(name in self._origins(node) for node in self._nodes)

    def parses(self, functions: Iterable[str]) -> bool:
        """Whether one of these functions parses, or calls one that does."""
        return not self._functions.isdisjoint(functions)

    def _find(self) -> None:
        features: Optional[Dict[str, Tuple[str, int]]] = {}
        waiting = []
        for op in _PARSING:
            for function in self._graph.functions_with(op):
                waiting.append(function.name)
                features = _merged(features, function.nodes, op)
            inside = [node for node in self._graph.nodes_holding(op) if node.op == op]
            if inside:
                self._nodes += inside
                features = _merged(features, self._graph.nodes, op)
        while waiting:
            name = waiting.pop()
            if name not in self._functions:
                self._functions.add(name)
                functions, nodes = self._graph.callers(name)
                waiting += [function.name for function in functions]
                self._nodes += nodes
        holds_code = self.encoded and "string" in {dtype for dtype, _ in (features or {}).values()}
        if features is not None and not holds_code:
            self.code = _code(features)

    def _origins(self, node: Node) -> Iterator[str]:
        """The names of the nodes that a node's inputs come from."""
        for tensor in node.data_inputs:
            origin = self._graph.nodes.get(node_of(tensor))
            while origin is not None and origin.op in _PASSES_ON and origin.data_inputs:
                yield origin.name
                origin = self._graph.nodes.get(node_of(origin.data_inputs[0]))
            if origin is not None:
                yield origin.name


def _encoded(ops: FrozenSet[str]) -> str:
    if not ops.isdisjoint(_OTHER_CODES):
        return UNKNOWN
    kinds = {kind for op, kind in _IMAGES.items() if op in ops}
    # Which 1.15 has as well, where tf.io has none.
    return f"tf.image.encode_{min(kinds)}(tf.zeros([224, 224, 3], tf.uint8))" if kinds else ""


def _merged(
    features: Optional[Dict[str, Tuple[str, int]]], nodes: Mapping[str, Node], op: str
) -> Optional[Dict[str, Tuple[str, int]]]:
    """Features with those that the parsing ops among some nodes require; None if unknown."""
    for node in nodes.values():
        if node.op == op and features is not None:
            required = _required(node, nodes)
            if required is None or any(features.get(k, v) != v for k, v in required.items()):
                return None
            features.update(required)
    return features


def _required(node: Node, nodes: Mapping[str, Node]) -> Optional[Dict[str, Tuple[str, int]]]:
    """The dense features of a parsing op that have no default; None if it does not tell."""
    shapes = node.attribute("dense_shapes")
    if node.op not in (_BY_KEY, _BY_VECTOR) or shapes is None:
        return None
    counts = [
        _count(shape.rows("dim", "size")) for shape in shapes.message("list").messages("shape")
    ]
    defaults = node.data_inputs[len(node.data_inputs) - len(counts) :]
    before = len(node.data_inputs) - len(counts)
    keys: List[bytes] = []
    # Of ParseExampleV2 the vectors of sparse, dense and ragged keys precede the defaults.
    places = [3] if node.op == _BY_VECTOR else range(before - len(counts), before)
    for place in places:
        source = nodes.get(node_of(node.data_inputs[place]))
        keys += source.constant_strings() if source is not None else ()
    if len(keys) != len(counts):
        return None
    found = {}
    for key, count, tensor in zip(keys, counts, defaults):
        default = nodes.get(node_of(tensor))
        if default is not None and default.op == "Reshape":
            # TensorFlow gives a default the feature's shape; where there is none, it is empty.
            continue
        value = default.attribute("value") if default is not None else None
        if value is None:
            return None
        proto = value.message("tensor")
        dtype = dtype_name(proto.number("dtype"))
        if _count(proto.message("tensor_shape").rows("dim", "size")):
            continue
        if dtype not in _VALUES or count > _MOST_VALUES:
            return None
        found[key.decode("utf-8", "replace")] = (dtype, max(1, count))
    return found


def _count(sizes: Iterable[Tuple[int, ...]]) -> int:
    count = 1
    for (size,) in sizes:
        count *= 1 if size < 0 else size
    return count


def _code(features: Features) -> str:
    parts = []
    for name, (dtype, count) in sorted(features.items()):
        kind, value = _VALUES[dtype]
        values = f"[{value}]" if count == 1 else f"[{value}] * {count}"
        member = {"Float": "float_list", "Int64": "int64_list", "Bytes": "bytes_list"}[kind]
        parts.append(f"{name!r}: tf.train.Feature({member}=tf.train.{kind}List(value={values}))")
    inside = f"features=tf.train.Features(feature={{{', '.join(parts)}}})" if parts else ""
    return f"tf.train.Example({inside}).SerializeToString()"
