from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from unihub.handles.cache.processes import Process, is_running, parsed, runs, this_process


@pytest.fixture
def ended():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_this_process_runs():
    assert runs(this_process()) is True


def test_an_ended_process_does_not(ended):
    assert is_running(ended) is False
    assert runs(dataclasses.replace(this_process(), pid=ended)) is False


def test_an_ended_process_that_nobody_asked_after_does_not_run():
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    process.stdout.read()
    while is_running(process.pid):
        pass
    assert process.poll() == 0


def test_a_pid_that_was_given_again_is_another_process():
    here = this_process()
    if here.started == "0":
        pytest.skip("this system does not say when a process started")
    assert runs(dataclasses.replace(here, started="1")) is False


@pytest.mark.parametrize("change", [{"machine": "other"}, {"started": "0"}])
def test_what_cannot_be_known_is_not_guessed(change):
    assert runs(dataclasses.replace(this_process(), **change)) is None


def test_a_process_is_read_back():
    assert parsed(str(this_process())) == this_process()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-2-m", Process(1, "2", "m")),
        ("", None),
        ("x-2-m", None),
        ("1-2", None),
        ("-1-2-m", None),
    ],
)
def test_parsed(text, expected):
    assert parsed(text) == expected
