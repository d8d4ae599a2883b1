"""One part of a job, done in whichever process has it: this one, or a worker of an engine."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import shlex
import shutil
import tempfile
import threading
from dataclasses import dataclass
from typing import IO, Any, Dict, Iterator, Mapping, Optional, Sequence

from unihub.engines.frames import arrow_column
from unihub.engines.packages import pyarrow
from unihub.engines.predictor import Predictor
from unihub.engines.reading import IMAGE, is_of_images
from unihub.errors import UnihubError, first_line

# In the file of a part: how many of its rows were bad.
BAD_ROWS = b"unihub.bad_rows"
ROWS, ERROR, UNFINISHED = ".rows", ".error", ".unfinished"
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


class NoRoomForOutput(UnihubError, OSError):
    """The disk is full, or what this user or process may write to it."""

    code = "no-room-for-output"
    what = "{path} cannot be written: {reason}."
    why = (
        "{folder} has {free} bytes free. What is done is kept, and the same command goes on there."
    )
    do = "df -h {quoted}; ulimit -f  # make room, and run the same command once more"


@dataclass(frozen=True)
class Task:
    """A part of a job as a worker is given it; small, whatever the rows are.

    Attributes:
        predictor: pickled.
        file: to write; its rows are beside it, and what went wrong with them.
        keep: columns of the rows that go to the file as well.
        first: number of the first row, for errors.
    """

    predictor: bytes
    file: str
    keep: Sequence[str]
    first: int


def do(task: Task) -> None:
    """Predicts the rows of a part, and writes its file; does nothing where it is there.

    Engines give a task once more when they do not know how it ended. An error that the rows
    are to blame for is written, and not raised: the next time would be no better.
    """
    if os.path.exists(task.file) or _is_too_late(task.file):
        return
    try:
        write(task, _predictor(task.predictor), read_rows(task.file))
    except UnihubError as error:
        try:
            with whole(task.file + ERROR) as file:
                pickle.dump(error, file)
        except NoRoomForOutput:
            raise error from None
    with contextlib.suppress(FileNotFoundError):
        os.unlink(task.file + ROWS)


def write(task: Task, predictor: Predictor, rows: Mapping[str, Any]) -> None:
    """Predicts the rows of a part, and writes its file."""
    arrow = pyarrow()
    bad_before = predictor.bad_rows
    given = {IMAGE: rows[IMAGE]} if is_of_images(rows) else rows
    results = predictor.predict(given, first_row=task.first)
    arrays = [_kept(name, rows[name]) for name in task.keep]
    # Lists of a fixed size with a null among them can be written, and not read again.
    arrays.extend(arrow_column(v, dtype, None, nulls) for v, dtype, _, nulls in results.values())
    table = arrow.table(arrays, names=[*task.keep, *results])
    bad = str(predictor.bad_rows - bad_before).encode()
    with whole(task.file) as file:
        arrow.parquet.write_table(table.replace_schema_metadata({BAD_ROWS: bad}), file)


class NotKept(UnihubError, ValueError):
    """A column is not there, or its values are not of one type, as those of a file are."""

    code = "not-kept"
    what = "the column {name!r} cannot be kept."
    why = "{reason}"
    do = "{remedy}"


def _kept(name: str, column: Any) -> Any:
    arrow = pyarrow()
    if isinstance(column, arrow.ChunkedArray):
        return column
    try:
        return arrow.array(column)
    # Integers may be greater than any of its types.
    except (ValueError, TypeError, OverflowError) as error:
        remedy = f"unihub predict HANDLE INPUT -o FILE  # without --keep {name}"
        raise NotKept(name=name, reason=f"{first_line(error)}.", remedy=remedy) from error


@contextlib.contextmanager
def room_for(path: str) -> Iterator[None]:
    """Names the file for which there is no room.

    Raises:
        NoRoomForOutput: in the place of the system's error, which names none.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, UnihubError) or error.errno not in _NO_ROOM:
            raise
        folder = os.path.dirname(os.path.abspath(path))
        raise NoRoomForOutput(
            path=path,
            reason=os.strerror(error.errno or 0),
            folder=folder,
            free=f"{shutil.disk_usage(folder).free:,}",
            quoted=shlex.quote(folder),
        ) from error


@contextlib.contextmanager
def whole(path: str) -> Iterator[IO[bytes]]:
    """A file to write, which is there whole afterwards, or not at all."""
    with room_for(path):
        handle, working = tempfile.mkstemp(dir=os.path.dirname(path), suffix=UNFINISHED)
    try:
        with room_for(path), os.fdopen(handle, "wb") as file:
            yield file
        os.replace(working, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(working)
        raise


def lay_rows(task: Task, rows: Mapping[str, Any]) -> None:
    """Lays the rows of a part where `do` finds them."""
    arrow = pyarrow()
    is_arrow = all(isinstance(column, arrow.ChunkedArray) for column in rows.values())
    with whole(task.file + ROWS) as file:
        if is_arrow:
            # A pickle would hold the whole table that they are a slice of.
            table = arrow.table(list(rows.values()), names=list(rows))
            with arrow.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table)
        else:
            pickle.dump(dict(rows), file, protocol=4)


def read_rows(path: str) -> Mapping[str, Any]:
    """The rows that `lay_rows` has laid."""
    with open(path + ROWS, "rb") as file:
        if file.read(1) == b"\x80":
            file.seek(0)
            rows: Mapping[str, Any] = pickle.load(file)
            return rows
        file.seek(0)
        table = pyarrow().ipc.open_stream(file).read_all()
        return dict(zip(table.schema.names, table.columns))


def first_error(folder: str) -> Optional[UnihubError]:
    """The error of the first part that has one; later ones may not have been tried."""
    errors = sorted(name for name in os.listdir(folder) if name.endswith(ERROR))
    if not errors:
        return None
    with open(os.path.join(folder, errors[0]), "rb") as file:
        error: UnihubError = pickle.load(file)
    return error


def _is_too_late(path: str) -> bool:
    """Whether a part before it has failed."""
    folder, own = os.path.split(path)
    return any(name.endswith(ERROR) and name < own for name in os.listdir(folder))


_lock = threading.Lock()
_held: Dict[bytes, Predictor] = {}


def _predictor(pickled: bytes) -> Predictor:
    """The Predictor of this process, which loads its model once."""
    with _lock:
        if pickled not in _held:
            _held.clear()
            _held[pickled] = pickle.loads(pickled)
        return _held[pickled].load()
