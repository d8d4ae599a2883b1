"""An error in a notebook and from `unihub run`: one's own lines, and what it says."""

from __future__ import annotations

import subprocess
import sys

import pytest

import unihub
from unihub.errors import UnihubError, shown

SCRIPT = """import unihub

def load(path):
    return unihub.load(path)

load("nowhere/at/all")
"""


def error_of(function):
    with pytest.raises(UnihubError) as raised:
        function()
    return raised.value


def test_the_frames_are_ones_own():
    text = "".join(shown.lines(error_of(lambda: unihub.load("nowhere/at/all"))))
    assert text.splitlines()[0] == "Traceback (your code alone; all of it with UNIHUB_DEBUG=1):"
    assert 'unihub.load("nowhere/at/all")' in text
    assert text.splitlines()[-3].startswith("ModelNotFound: model-not-found: nowhere/at/all ")
    assert "dispatch" not in text


def test_a_notebook_shows_them(monkeypatch):
    error = error_of(lambda: unihub.load("nowhere/at/all"))
    monkeypatch.delenv(shown.DEBUG, raising=False)
    assert error._render_traceback_() == "".join(shown.lines(error)).splitlines()
    monkeypatch.setenv(shown.DEBUG, "1")
    # Then IPython shows what it shows of any error.
    with pytest.raises(NotImplementedError):
        error._render_traceback_()


@pytest.mark.parametrize("debug", [False, True])
def test_a_script_that_is_run(debug, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "unihub", *["--debug"] * debug, "run", str(script)]
    ran = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert ran.returncode == 1
    lines = ran.stderr.splitlines()
    assert [line.strip() for line in lines if str(script) in line] == [
        f'File "{script}", line 6, in <module>',
        f'File "{script}", line 4, in load',
    ]
    assert any("resolving" in line or "dispatch" in line for line in lines) == debug
    assert lines[-1].startswith("  do:  ")
