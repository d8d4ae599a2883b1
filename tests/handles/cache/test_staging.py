from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from handles.stores import (
    FILES,
    HANDLE,
    build,
    content,
    left_behind,
    publish,
    publisher,
    wait_until,
)

from unihub.handles.cache import staging
from unihub.handles.cache.cache import key_of

KEY = key_of(HANDLE)


def finished(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    seconds, damage, path = out.split()
    return float(seconds), int(damage), path


def start(out, *processes):
    ready = len(processes)
    wait_until(lambda: len(list(out.glob("ready-*"))) == ready, *processes)
    (out / "go").touch()


def building(root, process):
    """Waits until a process has written a file of the model."""
    wait_until(lambda: list(root.glob("incoming/*/entry/model/saved_model.pb")), process)


@pytest.mark.parametrize("locks", ["with", "without"])
def test_eight_processes(cache, root, tmp_path, locks):
    out = tmp_path / "out"
    processes = [publisher(root, out, 0.2, locks) for _ in range(8)]
    start(out, *processes)
    results = [finished(process) for process in processes]
    builds = [name for name in os.listdir(str(out)) if name.startswith("build")]
    slowest = max(seconds for seconds, _, _ in results)
    print(f"eight processes {locks} locks: {len(builds)} builds, the slowest took {slowest} s")
    if locks == "with":
        assert len(builds) == 1
    assert {(damage, path) for _, damage, path in results} == {(0, cache.find(HANDLE).path)}
    assert content(cache.find(HANDLE).path) == FILES
    assert left_behind(root) == []


def test_eight_processes_heal_a_damaged_entry_once(cache, root, tmp_path):
    Path(publish(root).path, "saved_model.pb").unlink()
    out = tmp_path / "out"
    processes = [publisher(root, out, 0.2) for _ in range(8)]
    start(out, *processes)
    assert {finished(process)[1] for process in processes} == {0}
    assert len([name for name in os.listdir(str(out)) if name.startswith("build")]) == 1


def test_a_killed_process_blocks_nobody(cache, root, tmp_path):
    out = tmp_path / "out"
    killed = publisher(root, out, 600)
    start(out, killed)
    building(root, killed)
    (next(root.glob("incoming/*/part")) / "archive").write_bytes(b"half")
    waits = []

    def successor():
        cache.publish(HANDLE, going_on, lock_timeout=60, announce=waits.append)
        waits.append(time.monotonic())

    def going_on(work):
        assert Path(work.partial).read_bytes() == b"half"
        return build(work)

    thread = threading.Thread(target=successor)
    thread.start()
    wait_until(lambda: waits, killed)
    begin = time.monotonic()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    thread.join()
    print(f"the next process waited {waits[1] - begin:.3f} s after the kill, with its own build")
    assert waits[0].holder.pid == killed.pid
    assert content(cache.find(HANDLE).path) == FILES
    assert left_behind(root) == []


def test_a_live_process_keeps_its_folder(cache, root, tmp_path):
    out = tmp_path / "out"
    slow = publisher(root, out, 2)
    start(out, slow)
    building(root, slow)
    (folder,) = root.glob("incoming/*")
    os.utime(str(folder), (0, 0))
    publish(root, handle="https://example.com/other")
    assert folder.exists()
    assert finished(slow)[1] == 0


def test_the_age_of_folders_of_other_machines_decides(cache, root):
    publish(root)
    foreign = root / "incoming" / f"{KEY}~1-1-otherhost-0"
    for age, expected in ((0.5, True), (1.5, False)):
        foreign.mkdir(exist_ok=True)
        when = time.time() - age * staging.ABANDONED_AFTER
        os.utime(str(foreign), (when, when))
        publish(root, handle=f"https://example.com/{age}")
        assert foreign.exists() is expected
