"""Redirects, and who is sent which secret: against real servers of several origins."""

from __future__ import annotations

import base64
import logging
import os
import traceback

import pytest
from golden import check_golden
from handles.server import Reply, Server, certificate

from unihub.handles.download.transfer import Limits, download
from unihub.handles.download.transfer_errors import TooManyRedirects, TransferError, UnsafeRedirect

BODY = b"0123456789"
LIMITS = Limits(read_timeout=20, retries=1, backoff=0.001, max_redirects=3)
SENT = {"authorization": None, "cookie": None, "x-key": None}


@pytest.fixture
def server(server):
    server["/m"] = Reply(BODY)
    return server


@pytest.fixture
def other():
    """Another origin: the same host, another port."""
    with Server() as server:
        server["/m"] = Reply(BODY)
        yield server


def to(target, status=302):
    return Reply(b"moved", status=status, location=target)


def secrets_of(request):
    return {name: request.headers.get(name) for name in SENT}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["/m", "m", "//{host}/m", "{origin}/m#partial", "../m?q=1"])
def test_redirects_are_followed(server, partial, status, target):
    target = target.format(origin=server.origin, host=server.origin[len("http://") :])
    server["/from"] = to(target, status)
    done = download(server.url("/from"), partial, LIMITS)
    assert done.url.split("?")[0] == server.url("/m")
    assert done.size == 10


def test_as_many_redirects_as_allowed(server, partial):
    for n in range(4):
        server[f"/{n}"] = to(f"/{n + 1}")
    server["/4"] = to("/m")
    assert download(server.url("/2"), partial, LIMITS).size == 10
    with pytest.raises(TooManyRedirects, match="the last leads to"):
        download(server.url("/0"), partial, LIMITS)


def test_a_loop_is_named(server, partial):
    server["/a"], server["/b"] = to("/b?sig=secret"), to("/a")
    with pytest.raises(TooManyRedirects) as error:
        download(server.url("/a"), partial, LIMITS)
    check_golden("too-many-redirects", str(error.value), port=server.port)


def test_a_redirect_that_sets_a_cookie_may_lead_to_itself(server, partial):
    def page(request):
        if request.headers.get("cookie") == "seen=1":
            return Reply(BODY)
        return Reply(status=302, location="/page", headers={"Set-Cookie": "seen=1"})

    server["/page"] = page
    assert download(server.url("/page"), partial, LIMITS).size == 10


@pytest.mark.parametrize(
    "target",
    [
        "ftp://127.0.0.1/m",
        "file:///etc/passwd",
        "data:,x",
        "javascript:alert(1)",
        "http://[::1",
    ],
)
def test_only_http_is_followed(server, partial, target):
    server["/from"] = to(target)
    with pytest.raises(UnsafeRedirect):
        download(server.url("/from"), partial, LIMITS)
    assert len(server.requests) == 1


def test_message_of_an_unsafe_redirect(server, partial):
    server["/from"] = to("ftp://me:secret@example.com/m?sig=secret")
    with pytest.raises(UnsafeRedirect) as error:
        download(server.url("/from"), partial, LIMITS)
    check_golden("unsafe-redirect", str(error.value), port=server.port)


def test_no_way_from_https_to_http(server, partial, tmp_path):
    trusted = certificate(tmp_path)
    with Server(tls=trusted) as secure:
        secure["/from"] = to(server.url("/m"))
        secure["/m"] = Reply(BODY)
        limits = Limits(verify=trusted.file)
        with pytest.raises(UnsafeRedirect, match="is not taken from http"):
            download(secure.url("/from"), partial, limits)
        assert server.requests == []
        server["/up"] = to(secure.url("/m"))
        assert download(server.url("/up"), partial, limits).size == 10


def test_a_redirect_with_a_long_body_is_not_read(server, partial):
    server["/from"] = Reply(BODY, status=302, location="/m", stall_at=0)
    assert download(server.url("/from"), partial, Limits(read_timeout=20)).size == 10


# Who is sent what

GIVEN = {"Authorization": "Bearer secret", "Cookie": "k=secret", "X-Key": "secret"}
ALL = {name.lower(): value for name, value in GIVEN.items()}
BASIC = "Basic " + base64.b64encode(b"me:secret/?@").decode()


def test_secrets_stay_with_their_origin(server, other, partial):
    server["/from"] = to("/again")
    server["/again"] = to(other.url("/back"))
    other["/back"] = to(server.url("/m"))
    download(server.url("/from"), partial, LIMITS, headers=GIVEN)
    assert [secrets_of(request) for request in server.requests] == [ALL, ALL, SENT]
    assert [secrets_of(request) for request in other.requests] == [SENT]


