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


def test_graphs_of_other_tags_are_compared_all_the_same():
    found = compared(MODELS / "tf1_hub_image", MODELS / "tf2_reusable")
    assert "+ ['serve']" in map(str, found.changes["MetaGraphs"])
    assert all(found.changes[subject] for subject in ("signatures", "variables", "ops"))


def test_what_is_not_compared_is_not_called_the_same(tmp_path):
    other = tmp_path / "other"
    shutil.copytree(str(MODELS / "tf2_reusable"), str(other))
    assert "not compared" not in str(compared(MODELS / "tf2_reusable", other))
    file = other / "saved_model.pb"
    # A constant, or an input of an op, of the same length.
    content = file.read_bytes()
    assert b"MatMul:product:0" in content
    file.write_bytes(content.replace(b"MatMul:product:0", b"MatMul:prodvct:0"))
    found = compared(MODELS / "tf2_reusable", other)
    assert not any(found.changes.values())
    assert str(found).splitlines()[-1].startswith("not compared: constants, and how ops ")
    assert found.as_json()["one_graph"] is False
