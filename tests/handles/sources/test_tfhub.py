"""TF Hub's hosting protocol, against a real server that speaks it."""

from __future__ import annotations

import hashlib

import pytest
from golden import check_golden
from handles.places import FILES, refused, tar_gz, tree
from handles.server import Reply

import unihub
from unihub.handles.archive.extract_errors import NotAnArchive
from unihub.handles.sources.tfhub import asking_for

pytestmark = pytest.mark.usefixtures("cache")

MODEL = "/google/half_plus_two/1"
PAGE = b"<!DOCTYPE html><title>half_plus_two</title>"


@pytest.mark.parametrize("load_format", ["AUTO", "COMPRESSED"])
@pytest.mark.parametrize("path", [MODEL, "/google/half_plus_two"])
def test_the_compressed_protocol(server, monkeypatch, load_format, path):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", load_format)
    server[path] = Reply(status=302, location=server.url("/storage/1.tar.gz?signature=s"))
    content = tar_gz()
    server["/storage/1.tar.gz"] = Reply(content)
    folder = unihub.resolve(server.url(path), sha256=hashlib.sha256(content).hexdigest())
    assert tree(folder) == FILES
    assert unihub.resolve(server.url(path)) == folder
    assert [request.target for request in server.requests] == [
        f"{path}?tf-hub-format=compressed",
        "/storage/1.tar.gz?signature=s",
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/m", "https://h/m?tf-hub-format=compressed"),
        ("https://h/m?a=b+c", "https://h/m?a=b+c&tf-hub-format=compressed"),
        ("https://h/m?a=", "https://h/m?a=&tf-hub-format=compressed"),
        ("https://h/m?tf-hub-format=compressed", "https://h/m?tf-hub-format=compressed"),
    ],
)
def test_the_query_that_asks_for_an_archive(url, expected):
    assert asking_for(url, "compressed") == expected


@pytest.fixture
def uncompressed(server, monkeypatch):
    """A model whose files lie in a bucket of the same server."""
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.origin)
    items = ", ".join(
        f'{{"name": "models/1/{name}", "size": "{len(data)}"}}' for name, data in FILES.items()
    )
    server["/storage/v1/b/bucket/o"] = Reply(f'{{"items": [{items}]}}'.encode())
    for name, data in FILES.items():
        quoted = f"models/1/{name}".replace("/", "%2F")
        server[f"/storage/v1/b/bucket/o/{quoted}"] = Reply(data)
    return server


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"gs://bucket/models/1", status=303),
        Reply(b"gs://bucket/models/1/\n", status=303),
        Reply(status=303, location="gs://bucket/models/1"),
    ],
    ids=["body", "slash and newline", "location"],
)
def test_the_uncompressed_protocol(uncompressed, reply):
    uncompressed[MODEL] = reply
    folder = unihub.resolve(uncompressed.url(MODEL))
    assert tree(folder) == FILES
    assert uncompressed.requests[0].target == f"{MODEL}?tf-hub-format=uncompressed"
    count = len(uncompressed.requests)
    # Once cached, it is the same model in either format.
    with unihub.configure(load_format="COMPRESSED"):
        assert unihub.resolve(uncompressed.url(MODEL)) == folder
    assert len(uncompressed.requests) == count


def test_the_uncompressed_protocol_after_a_redirect_and_a_busy_server(uncompressed, monkeypatch):
    monkeypatch.setenv("UNIHUB_RETRIES", "1")
    uncompressed[MODEL] = Reply(status=301, location=uncompressed.url("/moved"))
    busy = Reply(status=503, headers={"Retry-After": "0"})
    uncompressed["/moved"] = [busy, Reply(b"gs://bucket/models/1", status=303)]
    assert tree(unihub.resolve(uncompressed.url(MODEL))) == FILES


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (Reply(PAGE), "status 200 of http://127.0.0.1:<port>"),
        (Reply(b"gone", status=404), "status 404 of http://127.0.0.1:<port>"),
        (Reply(b"busy", status=503), "status 503 of http://127.0.0.1:<port>"),
        (Reply(b"https://host/model", status=303), "https://host/model"),
        (Reply(b"gs://bucket/m.zip", status=303), "gs://bucket/m.zip"),
    ],
)
def test_a_server_that_does_not_serve_uncompressed(uncompressed, reply, found):
    uncompressed[MODEL] = reply
    error = refused("uncompressed-not-served", uncompressed.url(MODEL))
    assert found.replace("<port>", str(uncompressed.port)) in error.why
    # What tensorflow_hub raises.
    assert isinstance(error, ValueError)
    if reply.body == PAGE:
        check_golden(error.code, str(error), port=uncompressed.port)


def test_uncompressed_there_is_no_archive_to_hash(uncompressed):
    with pytest.raises(ValueError, match="hash-of-folder"):
        unihub.resolve(uncompressed.url(MODEL), sha256="0" * 64)
    assert uncompressed.requests == []


def test_a_page_for_people(server):
    server[MODEL] = Reply(status=301, location=server.url("/models/half"))
    server["/models/half"] = Reply(PAGE, headers={"Content-Type": "text/html; charset=utf-8"})
    error = refused("web-page-instead-of-model", server.url(MODEL))
    check_golden(error.code, str(error), port=server.port)


def test_a_page_of_kaggle_names_the_handle_there(server, monkeypatch):
    # Kaggle's host is asked through this server, as a proxy.
    kaggle = "/models/google/half/frameworks/TensorFlow2/variations/two/versions/1"
    monkeypatch.setenv("UNIHUB_PROXIES", f"http={server.origin}")
    server[MODEL] = Reply(status=301, location=f"http://www.kaggle.com{kaggle}?tfhub-redirect=true")
    server[kaggle] = Reply(PAGE, headers={"Content-Type": "text/html"})
    error = refused("web-page-instead-of-model", "http://tfhub.dev" + MODEL)
    assert error.do == (
        "it has moved to Kaggle: unihub.load('kaggle://google/half/tensorFlow2/two/1')"
    )
    check_golden("web-page-instead-of-model-of-kaggle", str(error))


def test_what_is_neither_a_page_nor_an_archive(server):
    server[MODEL] = Reply(b"half plus two")
    with pytest.raises(NotAnArchive):
        unihub.resolve(server.url(MODEL))
