"""Broken transfers go on, by the same process or a later one, and never mix two versions."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest
from handles.server import Reply, Server

from unihub.handles.download.callbacks import Callbacks
from unihub.handles.download.partial import PartialDownload
from unihub.handles.download.transfer import Limits, download, remove_partial
from unihub.handles.download.transfer_errors import HashMismatch, TransferFailed

OLD = b"abcdefghij" * 20_000
NEW = b"ABCDEFGHIJ" * 20_000
AT = 70_000
ONCE = Limits(read_timeout=20, retries=0, backoff=0.001)
LIMITS = Limits(read_timeout=20, retries=2, backoff=0.001)
LONG_AGO = formatdate(0, usegmt=True)


def note(partial):
    with open(partial + ".json", encoding="utf-8") as file:
        return json.load(file)


def break_off(server, partial, **reply):
    """A download of OLD that ends after AT bytes, as an earlier process's would."""
    server["/m"] = Reply(OLD, cut_at=AT, **reply)
    with pytest.raises(TransferFailed):
        download(server.url("/m?sig=secret"), partial, ONCE)
    server.requests.clear()


def go_on(server, partial, limits=LIMITS, **kwargs):
    download(server.url("/m?sig=secret"), partial, limits, **kwargs)
    return Path(partial).read_bytes(), [request.headers.get("range") for request in server.requests]


@pytest.mark.parametrize(
    ("validator", "if_range"),
    [
        ({"etag": '"1"'}, '"1"'),
        ({"last_modified": LONG_AGO}, LONG_AGO),
        ({"etag": 'W/"1"', "last_modified": LONG_AGO}, LONG_AGO),
    ],
)
def test_a_later_process_goes_on(server, partial, validator, if_range):
    break_off(server, partial, **validator)
    assert os.path.getsize(partial) == AT
    server["/m"] = Reply(OLD, **validator)
    assert go_on(server, partial) == (OLD, [f"bytes={AT}-"])
    assert server.requests[0].headers["if-range"] == if_range


# So fresh that the file may have changed within its second, whenever the test is run.
JUST_NOW = formatdate(time() + 3600, usegmt=True)


@pytest.mark.parametrize(
    "validator", [{}, {"etag": 'W/"1"'}, {"etag": "1"}, {"last_modified": JUST_NOW}]
)
def test_without_a_strong_validator_nothing_is_kept(server, partial, validator):
    break_off(server, partial, **validator)
    assert not os.path.exists(partial)
    server["/m"] = Reply(NEW, **validator)
    assert go_on(server, partial) == (NEW, [None])


def test_a_chunked_body_goes_on(server, partial):
    break_off(server, partial, etag='"1"', chunked=True, piece=1000)
    assert note(partial)["total"] is None
    server["/m"] = Reply(OLD, etag='"1"')
    kept = os.path.getsize(partial)
    assert go_on(server, partial) == (OLD, [f"bytes={kept}-"])


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
def test_bytes_of_two_versions_are_never_glued(server, partial, reply, requests):
    break_off(server, partial, etag='"1"')
    server["/m"] = reply
    found, asked = go_on(server, partial, limits=ONCE)
    assert found == reply.body
    assert asked == [f"bytes={AT}-", None][:requests]
    remove_partial(partial)


@pytest.mark.parametrize(("reply", "requests"), CHANGED)
def test_neither_in_the_same_call(server, partial, reply, requests):
    server["/m"] = [Reply(OLD, etag='"1"', cut_at=AT), reply]
    found, asked = go_on(server, partial)
    assert found == reply.body
    assert len(asked) == 1 + requests


STRONG, WEAK, MODIFIED = {"etag": '"1"'}, {"etag": 'W/"1"'}, {"last_modified": LONG_AGO}
LATER = {"last_modified": formatdate(86400, usegmt=True)}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(STRONG, {"etag": '"2"'}, id="another ETag"),
        pytest.param(STRONG, WEAK, id="a weak ETag"),
        pytest.param(STRONG, {}, id="no ETag"),
        pytest.param(STRONG, MODIFIED, id="another kind of validator"),
        pytest.param({**STRONG, **MODIFIED}, MODIFIED, id="the second validator only"),
        pytest.param({**STRONG, **MODIFIED}, {**STRONG, **LATER}, id="another time"),
        pytest.param(MODIFIED, LATER, id="another Last-Modified"),
        pytest.param(MODIFIED, {}, id="no Last-Modified"),
        pytest.param(MODIFIED, {**MODIFIED, **STRONG}, id="a new ETag"),
        pytest.param({**WEAK, **MODIFIED}, {"etag": 'W/"2"', **MODIFIED}, id="another weak ETag"),
    ],
)
def test_a_206_that_proves_nothing_is_not_spliced(server, partial, first, then):
    """The server ignores If-Range, and its new file is as long as the old one."""
    break_off(server, partial, **first)
    rest = {"Content-Range": f"bytes {AT}-{len(NEW) - 1}/{len(NEW)}"}

    def careless(request):
        if "range" in request.headers:
            return Reply(NEW[AT:], status=206, headers=rest, **then)
        return Reply(NEW, **then)

    server["/m"] = careless
    assert go_on(server, partial) == (NEW, [f"bytes={AT}-", None])


def test_a_206_that_nobody_asked_for(server, partial):
    server["/m"] = Reply(NEW, status=206, headers={"Content-Range": "bytes 0-9/10"})
    with pytest.raises(OSError, match="206"):
        go_on(server, partial)


