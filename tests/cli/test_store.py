"""`unihub fetch` and `unihub cache`, as they are typed."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner
from conftest import MODELS
from handles.places import FILES, cache, tar_gz, tree
from handles.server import Reply, Server

import unihub
from unihub.cli.commands import main
from unihub.matrix import Runtime
from unihub.runtime import current_runtime

pytestmark = pytest.mark.usefixtures("cache")
__all__ = ["cache"]


@pytest.fixture
def server():
    with Server() as server:
        server["/m.tar.gz"] = Reply(tar_gz())
        server["/n.tar.gz"] = Reply(tar_gz())
        yield server


@pytest.fixture
def url(server):
    return server.url("/m.tar.gz")


def run(*arguments, **kwargs):
    return CliRunner().invoke(main, arguments, **kwargs)


def as_json(*arguments):
    return json.loads(run(*arguments, "--json").output)


def test_fetch_prints_folders(server, url):
    result = run("fetch", url, server.url("/n.tar.gz"))
    first, second = result.output.splitlines()
    assert (result.exit_code, tree(first), tree(second)) == (0, FILES, FILES)


def test_fetch_goes_on_after_a_failure(server, url):
    missing = server.url("/missing.tar.gz")
    result = run("fetch", missing, url)
    assert result.exit_code == 1
    assert "bad-status" in result.output
    assert tree(result.output.splitlines()[-1]) == FILES


def test_fetch_as_json(server, url):
    missing = server.url("/missing.tar.gz")
    result = run("fetch", url, missing, "--json")
    printed = json.loads(result.output[result.output.index("[\n") :])
    assert [set(one) for one in printed] == [{"handle", "path"}, {"handle", "error"}]
    assert printed[1]["error"] == "bad-status"


def test_fetch_with_a_hash(server, url):
    result = run("fetch", "--sha256", "0" * 64, url)
    assert (result.exit_code, "hash-mismatch" in result.output) == (1, True)
    assert run("fetch", "--sha256", "0" * 64, url, url).exit_code == 2


def test_fetch_to_a_folder(url, tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("new/model", "empty"):
        result = run("fetch", url, "--to", str(tmp_path / name))
        assert (result.exit_code, result.output) == (0, f"{tmp_path / name}\n")
        assert tree(str(tmp_path / name)) == FILES


def test_fetch_to_what_cannot_be_a_new_folder_is_wrong_usage(server, url, tmp_path):
    (tmp_path / "file").write_text("mine")
    for name in ("", ".", str(tmp_path), str(tmp_path / "file"), str(tmp_path / "file" / "m")):
        result = run("fetch", url, "--to", name)
        assert (result.exit_code, f"--to {name!r}: " in result.output) == (2, True)
    # Told before anything is downloaded.
    assert not server.requests
    assert run("fetch", url, url, "--to", "both").exit_code == 2


def test_what_fetch_offers_is_a_command(tmp_path):
    result = run("fetch", "no-such/model", "--to", str(tmp_path / "m"))
    assert result.exit_code == 1
    line = f"unihub fetch hf://no-such/model --to {tmp_path / 'm'}; or unihub fetch kaggle://"
    assert line in result.output


def test_path_of_the_cache_and_of_a_model(url, cache):
    assert run("cache", "path").output.strip() == str(cache)
    assert run("cache", "path", url).exit_code == 1
    folder = run("fetch", url).output
    assert run("cache", "path", url).output == folder


def test_ls(server, url, cache):
    assert run("cache", "ls").output == f"0 model(s), 0 B in {cache}\n"
    run("fetch", url)
    output = run("cache", "ls").output
    assert "m.tar.gz" in output
    assert "today" in output
    assert output.splitlines()[-1].startswith("1 model(s), ")
    (row,) = as_json("cache", "ls")["models"]
    assert (row["handle"], row["files"]) == (url, 3)
    assert row["bytes"] >= sum(map(len, FILES.values()))


def test_ls_tells_what_is_of_no_more_use(url, cache):
    run("fetch", url)
    (cache / "parts" / "key").mkdir()
    *_, useless, total = run("cache", "ls").output.splitlines()
    assert useless.startswith("1 of no more use, ")
    assert total.startswith("1 model(s), ")
    assert [one["kind"] for one in as_json("cache", "ls")["useless"]] == ["part"]


def test_what_load_made_is_listed_and_pruned(url, cache):
    if current_runtime() is not Runtime.TF2:
        pytest.skip("weights are mapped, and models converted, in TensorFlow 2 alone")
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    model = MODELS / "tf1_hub_ref_variables"
    unihub.load(model, weights="mmap")
    unihub.load(model, op="fine_tuning", convert=True)
    made = as_json("cache", "ls")["made"]
    assert [(one["kind"], one["handle"]) for one in made] == [
        (kind, os.path.realpath(str(model))) for kind in ("converted", "weights")
    ]
    *_, total = run("cache", "ls").output.splitlines()
    assert total.startswith("0 model(s) and 2 made from models, ")
    only = ("cache", "prune", "--all", "--kind", "weights")
    assert [one["kind"] for one in as_json(*only)["what"]] == ["weights"]
    assert [one["kind"] for one in as_json("cache", "prune", "--all", "--dry-run")["what"]] == [
        "converted"
    ]
    assert [one["kind"] for one in as_json("cache", "rm", str(model))["what"]] == ["converted"]
    assert as_json("cache", "ls")["made"] == []
    assert run("cache", "rm", str(model)).exit_code == 2


def test_a_damaged_model_is_shown_verified_and_pruned(url):
    folder = run("fetch", url).output.strip()
    assert run("cache", "verify").output == f"ok  {url}\n1 of 1 sound\n"
    with open(os.path.join(folder, "saved_model.pb"), "r+b") as file:
        file.write(b"X")
    result = run("cache", "verify", url)
    assert result.exit_code == 1
    assert "has the SHA-256" in result.output
    os.remove(os.path.join(folder, "saved_model.pb"))
    assert "damaged: " in run("cache", "ls").output
    assert as_json("cache", "verify")[0]["damage"] == ["model/saved_model.pb is missing (5 bytes)"]
    run("cache", "prune", "--yes")
    assert not os.path.exists(folder)


def test_rm_asks(url):
    folder = run("fetch", url).output.strip()
    refused = run("cache", "rm", url, input="n\n")
    assert (refused.exit_code, "Remove" in refused.output) == (1, True)
    assert os.path.isdir(folder)
    assert run("cache", "rm", url, input="y\n").exit_code == 0
    assert not os.path.exists(folder)


def test_rm_without_anybody_to_ask_removes_nothing(url):
    folder = run("fetch", url).output.strip()
    assert run("cache", "rm", url).exit_code == 1
    assert os.path.isdir(folder)


def test_dry_runs_remove_nothing(url):
    folder = run("fetch", url).output.strip()
    assert "would remove 1" in run("cache", "rm", "--dry-run", url).output
    planned = as_json("cache", "prune", "--max-size", "0", "--dry-run")
    assert (planned["removed"], len(planned["what"])) == (False, 1)
    assert os.path.isdir(folder)


def test_rm_of_what_is_not_there_is_wrong_usage(url):
    assert run("cache", "rm", url).exit_code == 2


def test_prune_by_size_and_age(server, url):
    run("fetch", url, server.url("/n.tar.gz"))
    assert "nothing to remove" in run("cache", "prune", "--older-than", "1d").output
    assert as_json("cache", "prune", "--max-size", "1GB")["what"] == []
    assert len(as_json("cache", "prune", "--max-size", "0")["what"]) == 2
    assert as_json("cache", "ls")["models"] == []


@pytest.mark.parametrize("option", [("--older-than", "soon"), ("--max-size", "large")])
def test_spans_and_sizes_that_are_none(option):
    assert run("cache", "prune", *option).exit_code == 2


@pytest.mark.parametrize(
    "command",
    [["fetch"], ["cache"], ["cache", "ls"], ["cache", "prune"], ["cache", "rm"], ["lock"]],
)
def test_help_fits_a_screen(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) <= 24
