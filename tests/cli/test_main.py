from __future__ import annotations

import json
import shlex
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import unihub
from unihub.cli.commands import main


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def test_help_fits_a_screen():
    result = run("--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) <= 30


def test_a_misspelt_command_or_option_is_answered_by_the_right_one():
    assert "no command 'inspcet'. Did you mean inspect?" in run("inspcet", "model").output
    assert "--variables" in run("inspect", "--varibles", "model").output


def test_what_other_programs_call_it_is_answered_by_its_name_here():
    assert "no command 'download'. Did you mean fetch?" in run("download", "model").output
    assert "Did you mean --version?" in run("version").output
    assert "There are matrix, demo, run" in run("xyzzy").output


def test_flags_of_all_commands_are_taken_after_one_as_well():
    """Its own come first, and what follows a script's name is the script's."""
    wrong = run("inspect", "nowhere", "--debug")
    assert isinstance(wrong.exception, unihub.UnihubError)
    assert "nowhere/-q" in run("inspect", "--", "nowhere/-q").output
    assert "no script '-v'" in run("run", "--", "-v").output


@pytest.mark.parametrize(
    ("arguments", "logged"),
    [(["-v", "matrix"], True), (["matrix", "-v"], True), (["cache", "ls", "-q"], False)],
)
def test_how_much_is_logged(arguments, logged):
    """In a process of its own, as it stays so."""
    code = (
        "import sys, logging, warnings; from unihub.cli.commands import main;"
        "main(sys.argv[1:], standalone_mode=False);"
        "logging.getLogger('unihub').info('looked'); warnings.warn('odd')"
    )
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True)
    assert (b"unihub INFO: looked" in ran.stderr) == logged
    assert (b"odd" in ran.stderr) == logged


def test_a_warning_of_ours_begins_with_our_name_and_those_of_keras_are_left_out():
    """In a process of its own, where nobody has set up logging."""
    code = (
        "import logging, warnings; from unihub.cli.commands import main;"
        "main(['matrix'], standalone_mode=False);"
        "logging.getLogger('unihub').warning('heed');"
        "warnings.warn_explicit('old', UserWarning, 'a.py', 1, module='tf_keras.src.engine')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert ran.stderr.decode().splitlines() == ["unihub WARNING: heed"]


def test_version():
    assert run("--version").output.split()[-1] == unihub.__version__


def test_matrix_of_one_runtime():
    output = run("matrix", "--runtime", "tf2").output
    assert "TF2" in output
    assert "TF1 compat mode" not in output


def test_matrix_as_json():
    rows = json.loads(run("matrix", "--json").output)
    assert len(rows) == 27
    assert {row["status"] for row in rows} == {"full", "limited", "refused"}


def test_matrix_of_the_present_runtime():
    rows = json.loads(run("matrix", "--runtime", "here", "--json").output)
    assert {row["runtime"] for row in rows} == {unihub.environment().runtime.value}


def test_an_error_is_one_block_and_exit_code_1():
    result = run("inspect", "nowhere/at/all")
    assert result.exit_code == 1
    assert result.output.startswith("model-not-found: ")
    assert "\n  why: " in result.output
    assert "Traceback" not in result.output


def test_debug_shows_the_error():
    result = run("--debug", "inspect", "nowhere/at/all")
    assert isinstance(result.exception, unihub.UnihubError)


@pytest.mark.parametrize("arguments", [["nonsense"], ["matrix", "--nonsense"]])
def test_wrong_usage_is_exit_code_2(arguments):
    assert run(*arguments).exit_code == 2


def test_python_dash_m():
    printed = subprocess.check_output(
        [sys.executable, "-m", "unihub", "--version"], universal_newlines=True
    )
    assert printed == f"unihub, version {unihub.__version__}\n"


def test_an_unknown_runtime_of_the_matrix_is_wrong_usage():
    result = run("matrix", "--runtime", "tf3")
    assert result.exit_code == 2
    assert "'tf3' is none of tf1, tf1_compat, tf2, here." in result.output
    assert run("matrix", "--runtime", "tf1-compat").exit_code == 0


def commands(group, *names):
    yield names, group
    if hasattr(group, "list_commands"):
        for name in group.list_commands(click.Context(group)):
            yield from commands(group.get_command(click.Context(group), name), *names, name)


COMMANDS = [pytest.param(*found, id=" ".join(found[0])) for found in commands(main) if found[0]]


@pytest.mark.parametrize(("names", "command"), COMMANDS)
def test_help_has_examples_of_the_command(names, command):
    """Each is read as the command line would be; what they are for is done in other tests."""
    _, _, examples = run(*names, "--help").output.partition("Examples:\n")
    lines = [line.strip() for line in examples.split("\n\n")[0].splitlines()]
    assert lines
    for line in lines:
        words = shlex.split(line.partition(" > ")[0], comments=True)
        assert words[: len(names) + 1] == ["unihub", *names]
        if not hasattr(command, "list_commands"):
            rest = words[len(names) + 1 :]
            context = click.Context(command, **command.context_settings)
            command.make_parser(context).parse_args(rest)
