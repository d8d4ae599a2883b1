"""`unihub check` and `unihub doctor`, as they are typed."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

import unihub
from unihub.cli.commands import main

SCRIPT = """import tensorflow_hub as hub  # the hub

m = hub.Module("handle")
print(m([1.0]))
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path / "train.py"


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def test_an_error_is_exit_code_1(script):
    result = run("check", "--runtime", "tf2", "train.py")
    assert (result.exit_code, "train.py:3:" in result.output) == (1, True)


def test_the_rules_are_listed():
    result = run("check", "--rules")
    assert result.exit_code == 0
    for rule in unihub.checking.RULES:
        assert f"{rule} (" in result.output
    assert "hub.<name> raises AttributeError" in result.output


def test_standard_input(script):
    arguments = ["check", "--runtime", "tf2", "-"]
    result = CliRunner().invoke(main, arguments, input=SCRIPT)
    assert (result.exit_code, "<stdin>:3:" in result.output) == (1, True)
    latin = b"# -*- coding: latin-1 -*-\nx = '\xe9'\n"
    assert CliRunner().invoke(main, arguments, input=latin).exit_code == 0
    assert CliRunner().invoke(main, [*arguments, "--fix"], input=SCRIPT).exit_code == 2


def test_nothing_to_say_is_exit_code_0(script):
    result = run("check", "--runtime", "tf1", "train.py", "--ignore", "model-unreadable")
    assert result.exit_code == 0


@pytest.mark.parametrize("form", [["--format", "json"], ["--json"]])
def test_as_json(script, form):
    report = json.loads(run("check", "--runtime", "tf2", "train.py", *form).output)
    assert "module-in-eager-mode" in [one["rule"] for one in report["findings"]]


def test_as_sarif(script):
    report = json.loads(run("check", "train.py", "--format", "sarif").output)
    assert report["version"] == "2.1.0"


@pytest.mark.parametrize(
    "arguments",
    [["nowhere.py"], ["train.py", "--runtime", "tf9"], ["train.py", "--select", "nonsense"], []],
)
def test_wrong_usage_is_exit_code_2(script, arguments):
    assert run("check", *arguments).exit_code == 2


def test_diff_changes_nothing_and_fix_does(script):
    pytest.importorskip("libcst", reason="libcst is not installed")
    shown = run("check", "--diff", "--runtime", "tf2", "train.py")
    assert "+import unihub as hub  # the hub" in shown.output
    assert script.read_text() == SCRIPT
    run("check", "--fix", "--runtime", "tf2", "train.py")
    assert script.read_text() == SCRIPT.replace("tensorflow_hub", "unihub").replace(
        "hub.Module", "hub.load"
    )


def test_what_people_read_holds_no_secret_and_no_control_character(script):
    script.write_text(SCRIPT.replace('"handle"', '"https://me:pw@host/m?sig=KEY", "\x1b["'))
    for form, shown in (("text", "//host/m?\u2026"), ("json", r"//host/m?\u2026")):
        output = run("check", "--runtime", "tf2", "train.py", "--format", form).output
        assert shown in output
        assert not any(part in output for part in ("me:pw", "KEY", "\x1b"))
    pytest.importorskip("libcst", reason="libcst is not installed")
    piped = run("check", "--diff", "train.py").output
    assert "its diff has control characters" in piped
    assert not any(part in piped for part in ("me:pw", "KEY", "\x1b", "+import"))
    output = run("check", "--fix", "train.py").output
    assert "+import unihub" in output
    assert not any(part in output for part in ("me:pw", "KEY", "\x1b"))


def test_a_diff_for_patch_keeps_every_byte(script):
    pytest.importorskip("libcst", reason="libcst is not installed")
    kept = 'print("me:pw@host/m?sig=KEY \u202e")  # \f\n'
    script.write_bytes((kept + SCRIPT).replace("\n", "\r\n").encode())
    diff = run("check", "--diff", "train.py").stdout_bytes
    assert kept.replace("\n", "\r\n").encode() in diff
    assert b"+import unihub as hub  # the hub\r\n" in diff


def test_doctor():
    printed = run("doctor")
    report = json.loads(run("doctor", "--json").output)
    assert "Python" in printed.output
    broken = any(problem["severity"] == "error" for problem in report["problems"])
    assert printed.exit_code == int(broken)


def test_doctor_says_what_can_be_done_with_a_model(models):
    path = str(models / "tf2_reusable")
    told = run("doctor", path).output
    for use in unihub.inspect(path).uses:
        assert all(f"{api}: {line}" in told for api, line in use.code)
    assert run("doctor", "--json", path).exit_code == 2


def test_doctor_runs_the_cells():
    printed = run("doctor", "--run").output
    good, all_of_them = re.search(r"(\d+) of (\d+) as the matrix says", printed).groups()
    assert good == all_of_them != "0"