def test_another_server_with_the_same_etag(server, partial):
    with Server() as other:
        server["/old"] = Reply(OLD, etag='"1"', cut_at=AT)
        other["/new"] = Reply(NEW, etag='"1"')
        server["/m"] = [
            Reply(status=302, location="/old"),
            Reply(status=302, location=other.url("/new")),
        ]
        assert go_on(server, partial)[0] == NEW


def test_a_signed_redirect_may_be_signed_anew(server, partial):
    server["/m"] = [
        Reply(status=302, location="/signed?sig=1"),
        Reply(status=302, location="/signed?sig=2"),
    ]
    server["/signed"] = [Reply(OLD, etag='"1"', cut_at=AT), Reply(OLD, etag='"1"')]
    download(server.url("/m"), partial, LIMITS)
    assert Path(partial).read_bytes() == OLD
    assert server.requests[-1].headers["range"] == f"bytes={AT}-"


def test_all_bytes_there_already(server, partial):
    """An earlier process ended between the last byte and its use."""
    server["/m"] = Reply(OLD, etag='"1"')
    url = server.url("/m?sig=secret")
    first = download(url, partial, LIMITS)
    server.requests.clear()
    assert go_on(server, partial) == (OLD, [f"bytes={len(OLD) - 1}-"])
    assert download(url, partial, LIMITS).sha256 == first.sha256
    server["/m"] = Reply(NEW, etag='"2"')
    assert go_on(server, partial)[0] == NEW


def test_a_part_that_was_damaged_since_is_begun_anew(server, partial):
    break_off(server, partial, etag='"1"')
    with open(partial, "r+b") as file:
        file.seek(AT - 100)
        file.write(bytes(100))
    server["/m"] = Reply(OLD, etag='"1"')
    pinned = hashlib.sha256(OLD).hexdigest()
    assert go_on(server, partial, sha256=pinned) == (OLD, [f"bytes={AT}-", None])


def test_a_wrong_pin_is_not_asked_for_for_ever(server, partial):
    break_off(server, partial, etag='"1"')
    server["/m"] = Reply(OLD, etag='"1"')
    with pytest.raises(HashMismatch):
        go_on(server, partial, sha256="00" * 32)
    assert len(server.requests) == 2
    assert not os.path.exists(partial)


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
        b"""{"writer": "x", "url": "u", "final": "f", "validator": "v", "total": null,
            "etag": "e", "modified": "m"}""",
    ],
)
def test_a_note_that_is_not_ours_is_dropped(server, partial, text):
    with open(partial, "wb") as file:
        file.write(b"foreign" * 100)
    with open(partial + ".json", "wb") as file:
        file.write(text)
    server["/m"] = Reply(NEW, etag='"1"')
    assert go_on(server, partial) == (NEW, [None])


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
def test_a_note_that_does_not_fit_is_dropped(server, partial, change):
    break_off(server, partial, etag='"1"')
    changed = {**note(partial), **change}
    with open(partial + ".json", "w", encoding="utf-8") as file:
        json.dump(changed, file)
    server["/m"] = Reply(NEW, etag='"1"')
    assert go_on(server, partial) == (NEW, [None])


def test_another_url_begins_anew(server, partial):
    break_off(server, partial, etag='"1"')
    server["/other"] = Reply(NEW, etag='"1"')
    download(server.url("/other"), partial, LIMITS)
    assert Path(partial).read_bytes() == NEW


def test_the_note_holds_no_url(server, partial):
    break_off(server, partial, etag='"1"')
    with open(partial + ".json", encoding="utf-8") as file:
        text = file.read()
    assert "secret" not in text
    assert "127.0.0.1" not in text
    assert sorted(json.loads(text)) == sorted(
        ["etag", "final", "modified", "total", "url", "validator", "writer"]
    )


KILLED = """
import sys
from unihub.handles.download.transfer import Limits, download
download(sys.argv[1], sys.argv[2], Limits())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_leaves_what_the_next_goes_on_with(server, partial):
    server["/m"] = [Reply(OLD, etag='"1"', stall_at=150_000), Reply(OLD, etag='"1"')]
    process = subprocess.Popen([sys.executable, "-c", KILLED, server.url("/m?sig=secret"), partial])
    server.wait_for_stall()
    while not os.path.exists(partial) or os.path.getsize(partial) < 65_536:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = os.path.getsize(partial)
    found, asked = go_on(server, partial)
    assert (found, asked) == (OLD, [None, f"bytes={kept}-"])


class Meddler(Callbacks):
    """Another process that begins the same partial, where locks do nothing."""

    def __init__(self, partial, url):
        super().__init__()
        self.partial, self.url = partial, url
        self.other = None

    def received(self, path, size):
        if self.other is None and size >= AT:
            self.other = PartialDownload(self.partial, self.url)
            self.other.discard()


def test_two_processes_that_write_the_same_part(server, partial, tmp_path):
    server["/m"] = Reply(OLD)
    meddler = Meddler(partial, server.url("/m"))
    done = download(server.url("/m"), partial, LIMITS, callbacks=meddler)
    assert done.path != partial
    assert Path(done.path).read_bytes() == OLD
    assert os.path.exists(partial)
    remove_partial(done.path)
    meddler.other.close()
    assert os.listdir(str(tmp_path)) == []
