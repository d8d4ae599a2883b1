from __future__ import annotations

import re

from click.testing import CliRunner

from unihub.cli.commands import main
from unihub.errors.catalog import known


def run(*arguments):
    return CliRunner().invoke(main, ["help", *arguments])


def test_help_of_an_error():
    lines = run("ambiguous-signature").output.splitlines()
    assert lines[0].startswith("ambiguous-signature: <handle> can be called by several signatures")
    assert lines[1].startswith("  why: ")
    assert lines[2].startswith("  do:  ")
    assert lines[-1] == "In Python: AmbiguousSignature, UnihubError, ValueError"


def test_help_of_an_error_by_its_class_or_in_capitals():
    said = run("ambiguous-signature").output
    for word in "AmbiguousSignature", "AMBIGUOUS-SIGNATURE", "unihub.formats.AmbiguousSignature:":
        assert run(word).output == said


def test_help_of_every_error():
    for code in known():
        result = run(code)
        assert result.exit_code == 0
        assert re.search(r"\{\w+(!r)?\}", result.output) is None


def test_help_of_a_cell_of_the_matrix_and_of_findings():
    assert "In Python: MatrixRefusal, UnihubError" in run("tf1-hub-fine-tuning-in-tf2").output
    assert "A finding of `unihub doctor`." in run("wrapt-too-new").output
    assert "A finding of `unihub check`." in run("removed-name").output


def test_help_of_a_command_is_its_own():
    assert run("convert").output == CliRunner().invoke(main, ["convert", "--help"]).output
    assert run().output == CliRunner().invoke(main, ["--help"]).output


def test_help_of_a_command_below_another_is_its_own():
    assert run("cache", "ls").output == CliRunner().invoke(main, ["cache", "ls", "--help"]).output
    assert "no command 'lst' in " in run("cache", "lst").output
    assert "no command 'x' in " in run("fetch", "x").output


def test_a_word_that_is_like_none_is_answered_by_none():
    assert "Did you mean" not in run("xyzzy").output


def test_another_word_is_answered_by_the_nearest():
    result = run("ambigous-signature")
    assert result.exit_code == 2
    assert "unihub help ambiguous-signature" in result.output
