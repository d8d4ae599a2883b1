"""Broken transfers go on, by the same process or a later one, and never mix two versions."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from email.utils import formatdate
from time import time

import pytest
from handles.server import Reply, Server

from unihub.handles.download.part import Part
from unihub.handles.download.transfer import Limits, download, remove_part
from unihub.handles.download.transfer_errors import HashMismatch, TransferFailed
from unihub.handles.download.watching import Watcher

OLD = b"abcdefghij" * 20_000
NEW = b"ABCDEFGHIJ" * 20_000
AT = 70_000
ONCE = Limits(read_timeout=20, retries=0, backoff=0.001)
LIMITS = Limits(read_timeout=20, retries=2, backoff=0.001)
LONG_AGO = formatdate(0, usegmt=True)


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture
def part(tmp_path):
    return str(tmp_path / "part")


def content(path):
    with open(path, "rb") as file:
        return file.read()


def note(part):
    with open(part + ".json", encoding="utf-8") as file:
        return json.load(file)


def break_off(server, part, **reply):
    """A download of OLD that ends after AT bytes, as an earlier process's would."""
    server["/m"] = Reply(OLD, cut_at=AT, **reply)
    with pytest.raises(TransferFailed):
        download(server.url("/m?sig=secret"), part, ONCE)
    server.requests.clear()


def go_on(server, part, limits=LIMITS, **kwargs):
    download(server.url("/m?sig=secret"), part, limits, **kwargs)
    return content(part), [request.headers.get("range") for request in server.requests]


@pytest.mark.parametrize(
    ("validator", "if_range"),
    [
        ({"etag": '"1"'}, '"1"'),
        ({"last_modified": LONG_AGO}, LONG_AGO),
        ({"etag": 'W/"1"', "last_modified": LONG_AGO}, LONG_AGO),
    ],
)
def test_a_later_process_goes_on(server, part, validator, if_range):
    break_off(server, part, **validator)
    assert os.path.getsize(part) == AT
    server["/m"] = Reply(OLD, **validator)
    assert go_on(server, part) == (OLD, [f"bytes={AT}-"])
    assert server.requests[0].headers["if-range"] == if_range


# So fresh that the file may have changed within its second, whenever the test is run.
JUST_NOW = formatdate(time() + 3600, usegmt=True)


@pytest.mark.parametrize(
    "validator", [{}, {"etag": 'W/"1"'}, {"etag": "1"}, {"last_modified": JUST_NOW}]
)
def test_without_a_strong_validator_nothing_is_kept(server, part, validator):
    break_off(server, part, **validator)
    assert not os.path.exists(part)
    server["/m"] = Reply(NEW, **validator)
    assert go_on(server, part) == (NEW, [None])


def test_a_chunked_body_goes_on(server, part):
    break_off(server, part, etag='"1"', chunked=True, piece=1000)
    assert note(part)["total"] is None
    server["/m"] = Reply(OLD, etag='"1"')
    kept = os.path.getsize(part)
    assert go_on(server, part) == (OLD, [f"bytes={kept}-"])


CHANGED = [
    pytest.param(Reply(NEW, etag='"2"'), 1, id="200, as it should be"),
    pytest.param(Reply(NEW, etag='"1"', ranges=False), 1, id="no ranges, same ETag"),
    pytest.param(Reply(NEW), 1, id="no ETag any more"),
    pytest.param(Reply(NEW, etag='"1"', content_range="bytes 0-9/10"), 2, id="wrong range"),
    pytest.param(Reply(NEW, etag='"1"', content_range="nonsense"), 2, id="no range"),
    pytest.param(Reply(NEW + b"!", etag='"1"'), 2, id="another total"),
    pytest.param(Reply(NEW[:AT], etag='"1"'), 2, id="416"),
    pytest.param(Reply(NEW[: AT - 5], etag='"1"'), 2, id="416 and shorter"),
]


@pytest.mark.parametrize(("reply", "requests"), CHANGED)
def test_bytes_of_two_versions_are_never_glued(server, part, reply, requests):
    break_off(server, part, etag='"1"')
    server["/m"] = reply
    found, asked = go_on(server, part, limits=ONCE)
    assert found == reply.body
    assert asked == [f"bytes={AT}-", None][:requests]
    remove_part(part)


@pytest.mark.parametrize(("reply", "requests"), CHANGED)
def test_neither_in_the_same_call(server, part, reply, requests):
    server["/m"] = [Reply(OLD, etag='"1"', cut_at=AT), reply]
    found, asked = go_on(server, part)
    assert found == reply.body
    assert len(asked) == 1 + requests


def test_a_206_that_bears_another_etag_is_not_believed(server, part):
    """A server that ignores If-Range."""
    break_off(server, part, etag='"1"')
    rest = {"Content-Range": f"bytes {AT}-{len(NEW) - 1}/{len(NEW)}"}

    def careless(request):
        if "range" in request.headers:
            return Reply(NEW[AT:], status=206, etag='"2"', headers=rest)
        return Reply(NEW, etag='"2"')

    server["/m"] = careless
    assert go_on(server, part) == (NEW, [f"bytes={AT}-", None])


def test_a_206_that_nobody_asked_for(server, part):
    server["/m"] = Reply(NEW, status=206, headers={"Content-Range": "bytes 0-9/10"})
    with pytest.raises(OSError, match="206"):
        go_on(server, part)


