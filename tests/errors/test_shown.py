"""An error in a notebook and from `unihub run`: one's own lines, and what it says."""

from __future__ import annotations

import subprocess
import sys
import traceback

import pytest
from conftest import MODELS, ROOT

import unihub
from unihub.errors import UnihubError, shown

HUB = str(MODELS / "tf1_hub_image")
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


@pytest.mark.skipif(unihub.environment().runtime is not unihub.Runtime.TF2, reason="traces eagerly")
def test_what_tensorflow_makes_of_a_traced_function_is_nobodys_own():
    import tensorflow as tf

    @tf.function
    def traced(x):
        return unihub.load("nowhere/at/all")(x)

    text = "".join(shown.lines(error_of(lambda: traced(1.0))))
    assert "autograph" not in text
    assert "traced(1.0)" in text


FIVE = {
    "a folder that is not there": lambda: unihub.load("nowhere/at/all"),
    "an operation that there is not": lambda: unihub.load(HUB, op="training"),
    # In graph mode a Module says so when it is called.
    "a signature that is not there": lambda: unihub.load(HUB, signature="other")([1.0]),
    "a handle that is misspelt": lambda: unihub.resolve("htps://example.org/m.tar.gz"),
    "a model that is damaged": lambda: unihub.inspect(str(ROOT / "tests")),
}


@pytest.mark.parametrize("name", FIVE)
def test_of_five_errors_none_is_longer_than_what_one_did_and_what_it_says(name):
    error = error_of(FIVE[name])
    whole = traceback.format_exception(type(error), error, error.__traceback__)
    own = "".join(shown.lines(error))
    frames = [line for line in own.splitlines() if line.startswith('  File "')]
    assert [frame.split('"')[1] for frame in frames] == [__file__] * len(frames)
    assert 1 <= len(frames) <= 2
    said = str(error).splitlines()
    assert own.splitlines()[-len(said) + 1 :] == said[1:]
    assert len(own.splitlines()) <= 1 + 3 * len(frames) + len(said)
    assert len(own.splitlines()) < len("".join(whole).splitlines())


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
