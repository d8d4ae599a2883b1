from __future__ import annotations

import json

import pytest
from conftest import MODELS
from golden import check_golden

from unihub.checking import as_json, as_sarif, as_text, check
from unihub.checking.rules import RULES

SCRIPT = """import tensorflow_hub as hub
hub.Module('a')
hub.load('https://tfhub.dev/google/a/1')
hub.Module('b')  # unihub: ignore
"""


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


def test_json(report):
    whole = json.loads(as_json(report))
    assert (whole["exit_code"], whole["ignored"], len(whole["files"])) == (1, 2, 2)
    assert [(one["path"], one["cell"], one["line"]) for one in whole["findings"]] == [
        ("./train it.py", None, 2),
        ("./train it.py", None, 3),
        ("book.ipynb", 1, 2),
        ("book.ipynb", 1, 3),
    ]


# What https://docs.oasis-open.org/sarif/sarif/v2.1.0 requires of each object used
# here: its required properties, and the values that are enumerated.
LEVELS = {"none", "note", "warning", "error"}


def test_sarif(report):
    log = json.loads(as_sarif(report))
    assert log["version"] == "2.1.0"
    assert set(log) <= {"$schema", "version", "runs"}
    (run,) = log["runs"]
    assert set(run) <= {"tool", "results", "columnKind"}
    driver = run["tool"]["driver"]
    assert driver["name"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert ids == sorted(RULES)
    assert len(set(ids)) == len(ids)
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in LEVELS
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    assert len(run["results"]) == len(report.findings)
    for result in run["results"]:
        assert result["message"]["text"]
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in LEVELS
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"]["uri"] in ("train%20it.py", "book.ipynb")
        assert all(isinstance(number, int) and number > 0 for number in physical["region"].values())


def test_sarif_of_an_absolute_path(tmp_path):
    (tmp_path / "a.py").write_text("import tensorflow_hub as hub\nhub.Module(1)\n")
    (result,) = json.loads(as_sarif(check([tmp_path], runtime="tf2")))["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (tmp_path / "a.py").as_uri()


def test_models_folder_is_clean():
    assert check([MODELS], runtime="tf2").findings == ()
