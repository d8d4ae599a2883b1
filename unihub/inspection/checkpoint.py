"""The tensors of a checkpoint, read from its index without TensorFlow.

A checkpoint's index is a table as LevelDB writes them: blocks of sorted keys, each
key given as what differs from the one before, and a footer that says where the
block of blocks is. Each key is a tensor's name, each value a BundleEntryProto.

Source: https://github.com/google/leveldb/blob/main/doc/table_format.md and
tensorflow/core/protobuf/tensor_bundle.proto.
"""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from unihub.formats import wire
from unihub.formats.encoding import EncodedSource, varint
from unihub.formats.message import Data, MalformedFile, file_content
from unihub.formats.schema import dtype_name

_FOOTER = 48
_MAGIC = bytes.fromhex("57fb808b247547db")
_TRAILER = 5
_MOST_TENSORS = 1_000_000
_LONGEST_KEY = 1 << 16
_PLAIN, _SNAPPY = 0, 1
# The format itself allows no block to shrink further than this.
_MOST_SNAPPY_RATIO = 64
_KIND = "checkpoint's index"
_CRC32C = 6 << 3 | 5
_ENTRY = ("shard_id", "offset", "size", "dtype", "shape")
# TensorFlow's own record of the objects whose variables these are.
OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"

_ITEM_SIZES = {
    "float16": 2,
    "bfloat16": 2,
    "float64": 8,
    "int64": 8,
    "uint64": 8,
    "complex64": 8,
    "complex128": 16,
    "int16": 2,
    "uint16": 2,
    "qint16": 2,
    "quint16": 2,
    "float32": 4,
    "int32": 4,
    "uint32": 4,
    "qint32": 4,
}


class Tensor(NamedTuple):
    """One tensor of a checkpoint.

    Attributes:
        shape: its dimensions; of a partitioned variable those of the whole.
        bytes: its size in memory; of strings, in the file.
    """

    name: str
    dtype: str
    shape: Tuple[int, ...]
    bytes: int


class Checkpoint(NamedTuple):
    """The content of a model's variables/ folder.

    Attributes:
        tensors: by name, in alphabetical order, without TensorFlow's own record.
        shards: number of data files.
        damage: what is missing of the data files, for people; ``""`` if nothing is.
    """

    tensors: Tuple[Tensor, ...]
    shards: int
    damage: str = ""

    @property
    def bytes(self) -> int:
        """Size of all tensors."""
        return sum(tensor.bytes for tensor in self.tensors)


def read_checkpoint(prefix: str) -> Optional[Checkpoint]:
    """Reads the index of a checkpoint.

    Args:
        prefix: path without ending, such as ``"model/variables/variables"``.

    Returns:
        Its tensors; None where there is no index.

    Raises:
        FormatError: the index is damaged or cannot be read.

    Source: tensorflow/core/util/tensor_bundle.

    Example:
        >>> read_checkpoint("half_plus_two/variables/variables").tensors[0].name
        'a'
    """
    path = f"{prefix}.index"
    if not os.path.lexists(path):
        return None
    tensors: List[Tensor] = []
    shards = 0
    ends: Dict[int, int] = {}
    shapes: Dict[bytes, Tuple[int, ...]] = {}
    with file_content(path) as content:
        for key, value in _Table(content, path).entries():
            if not key:
                shards = wire.read_message(value, path, "BundleHeader", _KIND).number("num_shards")
                continue
            entry = wire.read_message(value, path, "BundleEntry", _KIND)
            shard, offset, size, dtype, encoded = entry.row(*_ENTRY)
            ends[shard] = max(ends.get(shard, 0), offset + size)
            name = key.decode("utf-8", "replace")
            # The parts of a partitioned variable have keys that begin with a zero.
            if name.startswith("\0") or name == OBJECTS:
                continue
            # Most tensors share their shape with others.
            if encoded not in shapes:
                dims = entry.message("shape").rows("dim", "size")
                shapes[encoded] = tuple(length for (length,) in dims)
            tensors.append(_tensor(name, dtype, shapes[encoded], size))
    return Checkpoint(tuple(tensors), shards, _damage(prefix, shards, ends))


def checksums(prefix: str) -> Dict[str, bytes]:
    """The checksum of each tensor's content, by its name; nothing where there is no index.

    Args:
        prefix: as for `read_checkpoint`.

    Raises:
        FormatError: the index is damaged or cannot be read.
    """
    path = f"{prefix}.index"
    if not os.path.lexists(path):
        return {}
    with file_content(path) as content:
        return {
            key.decode("utf-8", "replace"): _checksum(EncodedSource(value, path, _KIND))
            for key, value in _Table(content, path).entries()
            if key and key.decode("utf-8", "replace") != OBJECTS
        }


def _checksum(entry: EncodedSource) -> bytes:
    pos, end = 0, len(entry.data)
    while pos < end:
        key, length, pos = entry.key_and_length(pos, end)
        if key == _CRC32C:
            return bytes(entry.data[pos : pos + length])
        pos += length
    return b""


def _tensor(name: str, number: int, shape: Tuple[int, ...], size: int) -> Tensor:
    dtype = dtype_name(number)
    return Tensor(name, dtype, shape, size or byte_size(dtype, shape))


