from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import tarfile
import threading
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS

import unihub
from unihub.handles.resolving import HandleNotSupported, locate, resolve


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
