"""`unihub lock`, as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from conftest import ROOT
from handles.places import FILES, cache, tar_gz, write
from handles.server import Reply, Server

from unihub.cli.commands import main

pytestmark = pytest.mark.usefixtures("cache")
__all__ = ["cache"]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    write(folder / "model")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def url():
    with Server() as server:
        server["/m.tar.gz"] = Reply(tar_gz())
        yield server.url("/m.tar.gz")


def run(*arguments):
    return CliRunner().invoke(main, ["lock", *arguments])


def test_handles_are_locked_and_checked(url, project):
    assert run(url, "model").output == f"locked  {url}\nlocked  model\n"
    models = json.loads((project / "unihub.lock").read_text())["models"]
    assert set(models) == {url, "model"}
    assert models[url]["content"] == models["model"]["content"]
    assert run(url).output == f"unchanged  {url}\n"
    checked = run("--check")
    assert (checked.exit_code, checked.output) == (0, f"ok  {url}\nok  model\n")


def test_a_change_is_found_and_may_be_locked(project):
    run("model")
    (project / "model" / "saved_model.pb").write_bytes(b"other")
    found = run("--check")
    assert found.exit_code == 1
    assert found.output.startswith("locked-content-differs: model is not the model that")
    assert found.output.endswith("FAILED  model\n")
    assert run("model").output == "locked  model\n"
    assert run("--check").exit_code == 0


def test_checked_from_a_folder_below(project, monkeypatch):
    run("model")
    below = project / "src"
    below.mkdir()
    monkeypatch.chdir(below)
    assert run("--check").output == "ok  model\n"


def test_where_nothing_can_be_locked_nothing_is_written(project):
    assert run("nowhere").exit_code == 1
    assert not (project / "unihub.lock").exists()


def test_a_warning_begins_with_our_name_and_no_line_of_click(project, url):
    run("model")
    # In a process of its own, for pytest keeps the warnings of this one.
    command = [sys.executable, "-m", "unihub", "fetch", url]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, stderr=subprocess.PIPE, env=env)
    (told,) = done.stderr.decode().splitlines()
    assert told.startswith("unihub WARNING: ")
    assert "does not name" in told


def test_what_cannot_be_fetched_is_not_locked(project):
    run("model")
    result = run("nowhere")
    assert (result.exit_code, "FAILED  nowhere" in result.output) == (1, True)
    assert "unihub lock kaggle://no-such/model\n" in run("no-such/model").output
    assert set(json.loads((project / "unihub.lock").read_text())["models"]) == {"model"}


def test_as_json():
    printed = json.loads(run("model", "--json").output)
    assert printed["lockfile"] == "unihub.lock"
    (one,) = printed["models"]
    assert (one["handle"], one["result"]) == ("model", "locked")
    assert one["bytes"] == sum(map(len, FILES.values()))


def test_another_file(project):
    run("--file", "models.lock", "model")
    assert (project / "models.lock").exists()
    assert not (project / "unihub.lock").exists()


def test_nothing_to_lock_is_wrong_usage():
    assert run().exit_code == 2
