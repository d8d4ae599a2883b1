from __future__ import annotations

import json
import sys

import pytest
from conftest import MODELS
from golden import check_golden

from unihub.checking import as_json, as_text, check

SCRIPT = """import tensorflow_hub as hub
hub.Module('a')
hub.load('https://tfhub.dev/google/a/1')
hub.Module('b')  # unihub: ignore
"""


# Python 3.7 does not know where an expression ends.
END = True if sys.version_info >= (3, 8) else None


@pytest.fixture
def report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train it.py").write_text(SCRIPT)
    cell = {"cell_type": "code", "source": SCRIPT.splitlines(True)}
    (tmp_path / "book.ipynb").write_text(json.dumps({"cells": [cell]}, indent=1))
    return check(["./train it.py", "book.ipynb"], runtime="tf2")


def test_text(report):
    check_golden("checking/report", as_text(report).rstrip())
    assert "\x1b[" not in as_text(report)
    assert "\x1b[" in as_text(report, color=True)


def test_text_of_nothing(tmp_path):
    (tmp_path / "a.py").write_text("import unihub\n")
    assert as_text(check([tmp_path], runtime="tf2")) == (
        "0 errors, 0 warnings, 0 notes in 1 file, "
        "for TensorFlow 2.15.1, tensorflow_hub 0.15.0, tf.keras is Keras 2\n"
    )


def test_brackets_are_no_markup(tmp_path):
    (tmp_path / "a.py").write_text("import tensorflow_hub as hub\nhub.Module('[red]x[/]')\n")
    assert "hub.Module('[red]x[/]')" in as_text(check([tmp_path], runtime="tf2"))


def test_what_a_file_holds_does_not_command_the_terminal(tmp_path):
    # ESC, BEL, the C1 form of ESC [, and a mark that has text run from right to left.
    odd = "\x1b[2J\x07\x9b5m\u202e"
    path = tmp_path / f"{odd}.py"
    path.write_text(f"import tensorflow_hub as hub\nhub.Module('{odd}')  # {odd}\n", "utf-8")
    text = as_text(check([tmp_path], runtime="tf2"))
    assert "\\x1b[2J\\x07\\x9b5m\\u202e.py:2" in text
    assert "hub.Module('\\x1b[2J\\x07\\x9b5m\\u202e')" in text
    assert [c for c in text if not c.isprintable() and c not in "\n\t"] == []


def test_json(report):
    whole = json.loads(as_json(report))
    assert (whole["exit_code"], whole["ignored"], len(whole["files"])) == (1, 2, 2)
    assert [(one["path"], one["cell"], one["line"]) for one in whole["findings"]] == [
        ("./train it.py", None, 2),
        ("./train it.py", None, 3),
        ("book.ipynb", 1, 2),
        ("book.ipynb", 1, 3),
    ]
    columns = [(one["column"], one["end_column"]) for one in whole["findings"]]
    assert columns == [(1, END and 16), (10, END and 40)] * 2


def test_models_folder_is_clean():
    assert check([MODELS], runtime="tf2").findings == ()
