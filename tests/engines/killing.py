"""A Predictor whose process is killed in the middle, and what must come of that."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest
from conftest import MODELS

import unihub
from unihub.engines.errors import BadRow
from unihub.engines.job import predict_files

MODEL = str(MODELS / "tf2_reusable")
# Ray takes least, and what makes a job of it is the same for all.
BY_HAND = pytest.mark.skipif(
    "UNIHUB_KILLED" not in os.environ,
    reason="takes minutes and seldom breaks: nox -s killed",
)
X = np.random.default_rng(7).normal(size=(60, 3)).astype(np.float32)


class Killing(unihub.Predictor):
    """Kills its process once, when that has done a part and has the next one."""

    mark = "killed"

    def __reduce__(self):
        arrived, arguments = super().__reduce__()
        return _arrived, (self.mark, arrived, arguments)

    def predict(self, columns, first_row=0):
        if self.rows and not os.path.exists(self.mark):
            with open(self.mark, "w"):
                os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(columns, first_row)


def _arrived(mark, arrived, arguments):
    predictor = arrived(*arguments)
    predictor.mark = mark
    return predictor


class Broken(unihub.Predictor):
    """Raises what no row is to blame for."""

    def predict(self, columns, first_row=0):
        raise RuntimeError("out of luck")


def killing():
    predictor = Killing(MODEL)
    predictor.mark = os.path.abspath("killed")
    return predictor


def write_rows(*more):
    with open("x.jsonl", "w") as file:
        file.writelines(json.dumps({"id": i, "x": x}) + "\n" for i, x in enumerate(X.tolist()))
        file.writelines(more)


def check_job(engine, options=()):
    """A job whose worker is killed, and which has a bad row, as the same one in this process."""
    write_rows('{"id": 60, "x": null}\n')
    job = {"keep": ["id"], "part_rows": 8}
    with pytest.raises(BadRow) as here:
        predict_files(unihub.Predictor(MODEL), ["x.jsonl"], "here.jsonl", **job)
    with pytest.raises(BadRow) as there:
        predict_files(killing(), ["x.jsonl"], "out.jsonl", engine=engine, options=options, **job)
    assert str(there.value) == str(here.value)
    assert os.path.exists("killed")
    write_rows()
    told = []
    done = predict_files(killing(), ["x.jsonl"], "out.jsonl", told=lambda *a: told.append(a), **job)
    # What an engine did is kept in this process; of what was broken off nothing is left.
    assert told == [(8, True)] * 7 + [(4, False)]
    assert (done.rows, done.kept_rows) == (60, 56)
    predict_files(unihub.Predictor(MODEL), ["x.jsonl"], "here.jsonl", **job)
    with open("out.jsonl") as out, open("here.jsonl") as here:
        rows = [json.loads(line) for line in out]
        assert rows == [json.loads(line) for line in here]
    assert [row["id"] for row in rows] == list(range(60))
