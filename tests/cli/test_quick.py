"""What is done without click is what click's command does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Sequence

import pytest
from click.testing import CliRunner

import unihub.cli
from unihub.cli.commands import main

WITHOUT_CLICK = "import sys; from unihub.cli import main; main(); sys.exit('click' in sys.modules)"


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["unihub", *arguments])
    unihub.cli.main()


def test_a_folder_is_inspected_without_click(models: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_CLICK, "inspect", str(models / "tf2_reusable")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("name", ["tf2_reusable", "tf1_hub_text", "tf2_signatures_only"])
def test_it_says_what_the_command_says(
    name: str, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran(monkeypatch, "inspect", str(models / name))
    expected = CliRunner().invoke(main, ["inspect", str(models / name)])
    assert capsys.readouterr().out == expected.output
    assert expected.exit_code == 0


@pytest.mark.parametrize("arguments", [["inspect"], ["inspect", "--nope"], ["inspect", "{empty}"]])
def test_all_else_is_the_command(
    arguments: Sequence[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    given = [argument.format(empty=tmp_path) for argument in arguments]
    with pytest.raises(SystemExit) as ended:
        ran(monkeypatch, *given)
    expected = CliRunner().invoke(main, given, prog_name="unihub")
    captured = capfd.readouterr()
    assert captured.out + captured.err == expected.output
    assert ended.value.code == expected.exit_code


def test_a_reader_that_leaves_is_no_error(models: Path) -> None:
    command = [sys.executable, "-m", "unihub", "inspect", str(models / "tf2_reusable")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1
