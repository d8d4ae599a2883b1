"""A model over files, in parts that are kept until all are done."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import tempfile
from dataclasses import dataclass
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

from unihub.engines import reading, writing
from unihub.engines.frames import arrow_column
from unihub.engines.packages import pyarrow
from unihub.engines.predictor import Predictor

Told = Callable[[int, bool], None]


@dataclass(frozen=True)
class Done:
    """What a job has done.

    Attributes:
        path: of the file that was written.
        rows: in it.
        bad_rows: of them null, as far as this run has read them.
        kept_rows: that an earlier run had done.
    """

    path: str
    rows: int
    bad_rows: int
    kept_rows: int


def predict_files(
    predictor: Predictor,
    inputs: Sequence[str],
    output: str,
    *,
    kind: Optional[str] = None,
    keep: Sequence[str] = (),
    part_rows: int = 4096,
    told: Optional[Told] = None,
) -> Done:
    """Predicts the rows of files, and writes one file when all is done.

    What is done is in a folder beside the output until then. A run that was broken off goes
    on there: parts whose rows, model and choices are the same are not done again.

    Args:
        predictor: of the model.
        inputs: paths, in order; "-" is standard input.
        output: path of the file to write; its name says what it is.
        kind: format of the inputs, where their names do not tell.
        keep: columns of the input that go to the output as well.
        part_rows: the rows of a part.
        told: is called with the rows of each part, and whether they were done before.

    Raises:
        InputNotReadable, OutputNotWritable, PackageNeeded: as they say.
        BadRow: for a Predictor with ``on_bad="raise"``.
    """
    pyarrow()
    writing.kind_of(output)
    folder = f"{output}.parts"
    os.makedirs(folder, exist_ok=True)
    done: List[str] = []
    rows = kept = 0
    for place, (path, part) in enumerate(_parts(inputs, part_rows, kind)):
        wanted = [reading.PATH] if not keep and reading.PATH in part.columns else list(keep)
        reading.check_columns(list(part.columns), wanted, path)
        file = os.path.join(folder, _name(place, part, predictor, wanted))
        is_kept = os.path.exists(file)
        if not is_kept:
            _write(file, predictor, part, wanted, rows)
        kept += part.rows if is_kept else 0
        rows += part.rows
        done.append(file)
        if told is not None:
            told(part.rows, is_kept)
    if not done:
        raise reading.InputNotReadable(path=inputs[0], reason="it has none.", remedy="ls -l")
    writing.joined(done, output)
    shutil.rmtree(folder, ignore_errors=True)
    return Done(output, rows, predictor.bad_rows, kept)


def _parts(
    inputs: Sequence[str], size: int, kind: Optional[str]
) -> Iterator[Tuple[str, reading.Part]]:
    for path in inputs:
        for part in reading.parts(path, size, kind):
            yield path, part


def _name(place: int, part: reading.Part, predictor: Predictor, keep: Sequence[str]) -> str:
    """Of the file of a part: another one for other rows, another model or other choices."""
    choices = pickle.dumps(predictor.__reduce__()[1][1:], protocol=4)
    digest = hashlib.sha256(choices)
    digest.update(f"{list(keep)}{part.digest}".encode())
    return f"{place:06d}-{digest.hexdigest()[:24]}.parquet"


def _write(
    file: str, predictor: Predictor, part: reading.Part, keep: Sequence[str], first: int
) -> None:
    arrow = pyarrow()
    results = predictor.predict(part.columns, first_row=first)
    columns: List[Any] = [part.columns[name] for name in keep]
    arrays = [c if isinstance(c, arrow.ChunkedArray) else arrow.array(c) for c in columns]
    arrays.extend(arrow_column(*result) for result in results.values())
    table = arrow.table(arrays, names=[*keep, *results])
    handle, working = tempfile.mkstemp(dir=os.path.dirname(file), suffix=".unfinished")
    os.close(handle)
    arrow.parquet.write_table(table, working)
    # It is there whole, or not at all.
    os.replace(working, file)
