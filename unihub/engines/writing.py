"""Rows to one file, which appears when it is whole: parquet, jsonl, csv, npy."""

from __future__ import annotations

import csv
import json
import os
from typing import Any, Callable, Iterator, List, Mapping, Sequence

import numpy as np

from unihub.engines.frames import as_numpy
from unihub.engines.packages import pyarrow
from unihub.engines.tasks import room_for
from unihub.errors import UnihubError, first_line, listed

_AS_PARQUET = "unihub predict HANDLE INPUT -o results.parquet"


class OutputNotWritable(UnihubError, ValueError):
    """The results do not go into a file of that kind."""

    code = "output-not-writable"
    what = "the results cannot be written to {path}."
    why = "{reason}"
    do = "{remedy}"


def kind_of(path: str) -> str:
    """The format of a file to write, by its name.

    Raises:
        OutputNotWritable: it is none that is written.
    """
    ending = os.path.splitext(path)[1].lower()
    kind = {".ndjson": "jsonl", ".pq": "parquet"}.get(ending, ending[1:])
    if kind not in _WRITERS:
        reason = f"its name ends in {ending!r}, and what is written are {', '.join(_WRITERS)}."
        better = (os.path.splitext(path)[0] or "results") + ".parquet"
        raise OutputNotWritable(
            path=path, reason=reason, remedy=f"unihub predict HANDLE INPUT -o {better}"
        )
    return kind


def check(path: str, columns: Sequence[str], inputs: Sequence[str] = ()) -> None:
    """Raises OutputNotWritable, before any row is predicted, where its file could not be."""
    kind = kind_of(path)
    if os.path.exists(path) and any(_is_same(path, one) for one in inputs):
        stem, ending = os.path.splitext(path)
        raise OutputNotWritable(
            path=path,
            reason="rows are read from it, and would be gone.",
            remedy=f"unihub predict HANDLE INPUT -o {stem}-predicted{ending}",
        )
    if os.path.isdir(path):
        better = os.path.join(path, f"results.{kind}")
        raise OutputNotWritable(
            path=path,
            reason="there is a folder of that name.",
            remedy=f"unihub predict HANDLE INPUT -o {better}",
        )
    for place, name in enumerate(columns):
        if name in columns[:place]:
            better = f"--keep {name} --output {name}=answer"
            raise OutputNotWritable(
                path=path,
                reason=f"{name!r} would be two columns: one that is kept, and an output.",
                remedy=f"unihub predict HANDLE INPUT -o {path} {better}",
            )
    if kind == "npy" and len(columns) != 1:
        raise OutputNotWritable(
            path=path,
            reason=f"a .npy holds one array, and there are {listed(columns)}.",
            remedy=f"unihub predict HANDLE INPUT -o {path} --output {columns[-1]}",
        )


def _is_same(path: str, other: str) -> bool:
    return os.path.exists(other) and os.path.samefile(path, other)


def joined(parts: Sequence[str], path: str) -> None:
    """Writes the rows of parquet files to one file, in one step.

    Args:
        parts: of the files, in order.
        path: of the one to write; its name says what it is.

    Raises:
        NoRoomForOutput: the disk is full; the parts are kept.
    """
    working = f"{path}.unfinished"
    try:
        with room_for(path):
            _WRITERS[kind_of(path)](parts, working)
        os.replace(working, path)
    finally:
        if os.path.exists(working):
            os.unlink(working)


def _tables(parts: Sequence[str]) -> Iterator[Any]:
    parquet = pyarrow().parquet
    for part in parts:
        yield parquet.read_table(part)


def _to_parquet(parts: Sequence[str], path: str) -> None:
    arrow = pyarrow()
    schemas = [arrow.parquet.read_schema(part).remove_metadata() for part in parts]
    try:
        schema = arrow.unify_schemas(schemas)
    except (ValueError, TypeError) as error:
        reason = f"a column has several types: {first_line(error)}."
        better = f"{os.path.splitext(path)[0]}.jsonl"
        line = f"unihub predict HANDLE INPUT -o {better}"
        raise OutputNotWritable(path=path, reason=reason, remedy=line) from error
    with arrow.parquet.ParquetWriter(path, schema) as writer:
        for table in _tables(parts):
            writer.write_table(table.select(schema.names).cast(schema))


def _to_jsonl(parts: Sequence[str], path: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for table in _tables(parts):
            for row in table.to_pylist():
                file.write(json.dumps(_plain(row), ensure_ascii=False) + "\n")


def _to_csv(parts: Sequence[str], path: str) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for place, table in enumerate(_tables(parts)):
            if not place:
                writer.writerow(table.schema.names)
            for row in table.to_pylist():
                writer.writerow([_cell(_plain(value)) for value in row.values()])


def _to_npy(parts: Sequence[str], path: str) -> None:
    arrays: List[Any] = []
    for table in _tables(parts):
        column = table.column(0)
        if column.null_count:
            reason = "a .npy holds no nulls, and some rows were bad."
            raise OutputNotWritable(path=path, reason=reason, remedy=_AS_PARQUET)
        values = as_numpy(column)
        sizes = {np.shape(row) for row in values} if isinstance(values, list) else set()
        sizes |= {array.shape[1:] for array in arrays[:1]}
        if len(sizes | {np.shape(values[0])}) > 1:
            reason = f"a .npy holds rows of one shape, and there are {listed(map(str, sizes))}."
            raise OutputNotWritable(path=path, reason=reason, remedy=_AS_PARQUET)
        array = np.asarray(values)
        if array.dtype.kind == "S" and array.tolist() != values:
            reason = "a .npy takes zeros off the end of bytes, and some end with one."
            raise OutputNotWritable(path=path, reason=reason, remedy=_AS_PARQUET)
        arrays.append(array)
    with open(path, "wb") as file:
        np.save(file, np.concatenate(arrays), allow_pickle=False)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value


def _cell(value: Any) -> Any:
    is_json = isinstance(value, (bool, list, dict))
    return json.dumps(value, ensure_ascii=False) if is_json else value


_WRITERS: Mapping[str, Callable[[Sequence[str], str], None]] = {
    "parquet": _to_parquet,
    "jsonl": _to_jsonl,
    "csv": _to_csv,
    "npy": _to_npy,
}
