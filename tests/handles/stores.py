"""Models to store, processes that store them, and file systems that refuse."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unihub.handles.cache.cache import Cache
from unihub.handles.cache.manifest import Facts

HANDLE = "https://example.com/model/1"
FILES = {
    "saved_model.pb": b"graph" * 100,
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": b"\0" * 1000,
    "assets/vocabulary.txt": b"a\nb\n",
    "assets/empty.txt": b"",
}

PUBLISH = """
import os, sys, time
from pathlib import Path
from unihub.handles.cache.cache import Cache
from unihub.handles.cache.manifest import Facts

root, out, seconds, locks = sys.argv[1:]
if locks == "without":
    import contextlib
    import unihub.handles.cache.cache as module
    module.held = lambda *args: contextlib.nullcontext()

def build(work):
    Path(out, "build-%d" % os.getpid()).touch()
    for name, content in {files!r}.items():
        file = Path(work.model, name)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        time.sleep(float(seconds) / 5)
    return Facts()

Path(out, "ready-%d" % os.getpid()).touch()
while not os.path.exists(os.path.join(out, "go")):
    time.sleep(0.001)
begin = time.monotonic()
entry = Cache(root).publish({handle!r}, build, lock_timeout=60)
print(round(time.monotonic() - begin, 3), len(Cache(root).verify(entry)), entry.path)
""".replace("{files!r}", repr(FILES)).replace("{handle!r}", repr(HANDLE))


def build(work, files=FILES):
    """Writes a model, as `Cache.publish` has it done."""
    for name, content in files.items():
        file = Path(work.model, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return Facts(url=HANDLE)


def never(work):
    """A build for models that are there already."""
    raise AssertionError("built again")


def publish(root, files=FILES, handle=HANDLE):
    return Cache(str(root)).publish(handle, lambda work: build(work, files), lock_timeout=60)


def publisher(root, out, seconds=0.0, locks="with"):
    """A process that stores the model when ``out``/go appears, over so many seconds."""
    Path(out).mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(root), str(out), str(seconds), locks],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )


def wait_until(condition, *processes):
    """Waits for what processes do; one that fails instead fails the test."""
    while not condition():
        for process in processes:
            if process.poll():
                raise AssertionError(process.communicate()[1])
        time.sleep(0.01)


def tree(folder):
    """Every file and folder below ``folder``, but for what stays empty on purpose."""
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


def content(folder):
    return {
        str(path.relative_to(folder)).replace(os.sep, "/"): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def left_behind(root):
    """What is in the cache beside its models, its locks, and its empty folders."""
    return [
        path
        for path in tree(root)
        if os.sep in path and path.split(os.sep)[0] not in ("models", "locks")
    ]


@contextlib.contextmanager
def mounted(folder, options):
    """A tmpfs of its own at ``folder``."""
    Path(folder).mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this user may not mount a tmpfs here: {error}")
    try:
        yield Path(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def require_root():
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
