"""What is known of a model before it is downloaded, from real servers on loopback."""

from __future__ import annotations

import html.parser
import json
import shutil
import tarfile

import pytest
from conftest import MODELS
from handles.places import cache, tar_gz
from handles.server import Reply, Server

import unihub
from unihub.errors import UnihubError
from unihub.inspection.model_info import ModelInfo, RemoteInfo
from unihub.inspection.remote import known

pytestmark = pytest.mark.usefixtures("cache")
__all__ = ["cache"]
BODY = tar_gz()


@pytest.fixture
def server():
    with Server() as server:
        server["/m.tar.gz"] = Reply(BODY)
        yield server


def asked(server):
    return [(request.method, request.headers.get("range")) for request in server.requests]


def test_an_archive(server):
    info = unihub.inspect(server.url("/m.tar.gz"), download=False)
    assert info == RemoteInfo(
        handle=server.url("/m.tar.gz"),
        kind="an archive by HTTP",
        parts=(("host", f"127.0.0.1:{server.port}"), ("path", "/m.tar.gz")),
        asked=True,
        status=200,
        url=server.url("/m.tar.gz"),
        archive="m.tar.gz",
        bytes=len(BODY),
    )
    assert asked(server) == [("HEAD", None)]


def test_where_head_is_not_served(server):
    first = Reply(BODY[:1], 206, {"Content-Range": f"bytes 0-0/{len(BODY)}"}, ranges=False)
    server["/m.tar.gz"] = lambda request: Reply(status=405) if request.method == "HEAD" else first
    info = known(server.url("/m.tar.gz"))
    assert (info.status, info.bytes, info.problem) == (206, len(BODY), "")
    assert asked(server) == [("HEAD", None), ("GET", "bytes=0-0")]


def test_secrets_are_not_shown(server):
    server["/old.tar.gz"] = Reply(status=302, location=server.url("/m.tar.gz?sig=secret"))
    info = known(server.url("/old.tar.gz?key=secret", userinfo="me:secret"))
    assert info.url == server.url("/m.tar.gz?…")
    assert info.archive == "m.tar.gz"
    for text in (str(info), json.dumps(info.as_json()), info.as_html(), info._repr_html_()):
        assert "secret" not in text


def test_the_name_that_the_server_gives(server):
    named = {"Content-Disposition": 'attachment; filename="../model.tar.gz"'}
    server["/m.tar.gz"] = Reply(BODY, headers=named)
    assert known(server.url("/m.tar.gz")).archive == "model.tar.gz"


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (401, "it asks for credentials"),
        (404, "there is nothing by this name"),
        (418, "it cannot be downloaded now"),
        (503, "it cannot be downloaded now"),
    ],
)
def test_refusals(server, status, problem):
    server["/m.tar.gz"] = Reply(status=status)
    info = known(server.url("/m.tar.gz"))
    assert (info.asked, info.status, info.problem, info.bytes) == (True, status, problem, None)


def test_no_answer():
    with Server() as server:
        url = server.url("/m.tar.gz")
    info = known(url)
    assert (info.asked, info.status) == (True, None)
    assert "Connection refused" in info.problem


def test_hosting_protocol(server):
    server["/google/text/2"] = Reply(status=302, location=server.url("/m.tar.gz?x=1"))
    info = known(server.url("/google/text/2"))
    assert (info.kind, info.version) == ("a model by TF Hub's hosting protocol", "2")
    assert (info.archive, info.bytes) == ("m.tar.gz", len(BODY))
    assert server.requests[0].target == "/google/text/2?tf-hub-format=compressed"


