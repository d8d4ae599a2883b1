"""Buckets, against a real server that speaks the JSON API of Google Cloud Storage."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from golden import check_golden
from handles.places import FILES, refused, tar_gz, tree
from handles.server import Reply

import unihub

pytestmark = pytest.mark.usefixtures("cache")

LIST = "/storage/v1/b/bucket/o"


class Bucket:
    """What a server's bucket holds, and how it answers."""

    def __init__(self, server, objects, page_size=1000):
        self.objects = dict(objects)
        self.page_size = page_size
        self.md5 = {name: hashlib.md5(data).digest() for name, data in objects.items()}
        server[LIST] = self.list
        for name in objects:
            server[f"{LIST}/{quote(name, safe='')}"] = self.media

    def list(self, request):
        query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        names = [name for name in sorted(self.objects) if name.startswith(query["prefix"][0])]
        start = int(query.get("pageToken", ["0"])[0])
        shown = names[start : start + self.page_size]
        answer = {"items": [self.described(name) for name in shown]} if shown else {}
        if start + self.page_size < len(names):
            answer["nextPageToken"] = str(start + self.page_size)
        return Reply(json.dumps(answer).encode())

    def described(self, name):
        described = {"name": name, "size": str(len(self.objects[name]))}
        if self.md5[name]:
            described["md5Hash"] = base64.b64encode(self.md5[name]).decode()
        return described

    def media(self, request):
        assert urlsplit(request.target).query == "alt=media"
        return Reply(self.objects[unquote(request.path[len(LIST) + 1 :])])


@pytest.fixture
def server(server, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    return server


def objects(prefix):
    return {prefix + name: data for name, data in FILES.items()}


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_a_public_folder(server, page_size):
    other = {"a/model.txt": b"x", "a/modelling/saved_model.pb": b"y", "a/model/": b""}
    bucket = Bucket(server, {**objects("a/model/"), **other}, page_size)
    bucket.md5["a/model/saved_model.pb"] = None
    folder = unihub.resolve("gs://bucket/a/model")
    assert tree(folder) == FILES
    count = len(server.requests)
    assert unihub.resolve("gs://bucket/a/model/") == folder
    assert len(server.requests) == count


def test_a_whole_bucket(server):
    Bucket(server, objects(""))
    assert tree(unihub.resolve("gs://bucket")) == FILES


def test_odd_names(server):
    files = {"saved_model.pb": b"m", "assets/a b?c#d&e%2F+.txt": b"1", "assets/é": b"2"}
    Bucket(server, {"m/" + name: data for name, data in files.items()})
    assert tree(unihub.resolve("gs://bucket/m")) == files


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a\\b", "SAVED_MODEL.PB"])
def test_unsafe_names_are_refused(server, name):
    Bucket(server, {**objects("m/"), "m/" + name: b"x"})
    with pytest.raises(ValueError, match="unsafe-archive"):
        unihub.resolve("gs://bucket/m")


def test_a_public_archive(server):
    Bucket(server, {"a/m.tar.gz": tar_gz(folder="m/")})
    assert tree(unihub.resolve("gs://bucket/a/m.tar.gz")) == FILES


def test_nothing_there(server):
    Bucket(server, objects("a/"))
    error = refused("nothing-in-bucket", "gs://bucket/b")
    assert isinstance(error, FileNotFoundError)
    check_golden(error.code, str(error), port=server.port)
    assert "404" in refused("nothing-in-bucket", "gs://bucket/b.zip").why
    assert "404" in refused("nothing-in-bucket", "gs://no-such-bucket/b").why


def test_an_object_that_is_not_what_the_list_says(server, cache):
    bucket = Bucket(server, objects("m/"))
    bucket.md5["m/saved_model.pb"] = hashlib.md5(b"other").digest()
    error = refused("object-differs", "gs://bucket/m")
    check_golden(error.code, str(error))
    assert list(cache.glob("models/*")) == []


def test_an_object_that_grew_since_the_list(server, cache):
    bucket = Bucket(server, objects("m/"))
    bucket.md5["m/saved_model.pb"] = None
    server[f"{LIST}/m%2Fsaved_model.pb"] = Reply(FILES["saved_model.pb"] + b"x")
    assert "its size is 6" in refused("object-differs", "gs://bucket/m").why


@pytest.mark.parametrize("setting", ["UNIHUB_MAX_MEMBERS", "UNIHUB_MAX_EXTRACTED_BYTES"])
def test_caps(server, monkeypatch, setting):
    Bucket(server, objects("m/"))
    monkeypatch.setenv(setting, "2")
    with pytest.raises(ValueError, match=setting):
        unihub.resolve("gs://bucket/m")


def test_more_than_fits_on_the_disk_is_not_begun(server):
    bucket = Bucket(server, objects("m/"))
    described = bucket.described

    def huge(name):
        return {**described(name), "size": str(1 << 60)}

    bucket.described = huge
    refused("disk-full", "gs://bucket/m")
    assert [request.path for request in server.requests] == [LIST]


def test_another_status_is_what_it_is(server):
    server[LIST] = Reply(b"busy", status=500)
    refused("bad-status", "gs://bucket/m")
