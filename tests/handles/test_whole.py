"""The whole of `unihub.resolve` against what an attacker, or bad luck, may bring."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from handles import tars
from handles.places import FILES, tar_gz, tree, write, zipped
from handles.server import Reply

import unihub
from unihub.handles.cache.cache_errors import DamagedEntry
from unihub.handles.cache.locks import held
from unihub.handles.sources.sources import DamagedEntryReplaced, FetchedModelDiffers

pytestmark = pytest.mark.usefixtures("cache")

ARCHIVE = tar_gz()
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


@pytest.mark.parametrize("name", [".DS_Store", "assets/.DS_Store", ".nfs1"])
def test_an_archive_with_what_file_managers_leave(server, name):
    server["/m.tar.gz"] = Reply(tar_gz({**FILES, name: b"x"}))
    folder = unihub.resolve(server.url("/m.tar.gz"))
    Path(folder, ".fuse_hidden1").touch()
    assert unihub.resolve(server.url("/m.tar.gz")) == folder


def altered(server):
    """A cached model of whose files one has other content of the same size."""
    server["/m.tar.gz"] = Reply(ARCHIVE)
    folder = unihub.resolve(server.url("/m.tar.gz"), sha256=SHA256)
    Path(folder, "saved_model.pb").write_bytes(b"MODEL")
    return folder


def test_with_sha256_the_content_of_the_files_counts(server):
    folder = altered(server)
    with pytest.warns(DamagedEntryReplaced, match="saved_model.pb has the SHA-256"):
        assert unihub.resolve(server.url("/m.tar.gz"), sha256=SHA256) == folder
    assert tree(folder) == FILES


def test_with_sha256_and_offline_altered_content_is_an_error(server):
    folder = altered(server)
    with unihub.configure(offline=True), pytest.raises(DamagedEntry, match="saved_model"):
        unihub.resolve(server.url("/m.tar.gz"), sha256=SHA256)
    # Read once more, it is sound: what was found before is not remembered.
    Path(folder, "saved_model.pb").write_bytes(FILES["saved_model.pb"])
    with unihub.configure(offline=True):
        assert unihub.resolve(server.url("/m.tar.gz"), sha256=SHA256) == folder


def test_another_archive_in_place_of_a_damaged_one_is_told(server):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    folder = unihub.resolve(server.url("/m.tar.gz"))
    Path(folder, "saved_model.pb").unlink()
    server["/m.tar.gz"] = Reply(tar_gz({**FILES, "saved_model.pb": b"OTHER"}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        unihub.resolve(server.url("/m.tar.gz"))
    assert [w.category for w in caught] == [DamagedEntryReplaced, FetchedModelDiffers]
    assert SHA256 in str(caught[1].message)
    assert {w.filename for w in caught} == {__file__}


@pytest.mark.parametrize("name", ["m.tar.gz", "m.zip"])
def test_a_local_archive_that_is_pinned_leaves_no_copy(tmp_path, cache, name):
    content = ARCHIVE if name == "m.tar.gz" else zipped()
    (tmp_path / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    assert tree(unihub.resolve(tmp_path / name, sha256=digest)) == FILES
    assert [path for path in cache.rglob("*") if path.is_file() and name in path.name] == []
    assert list(cache.glob("incoming/*")) == list(cache.glob("parts/*")) == []


@pytest.mark.parametrize("umask", [0, 0o002, 0o077])
def test_any_umask(server, cache, umask):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    before = os.umask(umask)
    try:
        folder = unihub.resolve(server.url("/m.tar.gz"))
        assert unihub.resolve(server.url("/m.tar.gz")) == folder
    finally:
        os.umask(before)
    assert os.stat(str(cache)).st_mode & 0o777 == 0o700


ORPHAN = """
import os, sys, time
from unihub.handles.cache.locks import held
with held(sys.argv[1], 60, ""):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    print("forked", flush=True)
    time.sleep(60)
"""


def test_a_child_of_a_killed_process_blocks_nobody(tmp_path):
    lock = str(tmp_path / "key.lock")
    process = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, lock],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    process.stdout.readline()
    process.kill()
    process.wait()
    begin = time.monotonic()
    try:
        with held(lock, 30, "m"):
            print(f"waited {time.monotonic() - begin:.1f} s")
    finally:
        os.killpg(process.pid, signal.SIGKILL)


# The handler is set for where the tests run in the background, with SIGINT ignored.
INTERRUPTED = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import sys, unihub
try:
    unihub.resolve(sys.argv[1])
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_in_mid_download_leaves_only_what_the_next_goes_on_with(server, cache):
    whole = Reply(tar_gz({**FILES, "assets/noise": os.urandom(200_000)}), etag='"1"')
    stalled = Reply(whole.body, etag='"1"', stall_at=100_000)
    server["/m.tar.gz"] = [stalled, whole]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, server.url("/m.tar.gz")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    server.wait_for_stall()
    while not any(path.stat().st_size for path in cache.glob("incoming/*/part/archive")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.communicate()[0].split() == [b"interrupted"]
    assert list(cache.glob("incoming/*")) == list(cache.glob("models/*")) == []
    assert len(tree(unihub.resolve(server.url("/m.tar.gz")))) == len(FILES) + 1
    assert "range" in server.requests[-1].headers


def test_a_deep_folder_of_many_files(tmp_path):
    deep = "/".join(["a"] * 300)
    files = {**FILES, **{f"{deep}/{number}": b"" for number in range(300)}}
    (tmp_path / "m.zip").write_bytes(zipped(files))
    assert len(tree(unihub.resolve(tmp_path / "m.zip"))) == len(files)


def test_as_many_folders_as_files(tmp_path):
    files = {f"{number}/saved_model": b"" for number in range(2000)}
    write(tmp_path, {"m.zip": zipped({**FILES, **files})})
    assert len(tree(unihub.resolve(tmp_path / "m.zip"))) == len(FILES) + 2000


def test_two_tars_of_one_length_are_never_spliced(server, cache):
    """A plain .tar has no checksum that would tell, and this server ignores If-Range."""
    old, new = (
        tars.model_tar({"saved_model.pb": b"model", "assets/a": letter * 200_000})
        for letter in (b"a", b"b")
    )
    server["/m.tar"] = Reply(old, etag='"1"', cut_at=100_000)
    with pytest.raises(OSError, match="the body ended"):
        unihub.resolve(server.url("/m.tar"))
    assert list(cache.glob("parts/*/archive"))

    def careless(request):
        start = int(request.headers.get("range", "bytes=0-")[len("bytes=") : -1])
        rest = {"Content-Range": f"bytes {start}-{len(new) - 1}/{len(new)}"}
        return Reply(new[start:], status=206 if start else 200, headers=rest, etag='"2"')

    server["/m.tar"] = careless
    folder = unihub.resolve(server.url("/m.tar"))
    assert Path(folder, "assets", "a").read_bytes() == b"b" * 200_000
    assert [request.headers.get("range") for request in server.requests][1:] == [
        f"bytes={100_000}-",
        None,
    ]