def test_a_web_page(server):
    server["/page/1"] = Reply(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"})
    info = known(server.url("/page/1"))
    assert (info.problem, info.bytes) == ("that is a web page and no archive", None)


@pytest.fixture
def kaggle(server, monkeypatch):
    """What Kaggle answers of a model with two versions."""
    monkeypatch.setenv("KAGGLE_API_ENDPOINT", server.origin)
    newest = {"versionNumber": 2, "totalUncompressedBytes": 99}
    server["/api/v1/models/google/half/tensorFlow2/two/get"] = Reply(json.dumps(newest).encode())
    return server


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("", ("2", 99, "")),
        ("/2", ("2", 99, "")),
        ("/1", ("1", None, "version 2 is newer")),
        ("/7", ("7", None, "the newest version is 2")),
    ],
)
def test_versions_of_kaggle(kaggle, version, expected):
    info = known(f"kaggle://google/half/tensorFlow2/two{version}")
    assert (info.version, info.bytes, info.problem) == expected
    assert dict(info.parts)["variation"] == "two"
    assert asked(kaggle) == [("GET", None)]


def test_no_such_model_of_kaggle(kaggle):
    assert known("google/half/tensorFlow2/three").problem == "there is nothing by this name"


def listing(*items, **more):
    found = [{"name": name, "size": str(size)} for name, size in items]
    return Reply(json.dumps({"items": found, **more}).encode())


BUCKET = "/storage/v1/b/bucket/o"


@pytest.mark.parametrize(
    ("handle", "reply", "files", "size", "problem"),
    [
        ("gs://bucket/m", listing(("m/a", 3), ("m/b", 4), ("m/c/", 0)), 2, 7, ""),
        ("gs://bucket/m", listing(), 0, 0, "there is nothing by this name"),
        ("gs://bucket/m.tar.gz", listing(("m.tar.gz", 9), ("m.tar.gz.old", 8)), None, 9, ""),
        ("gs://bucket/m.tar.gz", listing(), None, None, "there is nothing by this name"),
        ("gs://bucket/m", Reply(b"[]"), 0, 0, "there is nothing by this name"),
        ("gs://bucket/m", Reply(status=403), None, None, "it asks for credentials, or for a "),
        ("gs://bucket/m", listing(("m/a", 3), nextPageToken="x"), 1, 3, "there is more, for "),
    ],
)
def test_buckets(server, monkeypatch, handle, reply, files, size, problem):
    monkeypatch.setenv("UNIHUB_GCS_ENDPOINT", server.origin)
    server[BUCKET] = reply
    info = known(handle)
    assert (info.files, info.bytes) == (files, size)
    assert info.problem.startswith(problem)
    assert bool(info.problem) == bool(problem)


def test_offline_nobody_is_asked(server, monkeypatch):
    monkeypatch.setenv("UNIHUB_OFFLINE", "1")
    info = unihub.inspect(server.url("/m.tar.gz"), download=False)
    assert (info.asked, info.problem) == (False, "unihub is offline, so that nobody was asked")
    assert server.requests == []


def test_other_file_systems_are_not_asked():
    assert "tf.io.gfile" in known("s3://bucket/model").problem


def test_a_path_of_this_machine_is_not_remote():
    with pytest.raises(ValueError, match=r"unihub\.inspect reads it"):
        known(str(MODELS))


def test_handles_that_are_none():
    with pytest.raises(UnihubError):
        unihub.inspect("ftp://example.org/m", download=False)


def archive_of(folder):
    import io

    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(str(folder), arcname=".")
    return content.getvalue()


def test_what_is_cached_is_read(server):
    server["/m.tar.gz"] = Reply(archive_of(MODELS / "tf2_dict"))
    url = server.url("/m.tar.gz?key=secret")
    downloaded = unihub.inspect(url)
    assert isinstance(downloaded, ModelInfo)
    count = len(server.requests)
    assert unihub.inspect(url, download=False) == downloaded
    assert len(server.requests) == count
    assert "secret" not in str(downloaded)
    # Of a damaged copy, the server is asked again.
    shutil.rmtree(downloaded.path)
    assert isinstance(unihub.inspect(url, download=False), RemoteInfo)


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.names = set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)


def test_what_a_server_says_is_text(server):
    named = {"Content-Disposition": 'attachment; filename="<script>\x07<b>.tar.gz"'}
    server["/m.tar.gz"] = Reply(BODY, headers=named)
    info = known(server.url("/m.tar.gz"))
    for text in (info.as_html(), info._repr_html_()):
        parser = Tags()
        parser.feed(text)
        assert parser.names.isdisjoint({"script", "b"})
    assert "\x07" not in str(info)
