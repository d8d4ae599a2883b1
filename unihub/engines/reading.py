"""Rows from files, in parts: csv, tsv, jsonl, txt, parquet, npy, TFRecord, folders of images."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import sys
from dataclasses import dataclass
from typing import (
    IO,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
)

import numpy as np

from unihub.engines.packages import pyarrow
from unihub.errors import UnihubError, listed

STDIN = "-"
IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
# Of images: their content, and where it is.
IMAGE, PATH = "image", "path"
TEXT, ARRAY = "text", "x"
# Of the images of a part, however few they are.
_MOST_BYTES = 64 << 20
# Of a csv, which is read in blocks that hold a row.
_LONGEST_ROW = 32 << 20


class InputNotReadable(UnihubError, ValueError, OSError):
    """A file is none that rows are read from, or is not what its name says."""

    code = "input-not-readable"
    what = "no rows can be read from {path}."
    why = "{reason}"
    do = "{remedy}"


@dataclass(frozen=True)
class Part:
    """Some rows.

    Attributes:
        columns: by name.
        rows: how many there are.
        digest: of their content.
    """

    columns: Mapping[str, Any]
    rows: int
    digest: str


Reader = Callable[[str, int], Iterator[Part]]


def parts(path: str, size: int, kind: Optional[str] = None) -> Iterator[Part]:
    """The rows of a file, in parts.

    Args:
        path: of the file, or of a folder of images; "-" for standard input.
        size: the most rows of a part.
        kind: "csv" and so on; by default what the name ends in.

    Raises:
        InputNotReadable: it is none of these.
        PackageNeeded: it is read by pyarrow, which is not installed.
    """
    name = kind or kind_of(path)
    if name not in _READERS:
        raise InputNotReadable(
            path=path,
            reason=f"its format is {name!r}, and rows are read from {', '.join(sorted(KINDS))}.",
            remedy="unihub predict HANDLE INPUT --input-format jsonl",
        )
    if path == STDIN and name not in _OF_STREAMS:
        raise InputNotReadable(
            path=path,
            reason=f"standard input is read as {', '.join(_OF_STREAMS)}, and not as {name}.",
            remedy="cat > FILE; unihub predict HANDLE FILE",
        )
    if path != STDIN and not os.path.exists(path):
        raise InputNotReadable(path=path, reason="there is no such file.", remedy="ls")
    try:
        yield from _READERS[name](path, size)
    except UnihubError:
        raise
    # Each reader has errors of its own.
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        reason = f"as {name}: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise InputNotReadable(path=path, reason=reason, remedy=f"head -c 300 {path}") from error


def kind_of(path: str) -> str:
    """The format of a file, by its name."""
    if path == STDIN:
        return "jsonl"
    if os.path.isdir(path):
        return "images"
    ending = os.path.splitext(path)[1].lower()
    return "images" if ending in IMAGES else _ENDINGS.get(ending, ending[1:])


def total_rows(paths: Sequence[str]) -> Optional[int]:
    """How many rows files have, where that is told at once."""
    total = 0
    for path in paths:
        kind = kind_of(path)
        if not os.path.exists(path):
            return None
        if kind == "parquet":
            total += pyarrow().parquet.ParquetFile(path).metadata.num_rows
        elif kind == "npy":
            total += len(np.load(path, mmap_mode="r"))
        elif kind == "images":
            total += len(_images(path))
        else:
            return None
    return total


def _csv(path: str, size: int, delimiter: str = ",") -> Iterator[Part]:
    arrow = pyarrow()
    parsing = arrow.csv.ParseOptions(newlines_in_values=True, delimiter=delimiter)
    # All as text: what is no number is a bad row, and not a bad file.
    with _bytes_of(path) as file:
        head = file.readline()
        names = arrow.csv.read_csv(io.BytesIO(head), parse_options=parsing).schema.names
        options = arrow.csv.ConvertOptions(column_types={n: arrow.string() for n in names})
        reading = arrow.csv.ReadOptions(column_names=names, block_size=_LONGEST_ROW)
        if file.peek(1) if hasattr(file, "peek") else True:
            batches: Iterable[Any] = arrow.csv.open_csv(file, reading, parsing, options)
            yield from _of_batches(batches, size)


def _tsv(path: str, size: int) -> Iterator[Part]:
    return _csv(path, size, "\t")


def _parquet(path: str, size: int) -> Iterator[Part]:
    return _of_batches(pyarrow().parquet.ParquetFile(path).iter_batches(size), size)


def _of_batches(batches: Iterable[Any], size: int) -> Iterator[Part]:
    """Batches of any size as parts of one size, so that a part is the same in the next run."""
    arrow = pyarrow()
    waiting: List[Any] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= size:
            table = arrow.Table.from_batches(waiting)
            yield _of_table(table.slice(0, size))
            waiting = table.slice(size).to_batches()
            rows -= size
    if rows:
        yield _of_table(arrow.Table.from_batches(waiting))


def _of_table(table: Any) -> Part:
    names = table.schema.names
    if len(set(names)) < len(names):
        raise ValueError(f"columns have the same name: {listed(names)}")
    table = table.combine_chunks()
    digest = hashlib.sha256(str(table.schema.names).encode())
    for batch in table.to_batches():
        digest.update(batch.serialize())
    columns = dict(zip(table.schema.names, table.columns))
    return Part(columns, table.num_rows, digest.hexdigest())


def _jsonl(path: str, size: int) -> Iterator[Part]:
    before = 0
    # Also those of earlier parts: a row without one is the same in every part.
    names: Dict[str, None] = {}
    for lines in _lines(path, size):
        rows = [_object(line, before + place) for place, line in enumerate(lines)]
        before += len(rows)
        for row in rows:
            names.update(dict.fromkeys(row))
        columns = {name: [row.get(name) for row in rows] for name in names}
        yield Part(columns, len(rows), hashlib.sha256(b"\n".join(lines)).hexdigest())


def _object(line: bytes, place: int) -> Dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"row {place} is no JSON: {line[:80]!r}: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"row {place} is no object: {line[:80]!r}")
    return row


def _txt(path: str, size: int) -> Iterator[Part]:
    for lines in _lines(path, size):
        yield Part({TEXT: lines}, len(lines), hashlib.sha256(b"\n".join(lines)).hexdigest())


def _lines(path: str, size: int) -> Iterator[List[bytes]]:
    with _bytes_of(path) as file:
        stripped = (line.rstrip(b"\r\n") for line in file)
        filled = (line for line in stripped if line.strip())
        while True:
            lines = list(itertools.islice(filled, size))
            if not lines:
                return
            yield lines


def _npy(path: str, size: int) -> Iterator[Part]:
    array = np.load(path, mmap_mode="r")
    for start in range(0, len(array), size):
        rows = np.ascontiguousarray(array[start : start + size])
        yield Part({ARRAY: rows}, len(rows), hashlib.sha256(rows.tobytes()).hexdigest())


def _folder(path: str, size: int) -> Iterator[Part]:
    names: List[str] = []
    content: List[bytes] = []
    read = 0
    for name in _images(path):
        with open(name, "rb") as file:
            content.append(file.read())
        names.append(name)
        read += len(content[-1])
        if len(names) == size or read >= _MOST_BYTES:
            yield _of_images(names, content)
            names, content, read = [], [], 0
    if names:
        yield _of_images(names, content)


def is_of_images(columns: Iterable[str]) -> bool:
    """Whether columns are those of images, of which one says where they are."""
    return set(columns) == {IMAGE, PATH}


def _of_images(names: List[str], content: List[bytes]) -> Part:
    digest = hashlib.sha256()
    for name, image in zip(names, content):
        digest.update(f"{name}\0{len(image)}\0".encode("utf-8", "surrogateescape"))
        digest.update(image)
    return Part({IMAGE: content, PATH: names}, len(names), digest.hexdigest())


def _images(path: str) -> List[str]:
    if not os.path.isdir(path):
        return [path]
    return sorted(
        os.path.join(folder, name)
        for folder, _, names in os.walk(path)
        for name in names
        if name.lower().endswith(IMAGES)
    )


def _tfrecord(path: str, size: int) -> Iterator[Part]:
    # Only these are read by TensorFlow.
    from unihub.engines.tfrecords import examples

    every = examples(path)
    names: Set[str] = set()
    while True:
        chunk = list(itertools.islice(every, size))
        if not chunk:
            return
        names.update(name for _, features in chunk for name in features)
        columns = {name: [features.get(name) for _, features in chunk] for name in sorted(names)}
        digest = hashlib.sha256()
        for record, _ in chunk:
            digest.update(record)
        yield Part(columns, len(chunk), digest.hexdigest())


@contextlib.contextmanager
def _bytes_of(path: str) -> Iterator[IO[bytes]]:
    if path == STDIN:
        yield sys.stdin.buffer
        return
    with open(path, "rb") as file:
        yield file


_READERS: Mapping[str, Reader] = {
    "csv": _csv,
    "images": _folder,
    "jsonl": _jsonl,
    "npy": _npy,
    "parquet": _parquet,
    "tfrecord": _tfrecord,
    "tsv": _tsv,
    "txt": _txt,
}
KINDS = tuple(_READERS)
_OF_STREAMS = ("csv", "jsonl", "tsv", "txt")
_ENDINGS = {".ndjson": "jsonl", ".json": "jsonl", ".tfrecords": "tfrecord", ".pq": "parquet"}


def check_columns(names: Sequence[str], wanted: Sequence[str], path: str) -> None:
    """Raises InputNotReadable where columns that are to be kept are not there."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise InputNotReadable(
            path=path,
            reason=f"it has no column {missing[0]!r} to keep. (columns: {listed(names)})",
            remedy="leave --keep away, or name one of these",
        )
