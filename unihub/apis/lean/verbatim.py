"""Parts of a SavedModel byte for byte as they were written.

The order of a dict of outputs is that in which protobuf lists a map, and this can
change when the map is copied: what keeps the order is to read the same bytes again.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Tuple

from unihub.apis.lean.private import SavedModel

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_STRUCTURES = ("canonicalized_input_signature", "output_signature")


def structures(saved_model: bytes) -> Dict[str, bytes]:
    """The inputs and outputs of all functions of the only MetaGraph, as they are written.

    Args:
        saved_model: a serialized SavedModel that protobuf can read.
    """
    found = {}
    graphs, objects = _numbers(SavedModel.DESCRIPTOR, "meta_graphs", "object_graph_def")
    functions, kept = _functions()
    (meta_graph,) = _parts(memoryview(saved_model), graphs)
    for graph in _parts(meta_graph, objects):
        for entry in _parts(graph, functions):
            key, value = (list(_parts(entry, number)) for number in (1, 2))
            written = b"".join(
                _field(number, bytes(part))
                for number in kept
                for one in value
                for part in _parts(one, number)
            )
            found[bytes(key[0]).decode() if key else ""] = written
    return found


def serialized(saved_model: Any, written: Mapping[str, bytes]) -> bytes:
    """A SavedModel of one MetaGraph as bytes, with structures as they were written.

    Args:
        saved_model: the message; its functions' structures are removed.
        written: these structures, by the name of the function.
    """
    (meta_graph,) = saved_model.meta_graphs
    functions = meta_graph.object_graph_def.concrete_functions
    number, _ = _functions()
    entries = []
    for name in functions:
        for field in _STRUCTURES:
            functions[name].ClearField(field)
        value = functions[name].SerializeToString() + written[name]
        entries.append(_field(number, _field(1, name.encode()) + _field(2, value)))
    functions.clear()
    graphs, objects = _numbers(SavedModel.DESCRIPTOR, "meta_graphs", "object_graph_def")
    # A message that is written in two parts is read as one.
    content = meta_graph.SerializeToString() + _field(objects, b"".join(entries))
    del saved_model.meta_graphs[:]
    serialized: bytes = saved_model.SerializeToString() + _field(graphs, content)
    return serialized


def _numbers(descriptor: Any, *path: str) -> Iterator[int]:
    """The numbers of fields, each of which is in the message of the one before."""
    for name in path:
        field = descriptor.fields_by_name[name]
        yield field.number
        descriptor = field.message_type


def _functions() -> Tuple[int, Tuple[int, ...]]:
    """The number of the map of functions, and those of their structures."""
    path = ("meta_graphs", "object_graph_def", "concrete_functions", "value")
    *_, functions, _ = _numbers(SavedModel.DESCRIPTOR, *path)
    kept = (list(_numbers(SavedModel.DESCRIPTOR, *path, name))[-1] for name in _STRUCTURES)
    return functions, tuple(kept)


def _parts(data: memoryview, wanted: int) -> Iterator[memoryview]:
    """The contents of a field, wherever it is in a message."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == _VARINT:
            _, place = _varint(data, place)
            continue
        length, place = _varint(data, place) if kind == _LENGTH else (_FIXED[kind], place)
        if key >> 3 == wanted:
            yield data[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def _field(number: int, content: bytes) -> bytes:
    return _written(number << 3 | _LENGTH) + _written(len(content)) + content


def _written(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
