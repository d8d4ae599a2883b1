"""Notebooks in a kernel of this Python: those of examples/, and errors; `nox -s docs`."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from conftest import MODELS, ROOT
from nbclient import NotebookClient

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "clear the outputs"
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()


# What one types, and the code of the error that comes of it.
ERRORS = {
    "def mine():\n    return unihub.load('nowhere/at/all')\n\nmine()": "model-not-found",
    "unihub.load(HUB, op='fine_tuning')": "tf1-hub-fine-tuning-in-tf2",
    "unihub.load(TF2)(tf.zeros([1, 4]))": "wrong-input-shape",
    "unihub.load(TF2, api='kears')": "unknown-choice",
    "model = keras.Sequential([keras.Input((3,)), unihub.KerasLayer(TF2)])\n"
    "model.predict(np.zeros((2, 5)), verbose=0)": "wrong-input-shape",
    "@tf.function\ndef f(x):\n    return unihub.load(TF2)(x)\n\nf(tf.zeros([1, 4]))": (
        "wrong-input-shape"
    ),
}


def test_errors_are_ones_own_lines_and_the_three_of_the_error() -> None:
    first = (
        "import keras, numpy as np, tensorflow as tf, unihub\n"
        f"HUB, TF2 = {str(MODELS / 'tf1_hub_image')!r}, {str(MODELS / 'tf2_reusable')!r}"
    )
    cells = [nbformat.v4.new_code_cell(source) for source in (first, *ERRORS)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, allow_errors=True).execute()
    for cell, code in zip(notebook.cells[1:], ERRORS.values()):
        (error,) = [output for output in cell.outputs if output.output_type == "error"]
        shown = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).splitlines()
        frames = [line for line in shown if line.startswith("  File ")]
        # Of the notebook: its last line is where it happened.
        assert all("ipykernel" in frame for frame in frames), shown
        assert cell.source.splitlines()[-1] in "\n".join(shown)
        assert f": {code}: " in shown[-3], shown
        assert [line[:7] for line in shown[-2:]] == ["  why: ", "  do:  "]
        assert len(shown) <= 1 + 3 * len(frames) + 3