def byte_size(dtype: str, shape: Tuple[Optional[int], ...]) -> int:
    """Size in memory of a tensor of numbers; 0 where a dimension is unknown."""
    size = _ITEM_SIZES.get(dtype, 0 if dtype in ("string", "resource", "variant") else 1)
    for length in shape:
        size *= max(length or 0, 0)
    return size


def _damage(prefix: str, shards: int, ends: Dict[int, int]) -> str:
    for shard, end in sorted(ends.items()):
        file = f"{prefix}.data-{shard:05d}-of-{shards:05d}"
        name = os.path.basename(file)
        if not os.path.isfile(file):
            return f"{name} is missing"
        size = os.path.getsize(file)
        if size < end:
            return f"{name} has {size:,} bytes of {end:,}"
    return ""


class _Table:
    """The entries of a LevelDB table."""

    def __init__(self, data: Data, path: str) -> None:
        self.data = data
        self.path = path

    def entries(self) -> Iterator[Tuple[bytes, bytes]]:
        size = len(self.data)
        if size < _FOOTER or self.data[size - len(_MAGIC) : size] != _MAGIC:
            raise self.malformed("its last bytes are not those of a table", size - len(_MAGIC))
        start = size - _FOOTER
        _, pos = self._handle(start)
        (offset, length), _ = self._handle(pos)
        count = 0
        last_end = -1
        for _, handle in self._block(offset, length):
            (offset, length), _ = _Table(handle, self.path)._handle(0)
            # Blocks follow one another, so that no table is larger than its file.
            if offset <= last_end:
                raise self.malformed("its blocks overlap", offset)
            last_end = offset + length
            for entry in self._block(offset, length):
                count += 1
                if count > _MOST_TENSORS:
                    raise self.malformed("it has too many tensors", offset)
                yield entry

    def _handle(self, pos: int) -> Tuple[Tuple[int, int], int]:
        offset, pos = self._varint(pos)
        length, pos = self._varint(pos)
        return (offset, length), pos

    def _block(self, start: int, length: int) -> Iterator[Tuple[bytes, bytes]]:
        end = start + length
        if length < 4 or end + _TRAILER > len(self.data):
            raise self.malformed("a block lies beyond its end", min(start, len(self.data)))
        kind, block = self.data[end], self.data[start:end]
        if kind == _SNAPPY:
            block = self._uncompressed(block, start)
        elif kind != _PLAIN:
            raise self.malformed(f"a block is compressed in an unknown way ({kind})", end)
        return _Table(block, self.path)._entries_of_block()

    def _entries_of_block(self) -> Iterator[Tuple[bytes, bytes]]:
        data = self.data
        restarts = int.from_bytes(data[-4:], "little")
        limit = len(data) - 4 - 4 * restarts
        if limit < 0:
            raise self.malformed("a block's restart points lie beyond it", 0)
        key, pos = b"", 0
        while pos < limit:
            shared, pos = self._varint(pos)
            more, pos = self._varint(pos)
            value, pos = self._varint(pos)
            stop = pos + more + value
            if shared > len(key) or shared + more > _LONGEST_KEY or stop > limit:
                raise self.malformed("an entry lies beyond its block", pos)
            key = key[:shared] + data[pos : pos + more]
            yield key, data[pos + more : stop]
            pos = stop

    def _uncompressed(self, block: bytes, start: int) -> bytes:
        """Snappy: https://github.com/google/snappy/blob/main/format_description.txt."""
        source = _Table(block, self.path)
        size, pos = source._varint(0)
        if size > _MOST_SNAPPY_RATIO * len(block):
            raise self.malformed("a compressed block gives an impossible size", start)
        out = bytearray()
        while pos < len(block) and len(out) <= size:
            tag = block[pos]
            kind, length = tag & 3, tag >> 2
            pos += 1
            if kind == 0:
                extra = max(0, length - 59)
                if extra:
                    length = int.from_bytes(block[pos : pos + extra], "little")
                    pos += extra
                out += block[pos : pos + length + 1]
                pos += length + 1
                continue
            if kind == 1:
                length, offset = (
                    (length & 7) + 4,
                    (tag >> 5) << 8 | int.from_bytes(block[pos : pos + 1], "little"),
                )
                pos += 1
            else:
                extra = 2 * (kind - 1)
                length, offset = length + 1, int.from_bytes(block[pos : pos + extra], "little")
                pos += extra
            if not 0 < offset <= len(out):
                break
            pattern = bytes(out[-offset:][:length])
            out += (pattern * (length // len(pattern) + 1))[:length]
        if len(out) != size:
            raise self.malformed("a compressed block is damaged", start)
        return bytes(out)

    def _varint(self, pos: int) -> Tuple[int, int]:
        try:
            return varint(self.data, pos)
        except (IndexError, OverflowError):
            raise self.malformed("a number does not end", pos) from None

    def malformed(self, reason: str, offset: int) -> MalformedFile:
        size = len(self.data)
        return MalformedFile(
            path=self.path, kind=_KIND, reason=reason, offset=max(0, min(offset, size)), size=size
        )
