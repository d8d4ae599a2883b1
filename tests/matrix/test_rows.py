from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

import unihub
from unihub import matrix
from unihub.matrix import CELLS, ROWS, Format, Operation, Runtime, Status


def test_exactly_one_decided_cell_per_combination():
    places = [(cell.format, cell.runtime, cell.operation) for cell in matrix.cells()]
    assert sorted(places) == sorted(itertools.product(Format, Runtime, Operation))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.format.value}-{row.operation.value}")
def test_a_row_is_either_served_or_refused(row):
    assert (row.status is Status.REFUSED) == (row.refusal is not None)
    assert bool(row.routes) == (row.refusal is None)
    assert row.source


def test_code_of_every_route_is_python():
    for row in ROWS:
        for route in row.routes:
            compile(route.code.format(handle="path"), "<matrix>", "exec")


PUBLISHED = {
    (Format.TF1_HUB, Runtime.TF1, Operation.INFERENCE): (Status.FULL, ("module",)),
    (Format.TF1_HUB, Runtime.TF1_COMPAT, Operation.INFERENCE): (Status.FULL, ("module",)),
    (Format.TF1_HUB, Runtime.TF2, Operation.INFERENCE): (Status.FULL, ("load", "keras")),
    (Format.TF1_HUB, Runtime.TF1, Operation.FINE_TUNING): (Status.FULL, ("module",)),
    (Format.TF1_HUB, Runtime.TF1_COMPAT, Operation.FINE_TUNING): (Status.FULL, ("module",)),
    (Format.TF1_HUB, Runtime.TF2, Operation.FINE_TUNING): (Status.REFUSED, ()),
    (Format.TF1_HUB, Runtime.TF1, Operation.CREATION): (Status.FULL, ("save",)),
    (Format.TF1_HUB, Runtime.TF1_COMPAT, Operation.CREATION): (Status.FULL, ("save",)),
    (Format.TF1_HUB, Runtime.TF2, Operation.CREATION): (Status.REFUSED, ()),
    (Format.TF2_SAVED_MODEL, Runtime.TF1, Operation.INFERENCE): (Status.FULL, ("load", "keras")),
    (Format.TF2_SAVED_MODEL, Runtime.TF1_COMPAT, Operation.INFERENCE): (
        Status.FULL,
        ("load", "keras"),
    ),
    (Format.TF2_SAVED_MODEL, Runtime.TF2, Operation.INFERENCE): (Status.FULL, ("load", "keras")),
    (Format.TF2_SAVED_MODEL, Runtime.TF1, Operation.FINE_TUNING): (Status.LIMITED, ("keras",)),
    (Format.TF2_SAVED_MODEL, Runtime.TF1_COMPAT, Operation.FINE_TUNING): (
        Status.LIMITED,
        ("keras",),
    ),
    (Format.TF2_SAVED_MODEL, Runtime.TF2, Operation.FINE_TUNING): (Status.FULL, ("keras", "load")),
    (Format.TF2_SAVED_MODEL, Runtime.TF1, Operation.CREATION): (Status.FULL, ("save",)),
    (Format.TF2_SAVED_MODEL, Runtime.TF1_COMPAT, Operation.CREATION): (Status.FULL, ("save",)),
    (Format.TF2_SAVED_MODEL, Runtime.TF2, Operation.CREATION): (Status.FULL, ("save",)),
}


@pytest.mark.parametrize("place", PUBLISHED, ids=lambda place: "-".join(p.value for p in place))
def test_the_published_cells(place):
    assert (CELLS[place].status, CELLS[place].apis) == PUBLISHED[place]


def test_matrix_is_module_and_function():
    assert unihub.matrix.Format is Format
    assert str(unihub.matrix()).startswith("┏")


def test_importing_unihub_imports_no_framework():
    script = (
        "import sys, unihub; dir(unihub); unihub.matrix(); unihub.load; unihub.support;"
        "heavy = {'tensorflow', 'keras', 'tf_keras', 'google.protobuf', 'numpy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    printed = subprocess.check_output([sys.executable, "-c", script], universal_newlines=True)
    assert printed == "[]\n"


def test_the_check_above_can_fail():
    script = "import sys, numpy; print(sorted({'numpy'} & set(sys.modules)))"
    printed = subprocess.check_output([sys.executable, "-c", script], universal_newlines=True)
    assert printed == "['numpy']\n"