def test_another_server_with_the_same_etag(server, part):
    with Server() as other:
        server["/old"] = Reply(OLD, etag='"1"', cut_at=AT)
        other["/new"] = Reply(NEW, etag='"1"')
        server["/m"] = [
            Reply(status=302, location="/old"),
            Reply(status=302, location=other.url("/new")),
        ]
        assert go_on(server, part)[0] == NEW


def test_a_signed_redirect_may_be_signed_anew(server, part):
    server["/m"] = [
        Reply(status=302, location="/signed?sig=1"),
        Reply(status=302, location="/signed?sig=2"),
    ]
    server["/signed"] = [Reply(OLD, etag='"1"', cut_at=AT), Reply(OLD, etag='"1"')]
    download(server.url("/m"), part, LIMITS)
    assert content(part) == OLD
    assert server.requests[-1].headers["range"] == f"bytes={AT}-"


def test_all_bytes_there_already(server, part):
    """An earlier process ended between the last byte and its use."""
    server["/m"] = Reply(OLD, etag='"1"')
    url = server.url("/m?sig=secret")
    first = download(url, part, LIMITS)
    server.requests.clear()
    assert go_on(server, part) == (OLD, [f"bytes={len(OLD) - 1}-"])
    assert download(url, part, LIMITS).sha256 == first.sha256
    server["/m"] = Reply(NEW, etag='"2"')
    assert go_on(server, part)[0] == NEW


def test_a_part_that_was_damaged_since_is_begun_anew(server, part):
    break_off(server, part, etag='"1"')
    with open(part, "r+b") as file:
        file.seek(AT - 100)
        file.write(bytes(100))
    server["/m"] = Reply(OLD, etag='"1"')
    pinned = hashlib.sha256(OLD).hexdigest()
    assert go_on(server, part, sha256=pinned) == (OLD, [f"bytes={AT}-", None])


def test_a_wrong_pin_is_not_asked_for_for_ever(server, part):
    break_off(server, part, etag='"1"')
    server["/m"] = Reply(OLD, etag='"1"')
    with pytest.raises(HashMismatch):
        go_on(server, part, sha256="00" * 32)
    assert len(server.requests) == 2
    assert not os.path.exists(part)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"writer": "x"}',
        b'{"writer": "x", "url": 1, "final": 2, "validator": 3, "total": 4}',
        b'{"writer": "x", "url": "u", "final": "f", "validator": "v", "total": null}',
    ],
)
def test_a_note_that_is_not_ours_is_dropped(server, part, text):
    with open(part, "wb") as file:
        file.write(b"foreign" * 100)
    with open(part + ".json", "wb") as file:
        file.write(text)
    server["/m"] = Reply(NEW, etag='"1"')
    assert go_on(server, part) == (NEW, [None])


@pytest.mark.parametrize(
    "change",
    [
        {"url": "0" * 64},
        {"total": "200000"},
        {"total": True},
        {"total": AT - 1},
        {"validator": None},
        {"validator": '"1"\r\nX-Evil: 1'},
        {"more": 1},
    ],
)
def test_a_note_that_does_not_fit_is_dropped(server, part, change):
    break_off(server, part, etag='"1"')
    changed = {**note(part), **change}
    with open(part + ".json", "w", encoding="utf-8") as file:
        json.dump(changed, file)
    server["/m"] = Reply(NEW, etag='"1"')
    assert go_on(server, part) == (NEW, [None])


def test_another_url_begins_anew(server, part):
    break_off(server, part, etag='"1"')
    server["/other"] = Reply(NEW, etag='"1"')
    download(server.url("/other"), part, LIMITS)
    assert content(part) == NEW


def test_the_note_holds_no_url(server, part):
    break_off(server, part, etag='"1"')
    with open(part + ".json", encoding="utf-8") as file:
        text = file.read()
    assert "secret" not in text
    assert "127.0.0.1" not in text
    assert sorted(json.loads(text)) == ["final", "total", "url", "validator", "writer"]


KILLED = """
import sys
from unihub.handles.download.transfer import Limits, download
download(sys.argv[1], sys.argv[2], Limits())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_leaves_what_the_next_goes_on_with(server, part):
    server["/m"] = [Reply(OLD, etag='"1"', stall_at=150_000), Reply(OLD, etag='"1"')]
    process = subprocess.Popen([sys.executable, "-c", KILLED, server.url("/m?sig=secret"), part])
    server.wait_for_stall()
    while not os.path.exists(part) or os.path.getsize(part) < 65_536:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = os.path.getsize(part)
    found, asked = go_on(server, part)
    assert (found, asked) == (OLD, [None, f"bytes={kept}-"])


class Meddler(Watcher):
    """Another process that begins the same part, where locks do nothing."""

    def __init__(self, part, url):
        super().__init__()
        self.part, self.url = part, url
        self.other = None

    def grew(self, path, size):
        if self.other is None and size >= AT:
            self.other = Part(self.part, self.url)
            self.other.discard()


def test_two_processes_that_write_the_same_part(server, part, tmp_path):
    server["/m"] = Reply(OLD)
    meddler = Meddler(part, server.url("/m"))
    done = download(server.url("/m"), part, LIMITS, watcher=meddler)
    assert done.path != part
    assert content(done.path) == OLD
    assert os.path.exists(part)
    remove_part(done.path)
    meddler.other.close()
    assert os.listdir(str(tmp_path)) == []
