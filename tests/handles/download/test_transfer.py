"""One whole file, whatever the server does: against a real server."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import stat
import time
import warnings
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest
from golden import check_golden
from handles.server import Proxy, Reply, Server, certificate

from unihub.handles.download import redirects
from unihub.handles.download.progress import Progress
from unihub.handles.download.transfer import Limits, download
from unihub.handles.download.transfer_errors import (
    BadStatus,
    CertificateRejected,
    DownloadTooLarge,
    HashMismatch,
    TransferError,
    TransferFailed,
    TransferStalled,
    UrlNotUsable,
)

BODY = b"0123456789" * 20_000
SHORT = b"seventeen bytes.."
LIMITS = Limits(read_timeout=20, retries=2, backoff=0.001)
# For servers that fall silent: a machine that is busy may take as long to answer.
QUICK = Limits(connect_timeout=5, read_timeout=0.2, retries=2, backoff=0.001)


def left(tmp_path):
    return sorted(os.listdir(str(tmp_path)))


def ranges(server, path="/m"):
    return [request.headers.get("range") for request in server.requests_of(path)]


def test_a_file_and_its_hash(server, partial, tmp_path):
    server["/m"] = Reply(BODY, etag='"1"')
    done = download(server.url("/m?sig=secret"), partial, LIMITS)
    assert done.url == server.url("/m?…")
    assert (done.path, done.size, done.etag) == (partial, len(BODY), '"1"')
    assert done.sha256 == hashlib.sha256(BODY).hexdigest()
    assert Path(partial).read_bytes() == BODY
    assert left(tmp_path) == ["partial", "partial.json"]
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("reply", [Reply(), Reply(chunked=True), Reply(without_length=True)])
def test_an_empty_file(server, partial, reply):
    server["/m"] = reply
    assert download(server.url("/m"), partial, LIMITS).size == 0
    assert Path(partial).read_bytes() == b""


def test_without_validators_the_file_stays_when_it_is_whole(server, partial):
    server["/m"] = [Reply(status=503), Reply(BODY)]
    download(server.url("/m"), partial, LIMITS)
    assert Path(partial).read_bytes() == BODY


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_only_the_user_can_read_the_files(server, partial, tmp_path):
    (tmp_path / "partial").write_bytes(b"")
    os.chmod(partial, 0o666)
    server["/m"] = Reply(BODY, etag='"1"')
    download(server.url("/m"), partial, LIMITS)
    modes = [stat.S_IMODE(os.stat(name).st_mode) for name in (partial, partial + ".json")]
    assert modes == [0o600, 0o600]


@pytest.mark.skipif(os.name == "nt", reason="O_NOFOLLOW is not in Windows")
def test_a_symlink_in_the_place_of_the_part_is_not_followed(server, partial, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    os.symlink(str(victim), partial)
    server["/m"] = Reply(BODY)
    with pytest.raises(OSError, match="symbolic"):
        download(server.url("/m"), partial, LIMITS)
    assert victim.read_bytes() == b"precious"


# Short bodies


@pytest.mark.parametrize("at", range(len(SHORT)))
def test_every_cut_goes_on_where_it_broke(server, partial, at):
    server["/m"] = [Reply(SHORT, etag='"1"', cut_at=at), Reply(SHORT, etag='"1"')]
    download(server.url("/m"), partial, LIMITS)
    assert Path(partial).read_bytes() == SHORT
    assert ranges(server) == [None, f"bytes={at}-" if at else None]


@pytest.mark.parametrize("at", range(len(SHORT)))
def test_every_cut_for_good_is_an_error(server, partial, at, tmp_path):
    server["/m"] = Reply(SHORT, cut_at=at)
    with pytest.raises(TransferFailed) as error:
        download(server.url("/m"), partial, LIMITS)
    assert f"the body ended with {at} of 17 bytes stored" in error.value.why
    assert left(tmp_path) == []


@pytest.mark.parametrize("at", range(len(SHORT)))
def test_every_cut_of_a_chunked_body(server, partial, at):
    server["/m"] = [Reply(SHORT, chunked=True, piece=5, cut_at=at), Reply(SHORT, chunked=True)]
    download(server.url("/m"), partial, LIMITS)
    assert Path(partial).read_bytes() == SHORT


def test_a_chunked_body_without_its_last_chunk_is_short(server, partial):
    server["/m"] = Reply(SHORT, chunked=True, cut_at=len(SHORT))
    with pytest.raises(TransferFailed, match="the body ended with"):
        download(server.url("/m"), partial, LIMITS)


def test_message_of_a_short_body(server, partial):
    server["/m"] = Reply(SHORT, cut_at=3)
    with pytest.raises(TransferFailed) as error:
        download(server.url("/m?sig=secret"), partial, LIMITS)
    check_golden("transfer-failed", str(error.value), port=server.port)


# Hashes and encodings


def b64(data):
    return base64.b64encode(data).decode()


MD5, SHA256 = hashlib.md5(BODY), hashlib.sha256(BODY)
PROMISES = [
    ("X-Goog-Hash", f"crc32c=AAAA, md5={b64(MD5.digest())}"),
    ("Content-MD5", b64(MD5.digest())),
    ("Digest", f"md5={b64(MD5.digest())},sha-256={b64(SHA256.digest())}"),
    ("Repr-Digest", f"sha-256=:{b64(SHA256.digest())}:"),
    ("Content-Digest", f"sha-256=:{b64(SHA256.digest())}:"),
]


@pytest.mark.parametrize(("header", "value"), PROMISES)
def test_hashes_that_the_server_states(server, partial, header, value):
    server["/right"] = Reply(BODY, headers={header: value})
    server["/wrong"] = Reply(BODY[:-1] + b"8", headers={header: value})
    assert download(server.url("/right"), partial, LIMITS).size == len(BODY)
    with pytest.raises(HashMismatch, match=f"the server's {header} says"):
        download(server.url("/wrong"), partial, LIMITS)
    assert len(server.requests_of("/wrong")) == 1


def test_crc32c_where_google_crc32c_is(server, partial):
    google_crc32c = pytest.importorskip("google_crc32c", reason="google-crc32c is not installed")
    if google_crc32c.implementation != "c":
        pytest.skip("google-crc32c has no C extension here, and its fallback is not used")
    value = b64(google_crc32c.Checksum(BODY).digest())
    server["/right"] = Reply(BODY, headers={"X-Goog-Hash": f"crc32c={value}"})
    server["/wrong"] = Reply(b"x" + BODY, headers={"X-Goog-Hash": f"crc32c={value}"})
    download(server.url("/right"), partial, LIMITS)
    with pytest.raises(HashMismatch, match="crc32c"):
        download(server.url("/wrong"), partial, LIMITS)


def test_hash_of_what_google_unpacks_for_sending_is_not_of_the_bytes(server, partial):
    headers = {"X-Goog-Hash": f"md5={b64(b'0' * 16)}", "X-Goog-Stored-Content-Encoding": "gzip"}
    server["/m"] = Reply(BODY, headers=headers)
    assert download(server.url("/m"), partial, LIMITS).size == len(BODY)


def test_sha256(server, partial, tmp_path):
    server["/m"] = Reply(BODY, etag='"1"')
    done = download(server.url("/m"), partial, LIMITS, sha256=SHA256.hexdigest().upper())
    assert done.sha256 == SHA256.hexdigest()
    with pytest.raises(HashMismatch) as error:
        download(server.url("/m?sig=secret"), partial, LIMITS, sha256="ab" * 32)
    assert isinstance(error.value, (ValueError, OSError))
    check_golden("hash-mismatch", str(error.value), port=server.port)
    assert left(tmp_path) == []
    assert len(server.requests) == 2


def test_content_encoding_is_not_undone(server, partial):
    packed = gzip.compress(BODY)
    server["/m"] = Reply(packed, headers={"Content-Encoding": "gzip"})
    download(server.url("/m"), partial, LIMITS)
    assert Path(partial).read_bytes() == packed


def test_chunked_content_encoding_is_not_undone(server, partial):
    packed = gzip.compress(BODY)
    server["/m"] = Reply(packed, headers={"Content-Encoding": "gzip"}, chunked=True, piece=100)
    download(server.url("/m"), partial, LIMITS)
    assert Path(partial).read_bytes() == packed


# Statuses, resets, silence


class Heard(Progress):
    def __init__(self):
        super().__init__()
        self.texts = []

    def announce(self, text):
        self.texts.append(text)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_and_announced(server, partial, status):
    server["/m"] = [Reply(status=status), Reply(status=status), Reply(BODY)]
    heard = Heard()
    download(server.url("/m"), partial, LIMITS, progress=heard)
    assert Path(partial).read_bytes() == BODY
    assert [text[-5:] for text in heard.texts] == [f": {status}"] * 2
    assert all(text.startswith("retrying in ") for text in heard.texts)


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 410, 418])
def test_what_will_not_pass_is_not_tried_again(server, partial, status, tmp_path):
    server["/m"] = Reply(status=status)
    with pytest.raises(BadStatus) as error:
        download(server.url("/m"), partial, LIMITS)
    assert (error.value.status, error.value.code) == (status, "bad-status")
    assert isinstance(error.value, OSError)
    assert len(server.requests) == 1
    assert left(tmp_path) == []


def test_message_of_a_status(server, partial):
    server["/m"] = Reply(status=302, location="/gone?sig=secret")
    server["/gone"] = Reply(status=404)
    with pytest.raises(BadStatus) as error:
        download(server.url("/m?sig=secret"), partial, LIMITS)
    check_golden("bad-status", str(error.value), port=server.port)


def test_message_of_a_status_that_stays(server, partial):
    server["/m"] = Reply(status=503)
    with pytest.raises(BadStatus) as error:
        download(server.url("/m"), partial, LIMITS)
    assert len(server.requests) == 3
    check_golden("bad-status-that-stays", str(error.value), port=server.port)


@pytest.mark.parametrize("retry_after", ["0", formatdate(0, usegmt=True), "3600", "soon"])
def test_retry_after(server, partial, retry_after):
    server["/m"] = [Reply(status=429, headers={"Retry-After": retry_after}), Reply(BODY)]
    limits = Limits(retries=1, backoff=0.001, longest_wait=0.01)
    assert download(server.url("/m"), partial, limits).size == len(BODY)


def test_waits_have_a_total_bound(server, partial):
    server["/m"] = Reply(status=429, headers={"Retry-After": "60"})
    with pytest.raises(BadStatus, match="tried: once"):
        download(server.url("/m"), partial, Limits(total_wait=1))


def test_a_reset_goes_on_where_it_broke(server, partial):
    server["/m"] = [Reply(BODY, etag='"1"', reset_at=150_000), Reply(BODY, etag='"1"')]
    download(server.url("/m"), partial, LIMITS)
    assert Path(partial).read_bytes() == BODY
    assert len(ranges(server)) == 2
    assert ranges(server)[1] is not None


def test_resets_for_good(server, partial):
    server["/m"] = Reply(BODY, reset_at=10)
    with pytest.raises(TransferFailed, match="Connection reset by peer ×3"):
        download(server.url("/m"), partial, LIMITS)


def test_a_server_that_hangs_up_without_an_answer(server, partial):
    server["/m"] = [Reply(cut_before_headers=True), Reply(BODY)]
    assert download(server.url("/m"), partial, LIMITS).size == len(BODY)


def test_a_refused_connection(partial):
    with Server() as server:
        url = server.url("/m")
    with pytest.raises(TransferFailed, match="Connection refused ×3"):
        download(url, partial, LIMITS)


@pytest.mark.parametrize("stall", [{"stall_before_headers": True}, {"stall_at": 100_000}])
def test_a_server_that_falls_silent_once(server, partial, stall):
    server["/m"] = [Reply(BODY, etag='"1"', **stall), Reply(BODY, etag='"1"')]
    download(server.url("/m"), partial, QUICK)
    assert Path(partial).read_bytes() == BODY


@pytest.mark.parametrize(
    ("stall", "when"),
    [
        ({"stall_before_headers": True}, "before it answered"),
        ({"stall_at": 0}, "with 0 of 200000 bytes stored"),
    ],
)
def test_a_server_that_stays_silent(server, partial, stall, when):
    server["/m"] = Reply(BODY, **stall)
    with pytest.raises(TransferStalled) as error:
        download(server.url("/m"), partial, QUICK)
    assert isinstance(error.value, TimeoutError)
    assert when in error.value.why
    if "stall_at" in stall:
        check_golden("transfer-stalled", str(error.value), port=server.port)


def test_a_server_that_sends_single_bytes_for_ever(server, partial):
    server["/m"] = Reply(BODY, piece=1, pause=0.1)
    slow = replace(QUICK, read_timeout=0.2, retries=1)
    with pytest.raises(TransferStalled, match=r"fewer than 65536 bytes came in 2 s"):
        download(server.url("/m"), partial, slow)


# The cap


@pytest.mark.parametrize("reply", [Reply(SHORT), Reply(SHORT, chunked=True, piece=4)])
def test_cap(server, partial, tmp_path, reply):
    server["/m"] = reply
    assert download(server.url("/m"), partial, Limits(max_bytes=17)).size == 17
    with pytest.raises(DownloadTooLarge):
        download(server.url("/m"), partial, Limits(max_bytes=16))
    assert left(tmp_path) == []


def test_cap_from_content_length_before_a_byte_is_read(server, partial):
    server["/m"] = Reply(BODY, stall_at=0)
    with pytest.raises(DownloadTooLarge) as error:
        download(server.url("/m"), partial, Limits(max_bytes=1000, read_timeout=20))
    check_golden("download-too-large", str(error.value), port=server.port)


def test_cap_when_the_length_lies(server, partial):
    server["/m"] = Reply(BODY, content_length=10)
    assert download(server.url("/m"), partial, Limits(max_bytes=10)).size == 10


# Certificates and proxies


@pytest.fixture(scope="module")
def trusted(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(trusted):
    with Server(tls=trusted) as server:
        server["/m"] = Reply(BODY)
        yield server


def test_ca_bundle(secure, trusted, partial):
    assert download(secure.url("/m"), partial, Limits(verify=trusted.file)).size == len(BODY)


def test_an_unknown_authority_is_refused_at_once(secure, partial):
    with pytest.raises(CertificateRejected) as error:
        download(secure.url("/m?sig=secret"), partial, LIMITS)
    assert "tried: once" in error.value.why
    text = str(error.value)
    reason = text[text.index("why: ") + 5 : text.index(". (asked")]
    check_golden("certificate-rejected", text, port=secure.port, reason=reason)
    assert secure.requests == []


def test_a_missing_ca_bundle(secure, partial):
    with pytest.raises(CertificateRejected, match=r"/no/such/ca\.pem"):
        download(secure.url("/m"), partial, Limits(verify="/no/such/ca.pem"))


def test_no_verification_warns_once(secure, partial, monkeypatch):
    monkeypatch.setattr(redirects, "_warned", False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            assert download(secure.url("/m"), partial, Limits(verify=False)).size == len(BODY)
    ours = [str(w.message) for w in caught if not issubclass(w.category, ResourceWarning)]
    assert [text[:38] for text in ours] == ["unihub does not verify certificates: a"]


def test_proxy_that_is_given(server, partial, monkeypatch):
    server["/m"] = Reply(BODY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Proxy() as proxy:
        proxies = {"http": proxy.origin}
        download(server.url("/m"), partial, Limits(proxies=proxies))
        assert [request.target for request in proxy.requests] == [server.url("/m")]
        assert proxy.origin not in repr(Limits(proxies=proxies))


def test_proxy_of_the_environment(server, partial, monkeypatch):
    server["/m"] = Reply(BODY)
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.origin)
        download(server.url("/m"), partial, LIMITS)
        assert len(proxy.requests) == 1
        download(server.url("/m"), partial, Limits(proxies={}))
        assert len(proxy.requests) == 1


def test_https_through_a_proxy(secure, trusted, partial):
    with Proxy() as proxy:
        limits = Limits(verify=trusted.file, proxies={"https": proxy.origin})
        download(secure.url("/m"), partial, limits)
        assert [request.method for request in proxy.requests] == ["CONNECT"]


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "ftp://me:secret@example.com/m?sig=secret",
        "file:///etc/passwd",
        "http://[::1?sig=secret",
        "http://me:sec/ret@example.com/m",
        "http://",
        "model.tar.gz",
        "",
    ],
)
def test_a_url_that_cannot_be_asked(partial, tmp_path, url):
    with pytest.raises(UrlNotUsable) as error:
        download(url, partial, LIMITS)
    assert "sec" not in str(error.value)
    assert left(tmp_path) == []


def test_message_of_a_url_that_cannot_be_asked(partial):
    with pytest.raises(UrlNotUsable) as error:
        download("ftp://example.com/m?sig=secret", partial, LIMITS)
    check_golden("url-not-usable", str(error.value))


def test_errors_have_urllibs_attribute(server, partial):
    with pytest.raises(TransferError) as error:
        download(server.url("/none"), partial, LIMITS)
    assert error.value.reason == error.value.what


def test_a_malformed_header_is_an_error_without_the_header(server, partial):
    with pytest.raises(TransferFailed, match="malformed") as error:
        download(server.url("/m"), partial, LIMITS, headers={"Authorization": "secret\r\nX: y"})
    assert "secret" not in str(error.value)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x1b[31mred\x07\r\n\r\n",
        b"HTTP/1.1 \x1b[31m OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        OK + b"Content-Length: 5, 6\r\n\r\n12345",
        OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \x1b[2J\xff\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["no status line", "no status", "no HTTP", "two lengths", "long", "Location", "escapes"],
)
def test_a_malformed_answer_is_called_that(server, partial, raw, caplog):
    server["/m"] = Reply(raw=raw)
    with pytest.raises(TransferFailed) as error:
        download(server.url("/m"), partial, Limits(retries=1, backoff=0.001))
    assert "the answer is malformed" in error.value.why
    assert "URL" not in str(error.value)
    for text in (*str(error.value).splitlines(), *caplog.messages):
        assert text.isprintable()


def test_message_of_a_malformed_answer(server, partial):
    server["/m"] = Reply(status=302, location="\xff\xfe")
    with pytest.raises(TransferFailed) as error:
        download(server.url("/m"), partial, LIMITS)
    assert len(server.requests) == 1
    check_golden("transfer-failed-malformed", str(error.value), server=server.origin)


def test_bytes_of_progress(server, partial):
    seen = []

    class Counting(Progress):
        def advance(self, done, total):
            seen.append((done, total))

    server["/m"] = Reply(BODY)
    download(server.url("/m"), partial, LIMITS, progress=Counting())
    assert seen[-1] == (len(BODY), len(BODY))
    assert seen == sorted(seen)
    assert len(seen) > 1


def test_times_are_those_of_the_limits(server, partial):
    """A wait that Retry-After asks for is waited."""
    server["/m"] = [Reply(status=503, headers={"Retry-After": "1"}), Reply(BODY)]
    began = time.monotonic()
    download(server.url("/m"), partial, Limits(longest_wait=0.1))
    assert time.monotonic() - began >= 0.1
