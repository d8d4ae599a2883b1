"""`unihub inspect`, as it is typed."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from conftest import MODELS, ROOT
from handles.places import cache
from handles.server import Reply, Server

import unihub
from unihub.cli.commands import main

pytestmark = pytest.mark.usefixtures("cache")
__all__ = ["cache"]
ACTING = ROOT / "tests" / "fixtures" / "acting"
FOLDER = str(MODELS / "tf2_reusable")


def run(*arguments):
    return CliRunner().invoke(main, ("inspect", *arguments))


def test_text():
    result = run(FOLDER)
    assert (result.exit_code, result.output) == (0, f"{unihub.inspect(FOLDER)}\n")


def test_on_a_terminal_headings_stand_out():
    pty = pytest.importorskip("pty", reason="no terminals to make on this system")
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "unihub", "inspect", str(ACTING / "writes")],
        stdout=theirs,
        check=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "300"},
    )
    os.close(theirs)
    text = os.read(ours, 1 << 16).decode("utf-8")
    os.close(ours)
    assert "\x1b[1mMetaGraph with tags ['serve']" in text
    assert "\x1b[31m  high: WriteFile" in text


def test_variables_by_name():
    lines = run(FOLDER, "--variables").output.splitlines()
    at = lines.index("  variables: 3 (40 B), 2 trainable (32 B), 1 regularization loss")
    assert lines[at + 1 : at + 4] == [
        "    kernel: float32[3, 2]",
        "    bias: float32[2]",
        "    moving_mean: float32[2] not trainable",
    ]


def test_json():
    assert json.loads(run(FOLDER, "--json").output) == json.loads(
        json.dumps(unihub.inspect(FOLDER).as_json())
    )
    found = json.loads(run(FOLDER, "--json", "--variables").output)
    assert len(found["meta_graphs"][0]["variables"]["by_name"]) == 3


def test_html(tmp_path):
    file = tmp_path / "page.html"
    file.write_text("before")
    result = run(FOLDER, "--html", str(file))
    assert (result.exit_code, result.output) == (0, f"written to {file}\n")
    assert file.read_text(encoding="utf-8") == unihub.inspect(FOLDER).as_html()
    assert os.listdir(str(tmp_path)) == ["page.html"]


def test_html_is_printed_for_a_dash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(FOLDER, "--html", "-")
    assert result.output == unihub.inspect(FOLDER).as_html() + "\n"
    assert os.listdir(str(tmp_path)) == []


def test_html_writes_over_no_folder(tmp_path):
    result = run(FOLDER, "--html", str(tmp_path))
    assert result.exit_code == 2
    assert "is a directory" in result.output


def test_html_that_cannot_be_written(tmp_path):
    result = run(FOLDER, "--html", str(tmp_path / "missing" / "page.html"))
    assert result.exit_code == 2
    assert "cannot be written" in result.output


def test_an_error_is_one_block():
    result = run("nowhere")
    assert result.exit_code == 1
    assert result.output.startswith("model-not-found: ")
    assert "Traceback" not in result.output


@pytest.mark.parametrize("arguments", [[], [FOLDER, "--json", "--html", "x.html"]])
def test_wrong_usage(arguments):
    assert run(*arguments).exit_code == 2


def test_a_remote_handle():
    with Server() as server:
        server["/m.tar.gz"] = Reply(b"12345")
        url = server.url("/m.tar.gz")
        result = run(url)
        assert result.exit_code == 0
        assert result.output.splitlines() == [
            f"{url}: an archive by HTTP, not downloaded",
            f"  host: 127.0.0.1:{server.port}",
            "  path: /m.tar.gz",
            "  answers: status 200",
            f"  from: {url}",
            "  archive: m.tar.gz",
            "  size: 5 B (5 bytes)",
            "To see what the model is:",
            f"  unihub inspect --download {url}",
        ]
        found = json.loads(run(url, "--json").output)
        assert (found["downloaded"], found["bytes"], found["archive"]) == (False, 5, "m.tar.gz")
        result = run(url, "--download")
        assert result.exit_code == 1
        assert result.output.startswith("not-an-archive: ")


@pytest.mark.parametrize("was_enabled", [True, False])
def test_garbage_collection_is_left_as_it_was(was_enabled, tmp_path):
    before = gc.isenabled()
    (gc.enable if was_enabled else gc.disable)()
    try:
        for folder in (FOLDER, str(tmp_path)):
            run(folder)
            assert gc.isenabled() is was_enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_help_fits_a_screen():
    assert len(run("--help").output.splitlines()) <= 30
