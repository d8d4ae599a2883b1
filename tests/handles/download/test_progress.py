"""What is seen on a real terminal, and what is not when there is none."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys

import pytest
from handles.server import Reply

from unihub.handles.download import progress as progress_module
from unihub.handles.download.progress import Bar, Progress, shown

SCRIPT = """
import sys
from unihub.handles.download.progress import shown
from unihub.handles.download.transfer import Limits, download
url, partial, setting = sys.argv[1:]
with shown({"None": None, "True": True, "False": False}[setting], "m\\x1b[2J.tar.gz") as progress:
    download(url, partial, Limits(retries=1, backoff=0.01), progress=progress)
"""

SLOW = Reply(b"0123456789" * 30_000, etag='"1"', piece=75_000, pause=0.36)
QUICK = Reply(SLOW.body)
BUSY = [Reply(status=503), QUICK]


def arguments(server, tmp_path, setting):
    url = server.url("/m?sig=secret")
    return [sys.executable, "-c", SCRIPT, url, str(tmp_path / "partial"), str(setting)]


def on_a_terminal(command):
    """What a command writes to a terminal as its standard error, and to standard output."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, env=environment)
    os.close(theirs)
    written = b""
    with process:
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # how Linux says that nobody holds the other end
                break
            if not data:
                break
            written += data
        out = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0, written.decode()
    return written.decode(), out.decode()


def piped(command):
    process = subprocess.run(command, capture_output=True, check=True)
    return process.stderr.decode(), process.stdout.decode()


def test_a_slow_download_has_a_bar_on_a_terminal(server, tmp_path):
    server["/m"] = SLOW
    written, out = on_a_terminal(arguments(server, tmp_path, None))
    assert "━" in written
    assert "/300.0 kB" in written or "/0.3 MB" in written
    assert "m?[2J.tar.gz" in written
    assert "secret" not in written
    assert out == ""
    # It is gone at the end: the line is cleared, the cursor shown.
    assert written.rstrip().endswith("\x1b[2K") or "\x1b[?25h" in written


@pytest.mark.parametrize(("behaviour", "setting"), [(QUICK, None), (SLOW, False)])
def test_no_bar_on_a_terminal(server, tmp_path, behaviour, setting):
    server["/m"] = behaviour
    assert on_a_terminal(arguments(server, tmp_path, setting)) == ("", "")


def test_a_wait_is_announced_on_a_terminal(server, tmp_path):
    server["/m"] = BUSY
    written, _ = on_a_terminal(arguments(server, tmp_path, None))
    # A slow machine draws a bar after it.
    assert re.match(r"m\?\[2J\.tar\.gz: retrying in 0\.0\d+ s: 503\s", written)


def test_no_bar_in_a_pipe(server, tmp_path):
    server["/m"] = SLOW
    assert piped(arguments(server, tmp_path, None)) == ("", "")


def test_a_bar_in_a_pipe_when_it_is_asked_for(server, tmp_path):
    server["/m"] = SLOW
    assert "m?[2J.tar.gz" in piped(arguments(server, tmp_path, True))[0]


@pytest.mark.parametrize(("setting", "said"), [(None, True), (False, False)])
def test_a_wait_is_announced_in_a_pipe(server, tmp_path, setting, said):
    server["/m"] = BUSY
    written, _ = piped(arguments(server, tmp_path, setting))
    assert ("retrying in 0.0" in written) == said
    assert (written == "") != said


def test_waits_are_logged(caplog):
    caplog.set_level(logging.INFO)
    for level in (logging.INFO, logging.WARNING):
        Progress(level).announce("waiting for another process (pid 7) that is downloading m")
    found = [(r.name, r.levelname, r.getMessage()) for r in caplog.records]
    text = "waiting for another process (pid 7) that is downloading m"
    assert found == [("unihub", "INFO", text), ("unihub", "WARNING", text)]


def test_the_second_bar_leaves_the_screen_to_the_first(capsys, monkeypatch):
    monkeypatch.setattr(progress_module, "_SECONDS_UNTIL_SHOWN", 0)
    with shown(True, "first") as first, shown(True, "second") as second:
        for bar in (first, second):
            assert isinstance(bar, Bar)
            bar._timer.join()
            bar.advance(1, 2)
        assert [bar._live is not None for bar in (first, second)] == [True, False]
    with shown(True, "third") as third:
        third._timer.join()
        assert third._live is not None


def test_rich_is_imported_only_to_show_something():
    code = "import sys, unihub.handles.download.progress; print('rich' in sys.modules)"
    assert piped([sys.executable, "-c", code])[1] == "False\n"
