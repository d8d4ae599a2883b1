"""`unihub convert`, as it is typed."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from conftest import MODELS

import unihub
from unihub.cli.commands import main
from unihub.matrix import Runtime

SCALAR = str(MODELS / "tf1_hub_scalar")
in_tf2 = pytest.mark.skipif(
    unihub.environment().runtime is not Runtime.TF2, reason="conversion needs TensorFlow 2"
)


def run(*arguments):
    return CliRunner().invoke(main, ["convert", *arguments])


@in_tf2
def test_dry_run_writes_nothing(tmp_path):
    result = run("--dry-run", SCALAR, str(tmp_path / "converted"))
    assert (result.exit_code, "FAILED" in result.output) == (0, False)
    assert list(tmp_path.iterdir()) == []


@in_tf2
def test_it_is_written_once(tmp_path):
    path = str(tmp_path / "converted")
    report = json.loads(run("--json", SCALAR, path).output)
    assert (report["path"], all(check["passed"] for check in report["checks"])) == (path, True)
    again = run(SCALAR, path)
    assert (again.exit_code, again.output.splitlines()[0].split(":")[0]) == (
        1,
        "convert-target-exists",
    )
    assert run("--overwrite", SCALAR, path).exit_code == 0


def test_help_fits_a_screen():
    assert len(run("--help").output.splitlines()) <= 24


@pytest.mark.skipif(unihub.environment().runtime is Runtime.TF2, reason="TensorFlow 2 converts")
def test_tensorflow_1_says_so(tmp_path):
    result = run(SCALAR, str(tmp_path / "converted"))
    assert (result.exit_code, result.output.split(":")[0]) == (1, "convert-needs-tf2")
