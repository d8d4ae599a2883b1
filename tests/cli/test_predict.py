"""`unihub predict`, as it is typed."""

from __future__ import annotations

import io
import json
import sys

import pytest
from click.testing import CliRunner
from conftest import MODELS
from golden import check_golden

from unihub.cli.commands import main
from unihub.cli.predict import _Progress, predict
from unihub.engines.packages import PackageNeeded, pyarrow

TEXT = str(MODELS / "tf1_saved_model_table")


def run(*arguments, **kwargs):
    return CliRunner().invoke(main, ["predict", *arguments], **kwargs)


def test_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run(TEXT, "x.csv", "-o", "out.csv")
    assert (result.exit_code, result.output.splitlines()[0].split(":")[0]) == (1, "package-needed")
    with pytest.raises(PackageNeeded) as refused:
        pyarrow()
    check_golden("package-needed", str(refused.value), reason=refused.value.facts["reason"])


def test_standard_input_by_named_columns(tmp_path):
    pytest.importorskip("pyarrow")
    lines = "".join(json.dumps({"id": i, "word": "cat"}) + "\n" for i in range(5))
    out = str(tmp_path / "out.jsonl")
    named = ["--input", "words=word", "--output", "ids", "--output", "scores=points"]
    result = run(TEXT, "-", "-o", out, *named, "--keep", "id", input=lines)
    assert result.exit_code == 0, result.output
    for said in ("serving_default(words: string[?])", "ids, points", "5 rows"):
        assert said in result.output
    with open(out) as file:
        rows = [json.loads(line) for line in file]
    assert [sorted(row) for row in rows] == [["id", "ids", "points"]] * 5


def test_bad_rows_by_choice(tmp_path):
    pytest.importorskip("pyarrow")
    lines = '{"words": "cat"}\n{"words": 7}\n'
    out = str(tmp_path / "out.csv")
    result = run(TEXT, "-", "-o", out, input=lines)
    assert (result.exit_code, "bad-row: row 1 of column 'words'" in result.output) == (1, True)
    result = run(TEXT, "-", "-o", out, "--on-bad", "null", input=lines)
    assert (result.exit_code, "1 of them bad" in result.output) == (0, True)
    with open(out) as file:
        assert file.read().splitlines()[2] == ","
    assert run(TEXT, "-", "-o", out, "--input", "words").exit_code == 2


def test_an_engine_takes_what_is_behind_two_dashes(monkeypatch):
    def options(*arguments):
        return predict.make_context("predict", [TEXT, "x.csv", "-o", "out.csv", *arguments]).params

    given = options("--engine", "spark", "--", "--master", "local[2]", "-q")
    assert (given["options"], given["quiet"]) == (("--master", "local[2]", "-q"), False)
    given = options("-q", "--", "-of-a-strange-name.csv")
    assert given["inputs"] == ("x.csv", "-of-a-strange-name.csv")
    pytest.importorskip("pyarrow")
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "unihub.engines.ray", raising=False)
    result = run(TEXT, "x.csv", "-o", "out.csv", "--engine", "ray")
    assert (result.exit_code, 'pip install "unihub[ray]"' in result.output) == (1, True)


def test_a_terminal_is_shown_how_far_it_is(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with _Progress(10, is_quiet=False) as told:
        told(4, True)
        told(6, False)
    shown = sys.stderr.getvalue()
    assert "10/10" in shown
    assert "rows/s" in shown
    monkeypatch.setattr(sys, "stderr", Terminal())
    with _Progress(10, is_quiet=True) as told:
        told(10, False)
    assert sys.stderr.getvalue() == ""
