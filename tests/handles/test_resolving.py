from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS

import unihub
from unihub.formats.not_a_model import ModelNotFound
from unihub.handles.parsing import HandleNotSupported
from unihub.handles.resolving import locate, resolve


@contextlib.contextmanager
def served(folder):
    """The folder's files over HTTP on loopback."""
    handler = partial(_QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Says nothing: the test's own output is enough."""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("UNIHUB_CACHE", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def archive(tmp_path):
    (tmp_path / "www").mkdir()
    with tarfile.open(str(tmp_path / "www" / "model.tar.gz"), "w:gz") as tar:
        tar.add(str(MODELS / "tf2_reusable"), arcname=".")
    return tmp_path / "www"


def test_a_url_is_downloaded_once_and_loads(archive, cache):
    with served(archive) as url:
        folder = resolve(f"{url}/model.tar.gz")
        loaded = unihub.load(f"{url}/model.tar.gz")
    assert folder.startswith(str(cache))
    assert callable(loaded)
    with tf.Graph().as_default() if not tf.executing_eagerly() else contextlib.nullcontext():
        # The server is gone: the cache answers.
        assert resolve(f"{url}/model.tar.gz") == folder


def test_a_damaged_archive_is_an_error(archive, cache):
    content = (archive / "model.tar.gz").read_bytes()
    (archive / "model.tar.gz").write_bytes(content[: len(content) // 2])
    with served(archive) as url, pytest.raises(OSError, match="damaged-archive"):
        resolve(f"{url}/model.tar.gz")


def test_load_takes_no_other_bytes_than_those_of_the_hash(archive, cache):
    sha256 = hashlib.sha256((archive / "model.tar.gz").read_bytes()).hexdigest()
    with served(archive) as url:
        with pytest.raises(ValueError, match="hash-mismatch"):
            unihub.load(f"{url}/model.tar.gz", sha256="0" * 64)
        assert callable(unihub.load(f"{url}/model.tar.gz", sha256=sha256, api="load"))
        with pytest.raises(ValueError, match="cached-hash-differs"):
            unihub.load(f"{url}/model.tar.gz", sha256="0" * 64)


def test_a_local_archive_loads(archive, cache):
    assert callable(unihub.load(archive / "model.tar.gz"))


def test_a_page_that_is_not_there(archive, cache):
    with served(archive) as url, pytest.raises(OSError, match="404"):
        resolve(f"{url}/other.tar.gz")


@pytest.mark.parametrize("handle", [MODELS / "tf2_reusable", str(MODELS / "tf2_reusable")])
def test_a_local_folder_is_itself(handle):
    assert resolve(handle) == str(handle)


IMPORTED = """
import sys
from pathlib import Path
import unihub
before = set(sys.modules)
handle = {handle}
assert unihub.resolve(handle) == {folder!r}, unihub.resolve(handle)
print(*sorted(name[7:] for name in set(sys.modules) - before if name.startswith("unihub.")))
"""
FEW = [
    "errors",
    "errors.base",
    "errors.guard",
    "handles",
    "handles.registered",
    "handles.resolving",
]
# What tells the kinds of handles from one another.
KINDS = [
    "handles.hubs",
    "handles.kinds",
    "handles.located",
    "handles.parsing",
    "handles.resolvers",
    "errors.redaction",
]


@pytest.mark.parametrize(
    ("handle", "also"),
    [
        ("{folder!r}", []),
        ("Path({folder!r})", []),
        ("'~/model'", []),
        ("'file://' + {folder!r}", KINDS),
    ],
    ids=["text", "path", "home", "file"],
)
def test_a_local_folder_needs_few_modules(tmp_path, handle, also):
    folder = str(tmp_path / "model")
    shutil.copytree(str(MODELS / "tf2_reusable"), folder)
    assert imported(handle, folder) == sorted(FEW + also)


def test_only_a_lockfile_that_is_there_is_read(tmp_path):
    folder = str(tmp_path / "model")
    shutil.copytree(str(MODELS / "tf2_reusable"), folder)
    (tmp_path / "unihub.lock").write_text('{"format": 1, "models": {}}')
    assert imported("{folder!r}", folder) == sorted([*FEW, *KINDS, "handles.lockfile"])


def imported(handle, folder):
    """What of unihub a fresh process imports to resolve a folder from the folder above it."""
    code = IMPORTED.format(handle=handle.format(folder=folder), folder=folder)
    above = os.path.dirname(folder)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": above}
    run = subprocess.run([sys.executable, "-c", code], cwd=above, env=env, stdout=subprocess.PIPE)
    assert run.returncode == 0
    return run.stdout.decode().split()


def test_a_hash_of_a_local_folder_is_refused():
    with pytest.raises(ValueError, match="hash-of-folder"):
        resolve(MODELS / "tf2_reusable", sha256="0" * 64)
    with pytest.raises(ValueError, match="hash-not-understood"):
        resolve(MODELS / "tf2_reusable", sha256="0")


def test_a_resolver_goes_before_a_local_folder(tmp_path):
    take_back = unihub.register_resolver(str(MODELS), lambda handle: str(tmp_path))
    try:
        assert resolve(str(MODELS / "tf2_reusable")) == str(tmp_path)
    finally:
        take_back()


def test_locate_leaves_it_to_the_reader_whether_a_folder_is_there():
    assert locate("no/such/folder/here") == "no/such/folder/here"


def test_a_local_path_where_nothing_is():
    with pytest.raises(FileNotFoundError, match="model-not-found"):
        resolve("no/such/folder")


@pytest.mark.parametrize(
    ("handle", "found"),
    [
        (None, "a NoneType"),
        (b"path", "a bytes"),
        (np.array([1]), "a ndarray"),
        ("", "an empty string"),
        ("htps://host/model", "htps://, which is nearly https://"),
        ("ftp://host/model", "a ftp:// handle"),
    ],
)
def test_what_is_no_handle(handle, found):
    with pytest.raises(HandleNotSupported) as raised:
        resolve(handle)
    assert f"(found: {found})" in raised.value.why
    assert isinstance(raised.value, ValueError)


def test_an_archive_given_as_bytes_is_not_a_handle():
    with pytest.raises(HandleNotSupported):
        resolve(io.BytesIO(b""))


def test_a_mistake_in_a_path_is_no_handle_of_kaggle(tmp_path, monkeypatch):
    shutil.copytree(str(MODELS / "tf2_text"), str(tmp_path / "path" / "to" / "model"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFound) as raised:
        unihub.load("path/to/modle")
    assert raised.value.do == f"unihub.load({str(tmp_path / 'path' / 'to' / 'model')!r})"
    with pytest.raises(ModelNotFound) as raised:
        unihub.load("google/yamnet/classification")
    assert "Kaggle" in raised.value.why
