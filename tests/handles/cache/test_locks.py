from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import socket
import subprocess
import sys
import threading

import filelock
import pytest
from golden import check_golden

from unihub.handles.cache import locks
from unihub.handles.cache.cache_errors import LockTimeout
from unihub.handles.cache.locks import (
    Holder,
    Process,
    held,
    holder_of,
    is_running,
    parsed,
    runs,
    this_process,
)

HANDLE = "https://example.com/model/1"


@pytest.fixture
def lock(tmp_path):
    return str(tmp_path / "key.lock")


@contextlib.contextmanager
def held_elsewhere(lock):
    """As by another process: flock is between open files, not between processes."""
    ready, over = threading.Event(), threading.Event()

    def hold():
        with held(lock, 60, HANDLE):
            ready.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait()
    try:
        yield over
    finally:
        over.set()
        thread.join()


def test_a_lock_that_is_free_is_not_announced(lock):
    waits = []
    with held(lock, 60, HANDLE, waits.append):
        assert holder_of(lock).pid == os.getpid()
    assert (waits, holder_of(lock)) == ([], None)


def test_a_wait_is_announced_once_with_its_holder(lock):
    waits = []
    with held_elsewhere(lock) as over:

        def announce(wait):
            waits.append(wait)
            over.set()

        with held(lock, 60, HANDLE, announce):
            pass
    (wait,) = waits
    here = socket.gethostname()
    assert (wait.handle, wait.lock, wait.timeout) == (HANDLE, lock, 60)
    assert (wait.holder.pid, wait.holder.host) == (os.getpid(), here)
    assert str(wait) == f"waiting for process {os.getpid()} on {here}, which is fetching {HANDLE}"


def test_the_lock_is_free_after_an_error(lock):
    with pytest.raises(KeyError), held(lock, 60, HANDLE):
        raise KeyError
    with held(lock, 0, HANDLE):
        pass


def timed_out(lock):
    with pytest.raises(LockTimeout) as caught, held(lock, 0.01, HANDLE):
        pass
    assert isinstance(caught.value, TimeoutError)
    return str(caught.value)


def test_the_end_of_a_wait(lock):
    with held_elsewhere(lock):
        text = timed_out(lock)
    check_golden("lock-timeout", text, lock=lock, pid=os.getpid(), host=socket.gethostname())


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ('{"pid": 7, "host": "elsewhere", "since": 0}', "see what it does: ssh elsewhere ps -fp 7"),
        ("", "see which process it is: fuser -v {lock}; if there is none: rm {lock}"),
        ("[]", "see which process it is: fuser -v {lock}; if there is none: rm {lock}"),
        ("{}", "see which process it is: fuser -v {lock}; if there is none: rm {lock}"),
    ],
)
def test_what_to_do_depends_on_the_holder(lock, note, expected):
    with held_elsewhere(lock):
        with open(lock + ".holder", "w", encoding="utf-8") as file:
            file.write(note)
        assert f"  do:  {expected.format(lock=lock)}\n" in timed_out(lock)


def test_a_killed_holder_frees_the_lock(lock):
    script = "import os, sys; from unihub.handles.cache.locks import held\n"
    script += "with held(sys.argv[1], 60, ''): os.kill(os.getpid(), 9)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.call([sys.executable, "-c", script, lock], env=environment) == -9
    left = holder_of(lock)
    waits = []
    with held(lock, 60, HANDLE, waits.append):
        assert holder_of(lock).pid == os.getpid()
    assert left.pid != os.getpid() and waits == []


@pytest.mark.parametrize(
    "refusal", [NotImplementedError(), OSError(errno.ENOLCK, "No locks available")]
)
def test_work_goes_on_where_files_cannot_be_locked(lock, monkeypatch, refusal):
    def refuse(*_, **__):
        raise refusal

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with held(lock, 0, HANDLE), held(lock, 0, HANDLE):
        pass


def test_other_refusals_are_errors(tmp_path):
    with pytest.raises(OSError), held(str(tmp_path), 0, HANDLE):
        pass


def test_a_holder_in_words():
    assert str(Holder(7, "box", 0.0)) == "process 7 on box"
    assert str(locks.Wait(HANDLE, "l", None, 1)) == (
        f"waiting for another process, which is fetching {HANDLE}"
    )


# --- processes


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
