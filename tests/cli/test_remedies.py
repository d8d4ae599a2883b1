"""What an error offers on the command line."""

from __future__ import annotations

import shutil

import pytest
from click.testing import CliRunner
from conftest import MODELS

import unihub
from unihub.cli import remedies
from unihub.cli.commands import main
from unihub.cli.predict import predict
from unihub.engines.errors import NoSuchColumn
from unihub.handles.cache.derived import ORIGIN
from unihub.matrix import Runtime

REUSABLE, MULTI = str(MODELS / "tf2_reusable"), str(MODELS / "tf1_hub_multi")
in_tf2 = pytest.mark.skipif(
    unihub.environment().runtime is not Runtime.TF2, reason="conversion needs TensorFlow 2"
)


def remedy(*arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    return result.output.partition("  do:  ")[2].strip()


def test_a_command_is_offered_again_with_another_handle(tmp_path):
    for number in "1", "2":
        shutil.copytree(REUSABLE, str(tmp_path / "my models" / number))
    line = remedy("inspect", "--json", str(tmp_path / "my models"))
    assert line == f"unihub inspect '{tmp_path}/my models/2' --json"


@in_tf2
def test_a_command_is_offered_again_with_its_options(tmp_path):
    line = remedy("convert", "--dry-run", "--signature", "pear", MULTI, str(tmp_path / "new"))
    assert line == f"unihub convert {MULTI} {tmp_path}/new --signature pair --dry-run"


@in_tf2
def test_flags_are_flags(tmp_path):
    (tmp_path / ORIGIN).parent.mkdir()
    (tmp_path / ORIGIN).write_text("{}")
    assert remedy("convert", MULTI, str(tmp_path)) == (
        f"unihub convert {MULTI} {tmp_path} --overwrite"
    )


@in_tf2
def test_what_is_no_command_is_told_by_one_like_it(tmp_path):
    line = remedy("convert", REUSABLE, str(tmp_path / "new"))
    assert line == f"unihub inspect {REUSABLE}  # what it can be used for"


def test_a_column_is_named_on_the_command_line():
    facts = {"signature": "pair", "handle": MULTI, "columns": "'a', 'b'", "accepted": ""}
    error = NoSuchColumn(name="left", inputs={"right": "b", "left": "a"}, **facts)
    typed = [MULTI, "rows.csv", "-o", "out.csv", "--input", "right=b"]
    said = remedies.shown(error, {"predict": predict}, "predict", typed)
    line = said.partition("  do:  ")[2]
    assert line == f"unihub predict {MULTI} rows.csv -o out.csv --input right=b --input left=a"
