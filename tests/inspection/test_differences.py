"""What differs between two models."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner
from conftest import MODELS

import unihub
from unihub.cli.commands import main
from unihub.inspection.differences import differences


def compared(first, second):
    return differences(unihub.inspect(first), unihub.inspect(second))


def test_a_model_and_itself_are_the_same():
    for name in ("tf2_reusable", "tf1_hub_image", "tf1_saved_model_tags"):
        found = compared(MODELS / name, MODELS / name)
        assert not any(found.changes.values())
        assert "the same: format, MetaGraphs, signatures, " in str(found)


def test_each_subject_is_told():
    found = compared(MODELS / "tf2_reusable", MODELS / "tf2_sub_objects")
    told = {subject: list(map(str, of)) for subject, of in found.changes.items()}
    gone = "- serving_default: (x: float32[?,3]) -> {output_0: float32[?,2]}"
    assert told["signatures"] == [gone]
    assert "~ kernel: float32[3, 2] → float32[2, 3]" in told["variables"]
    assert "- bias: float32[2]" in told["variables"]
    assert "+ Tanh" in told["ops"]
    assert any(line.startswith("+ m.encoder(x): takes ") for line in told["callables"])


def test_other_values_are_told_by_their_checksums(tmp_path):
    other = tmp_path / "other"
    shutil.copytree(str(MODELS / "tf2_reusable"), str(other))
    index = other / "variables" / "variables.index"
    same = compared(MODELS / "tf2_reusable", other)
    (subject,) = [subject for subject in same.changes if subject.startswith("values of the ")]
    assert same.changes[subject] == ()
    # The checksum of one tensor, in an entry that ends with it.
    content = bytearray(index.read_bytes())
    at = content.index(b"\x35", content.index(b"VARIABLE_VALUE"))
    content[at + 1] ^= 1
    index.write_bytes(content)
    assert len(compared(MODELS / "tf2_reusable", other).changes[subject]) == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command(as_json):
    models = [str(MODELS / "tf2_reusable"), str(MODELS / "tf2_sub_objects")]
    result = CliRunner().invoke(main, ["inspect", *models, *["--json"] * as_json])
    assert result.exit_code == 0
    if as_json:
        changes = json.loads(result.output)["changes"]
        assert {"mark": "+", "text": "Tanh"} in changes["ops"]
    else:
        assert result.output.splitlines()[:2] == [f"- {models[0]}", f"+ {models[1]}"]


def test_a_page_is_of_one_model():
    result = CliRunner().invoke(main, ["inspect", "a", "b", "--html", "page.html"])
    assert result.exit_code == 2
