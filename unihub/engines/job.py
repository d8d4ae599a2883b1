"""A model over files, in parts that are kept until all are done."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from unihub.engines import reading, spread, tasks, writing
from unihub.engines.alone import alone
from unihub.engines.packages import pyarrow
from unihub.engines.predictor import Predictor
from unihub.engines.tasks import Task
from unihub.errors import UnihubError

Told = Callable[[int, bool], None]


@dataclass(frozen=True)
class Done:
    """The result of a job.

    Attributes:
        path: of the file that was written.
        rows: in it.
        bad_rows: of them null.
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
    engine: Optional[str] = None,
    options: Sequence[str] = (),
) -> Done:
    """Predicts the rows of files, and writes one file when all is done.

    What is done is in a folder beside the output until then. A run that was broken off goes
    on there: parts whose rows, model and choices are the same are not done again, on whichever
    engine they were done.

    Args:
        predictor: of the model.
        inputs: paths, in order; "-" is standard input.
        output: path of the file to write; its name says what it is.
        kind: format of the inputs, where their names do not tell.
        keep: columns of the input that go to the output as well.
        part_rows: the most rows of a part.
        told: is called with the rows of each part, and whether they were done before.
        engine: "beam", "spark" or "ray", whose workers do the parts; None for this process.
            They need the folder of the output: on other machines under the same path.
        options: of the engine, as its own tools take them.

    Raises:
        InputNotReadable, OutputNotWritable, NoColumnType, PackageNeeded: as they say.
        NoRoomForOutput: the disk is full; what is done is kept.
        BadRow: for a Predictor with ``on_bad="raise"``.
        EngineFailed: the engine gave up.
    """
    pyarrow()
    keep = list(dict.fromkeys(keep))
    writing.check(output, [*keep, *predictor.chosen.outputs], inputs)
    predictor.chosen.check_arrow()
    if engine is not None:
        spread.engine_of(engine)
    with alone(f"{output}.parts", output) as folder:
        job = _Job(predictor, folder, told or (lambda rows, is_kept: None))
        # An array by itself has no place for paths.
        job.keeps_paths = not keep and writing.kind_of(output) != "npy"
        planned = job.planned(inputs, part_rows, kind, keep)
        if engine is None:
            for task, part in planned:
                tasks.write(task, predictor, part.columns)
                job.note(task)
        else:
            job.spread(planned, engine, options, output)
        if not job.files:
            raise reading.InputNotReadable(path=inputs[0], reason="it has none.", remedy="ls -l")
        bad_rows = sum(map(_bad_rows_of, job.files))
        writing.joined(job.files, output)
        shutil.rmtree(folder, ignore_errors=True)
    return Done(output, job.rows, bad_rows, job.kept_rows)


class _Job:
    """The parts of a job, and how far it is."""

    def __init__(self, predictor: Predictor, folder: str, told: Told) -> None:
        self.folder = folder
        self.files: List[str] = []
        self.rows = self.kept_rows = 0
        self.keeps_paths = False
        self._pickled = pickle.dumps(predictor, protocol=4)
        self._choices = hashlib.sha256(pickle.dumps(predictor.__reduce__()[1][1:], protocol=4))
        self._told = told
        self._rows_of: Dict[Task, int] = {}

    def planned(
        self, inputs: Sequence[str], size: int, kind: Optional[str], keep: Sequence[str]
    ) -> Iterator[Tuple[Task, reading.Part]]:
        """The parts that are yet to be done; those that are kept are told."""
        for path in inputs:
            for part in reading.parts(path, size, kind):
                is_path_kept = self.keeps_paths and reading.is_of_images(part.columns)
                wanted = [reading.PATH] if is_path_kept else keep
                reading.check_columns(list(part.columns), wanted, path)
                file = os.path.join(self.folder, self._name(part, wanted))
                task = Task(self._pickled, file, tuple(wanted), self.rows)
                self.files.append(file)
                self.rows += part.rows
                if os.path.exists(file):
                    self.kept_rows += part.rows
                    self._told(part.rows, True)
                    continue
                self._rows_of[task] = part.rows
                yield task, part

    def _name(self, part: reading.Part, keep: Sequence[str]) -> str:
        """Of the file of a part: another one for other rows, another model, other choices."""
        digest = self._choices.copy()
        digest.update(f"{list(keep)}{part.digest}".encode())
        return f"{len(self.files):06d}-{digest.hexdigest()[:24]}.parquet"

    def note(self, task: Task) -> None:
        """Tells of a part that is done."""
        self._told(self._rows_of[task], False)

    def spread(
        self,
        planned: Iterator[Tuple[Task, reading.Part]],
        engine: str,
        options: Sequence[str],
        output: str,
    ) -> None:
        """Has the workers of an engine do the parts."""
        for name in os.listdir(self.folder):
            if name.endswith(tasks.ERROR):
                os.unlink(os.path.join(self.folder, name))
        waiting, unread = [], None
        try:
            for task, part in planned:
                tasks.lay_rows(task, part.columns)
                waiting.append(task)
        except UnihubError as error:
            # What can be read is done before it, as in one process.
            unread = error
        if waiting:
            spread.run_all(engine, options, waiting, output, self.note)
        if unread is not None:
            raise unread


def _bad_rows_of(file: str) -> int:
    metadata = pyarrow().parquet.read_schema(file).metadata or {}
    return int(metadata.get(tasks.BAD_ROWS, 0))