def test_another_name_of_the_host_is_another_origin(server, partial):
    server["/from"] = to(server.url("/m").replace("127.0.0.1", "localhost"))
    download(server.url("/from"), partial, LIMITS, auth=("me", "secret/?@"))
    sent = [secrets_of(request)["authorization"] for request in server.requests]
    assert sent == [BASIC, None]


def test_userinfo_is_used_and_not_taken_along(server, other, partial):
    server["/from"] = to(other.url("/m"))
    download(server.url("/from", "me:secret%2F%3F%40"), partial, LIMITS)
    assert server.requests[0].headers["authorization"] == BASIC
    assert secrets_of(other.requests[0]) == SENT


def test_userinfo_that_a_server_makes_up_is_not_sent(server, other, partial):
    server["/from"] = to(other.url("/m", "me:secret"))
    download(server.url("/from"), partial, LIMITS)
    assert secrets_of(other.requests[0]) == SENT


def test_the_host_that_is_compared_is_the_host_that_is_asked(server, other, partial):
    """Parsers disagree about a backslash before an @."""
    here, there = (f"127.0.0.1:{service.port}" for service in (server, other))
    for target in (f"http://{here}\\@{there}/m", f"http://{there}\\@{here}/m"):
        server["/from"] = to(target)
        download(server.url("/from"), partial, LIMITS, headers=GIVEN)
    assert [secrets_of(request) for request in other.requests] == [SENT]
    assert [secrets_of(request) for request in server.requests] == [ALL] * 3


def test_cookies_do_not_change_origin(server, other, partial):
    server["/from"] = Reply(status=302, location=other.url("/m"), headers={"Set-Cookie": "a=b"})
    download(server.url("/from"), partial, LIMITS)
    assert secrets_of(other.requests[0]) == SENT


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    file = tmp_path / "netrc"
    file.write_text(
        "machine 127.0.0.1 login me password secret/?@\n"
        "machine localhost login me password secret/?@\n"
    )
    os.chmod(str(file), 0o600)
    monkeypatch.setenv("NETRC", str(file))


def test_netrc_is_for_the_first_origin_only(server, other, partial, netrc):
    server["/from"] = to(other.url("/from"))
    other["/from"] = to(server.url("/m").replace("127.0.0.1", "localhost"))
    download(server.url("/from"), partial, LIMITS)
    asked = [server.requests[0], other.requests[0], server.requests[1]]
    assert [secrets_of(request)["authorization"] for request in asked] == [BASIC, None, None]


@pytest.mark.parametrize("given", [{"auth": ("me", "x")}, {"headers": {"authorization": "x"}}])
def test_netrc_yields_to_what_is_given(server, partial, netrc, given):
    download(server.url("/m"), partial, LIMITS, **given)
    assert server.requests[0].headers["authorization"] in ("x", "Basic bWU6eA==")


def test_what_is_signed_shows_nowhere(server, other, partial, tmp_path, caplog):
    """Whatever fails after a redirect, the secret is in no message, log, file or repr."""
    caplog.set_level(logging.DEBUG)
    signed = "/n?X-Goog-Signature=secret&b=secret#secret"
    server["/from"] = to(other.url(signed))
    limits = Limits(read_timeout=0.2, retries=1, backoff=0.001, max_bytes=1000)
    cases = [
        Reply(status=404),
        Reply(status=503, headers={"Retry-After": "0"}),
        Reply(BODY, etag='"1"', cut_at=2),
        Reply(BODY, chunked=True, cut_at=2),
        Reply(BODY, reset_at=5),
        Reply(BODY, stall_at=5),
        Reply(stall_before_headers=True),
        Reply(cut_before_headers=True),
        Reply(bytes(2000)),
        to("ftp://x/y?secret"),
        to("http://[secret?secret"),
        to("/n?secret=secret"),
        to("http://127.0.0.1:1/?secret"),
    ]
    written = []
    for case in cases:
        other["/n"] = case
        url = server.url("/from?token=secret", "me:secret")
        with pytest.raises(TransferError) as error:
            download(url, partial, limits, headers=GIVEN)
        # pytest's own frames hold the arguments, so only what is printed counts.
        shown = "".join(
            traceback.format_exception(type(error.value), error.value, error.value.__traceback__)
        )
        assert (error.value.__cause__, error.value.__context__) == (None, None)
        written += [shown, repr(error.value), repr(error.value.facts)]
        for path in tmp_path.iterdir():
            written.append(path.read_text())
    assert any("urllib3" in record.name for record in caplog.records)
    written += [record.getMessage() for record in caplog.records]
    # The source line that a traceback quotes may say the word; the values must not.
    quoted = [line for text in written for line in text.splitlines() if "secret" in line]
    assert [line for line in quoted if not line.startswith("    ")] == []
    assert [line for line in quoted if "=secret" in line or "secret@" in line] == []
