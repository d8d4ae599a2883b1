from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from unihub.cli.commands import main

PLACES = {
    "bash": ".local/share/bash-completion/completions/unihub",
    "zsh": ".zfunc/_unihub",
    "fish": ".config/fish/completions/unihub.fish",
}


def run(home, *arguments, shell="/bin/sh"):
    env = {"HOME": str(home), "SHELL": shell}
    return CliRunner().invoke(main, ["completion", *arguments], env=env)


@pytest.mark.parametrize("shell", sorted(PLACES))
def test_it_is_installed_where_the_shell_looks(shell, tmp_path):
    printed = run(tmp_path, shell)
    assert printed.exit_code == 0
    installed = run(tmp_path, "--install", shell=f"/usr/bin/{shell}")
    assert installed.exit_code == 0
    written = (tmp_path / PLACES[shell]).read_text(encoding="utf-8")
    assert written == printed.output[: len(written)]


def test_zsh_is_told_once_where_to_look(tmp_path):
    (tmp_path / ".zshrc").write_text("alias ll='ls -l'")
    for _ in range(2):
        run(tmp_path, "zsh", "--install")
    lines = (tmp_path / ".zshrc").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "alias ll='ls -l'"
    assert len(lines) == 2


def test_a_shell_that_it_does_not_know_is_asked_for(tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "unihub completion bash, zsh or fish" in result.output


def test_bash_completes_commands(tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    run(tmp_path, "bash", "--install")
    script = tmp_path / "bin" / "unihub"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m unihub "$@"\n')
    script.chmod(0o755)
    line = f"source {tmp_path / PLACES['bash']}; COMP_WORDS=(unihub ins); COMP_CWORD=1; "
    line += '_unihub_completion unihub; echo "${COMPREPLY[@]}"'
    env = {**os.environ, "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}"}
    output = subprocess.check_output([bash, "-c", line], env=env, universal_newlines=True)
    assert output.split() == ["inspect"]


@pytest.mark.parametrize(
    ("typed", "begun", "expected"),
    [
        ("help", "wrong-input-d", ["wrong-input-dtype"]),
        ("help", "inspe", ["inspect"]),
        ("settings", "cac", ["cache"]),
        ("matrix --runtime", "tf1", ["tf1", "tf1_compat"]),
        ("check --runtime", "", ["tf1", "tf1_compat", "tf2", "keras3", "here"]),
        ("check --select", "hub-imp", ["hub-import-fails"]),
        ("cache ls --sort", "u", ["used"]),
    ],
)
def test_words_are_completed(typed, begun, expected, monkeypatch):
    found = items(typed, begun, monkeypatch)
    assert [(item.type, item.value) for item in found] == [("plain", one) for one in expected]


@pytest.mark.parametrize(
    "typed",
    [
        "inspect",
        "inspect one",
        "fetch",
        "fetch x --to",
        "convert model",
        "validate",
        "doctor",
        "predict",
        "predict model",
        "predict model rows.csv -o",
        "lock",
        "lock --file",
        "check",
        "run",
        "cache path",
        "cache rm",
        "inspect --html",
    ],
)
def test_the_shell_completes_paths(typed, monkeypatch):
    (item,) = items(typed, "mod", monkeypatch)
    assert (item.type, item.value) == ("file", "mod")


def items(typed, begun, monkeypatch):
    monkeypatch.setenv("_UNIHUB_COMPLETE", "bash_complete")
    return ShellComplete(main, {}, "unihub", "_UNIHUB_COMPLETE").get_completions(
        typed.split(), begun
    )
