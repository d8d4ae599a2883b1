"""A real HTTP(S) server on 127.0.0.1 whose behaviour is data, and a real forwarding proxy.

    with Server() as server:
        server["/m.tar.gz"] = Reply(body, etag='"1"')                  # the same each time
        server["/busy"] = [Reply(status=503), Reply(body)]             # per request; the last stays
        server["/old"] = Reply(status=302, location=server.url("/m.tar.gz"))
        server["/api"] = lambda request: Reply(request.headers["x"].encode())
        ...
        assert [r.headers.get("range") for r in server.requests] == [None, "bytes=7-"]

A path is looked up without its query; what is not there is 404. GET, HEAD and POST
are answered alike. Range and If-Range work as in RFC 9110 unless ``ranges=False``.
All positions (``cut_at``, ``reset_at``, ``stall_at``) count the bytes of the body that
this reply has sent, so 0 is after the headers. A stalled reply goes on when
``server.release()`` is called, and ends when the server closes; ``server.wait_for(path)``
returns when a request for the path has come, ``server.wait_for_stall()`` when a reply stalls.

TLS: ``Server(tls=certificate(tmp_path))``; the client trusts ``certificate.file``.
``with Proxy() as proxy`` forwards http and tunnels https, and records what it forwarded.
"""

from __future__ import annotations

import http.client
import select
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Union
from urllib.parse import urlsplit

import pytest

_PATIENCE = 60  # seconds until a test that waits in vain fails


@dataclass(frozen=True)
class Reply:
    """What one request gets.

    Attributes:
        body: the bytes of the whole file.
        status: of the answer; 206 and 416 come by themselves from ``ranges``.
        headers: further headers. A name that the server sends by itself is replaced.
        location: the Location header.
        etag: the ETag header, with its quotes, such as ``'"1"'`` or ``'W/"1"'``.
        last_modified: the Last-Modified header.
        ranges: answer Range requests by 206.
        content_range: what a 206 claims instead of the truth.
        content_length: what Content-Length claims instead of the truth.
        without_length: send no Content-Length; the body ends with the connection.
        chunked: send the body by chunks of ``piece`` bytes.
        piece: bytes per write.
        pause: seconds before each piece: a slow server.
        stall_before_headers: say nothing until released.
        stall_at: stall after so many bytes of the body.
        cut_at: close the connection after so many bytes (0: after the headers).
        cut_before_headers: close the connection instead of answering.
        raw: the bytes to send instead of an answer.
        reset_at: reset the connection (RST) after so many bytes.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    location: Optional[str] = None
    etag: Optional[str] = None
    last_modified: Optional[str] = None
    ranges: bool = True
    content_range: Optional[str] = None
    content_length: Optional[int] = None
    without_length: bool = False
    chunked: bool = False
    piece: int = 65536
    pause: float = 0
    stall_before_headers: bool = False
    stall_at: Optional[int] = None
    cut_at: Optional[int] = None
    cut_before_headers: bool = False
    raw: Optional[bytes] = None
    reset_at: Optional[int] = None


@dataclass(frozen=True)
class Request:
    """What a client asked. Names of headers are in lower case.

    Attributes:
        method: GET, HEAD or POST.
        target: path and query as they came; a proxy's are whole URLs or host:port.
        headers: the headers, names in lower case.
        body: what a POST sent.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path


Behaviour = Union[Reply, Sequence[Reply], Callable[[Request], Reply]]


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1 and localhost, and its key."""

    file: str
    key: str


def certificate(folder: Path) -> Certificate:
    """Makes a certificate with the openssl command; skips the test where there is none."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command to make a certificate with")
    made = Certificate(str(folder / "certificate.pem"), str(folder / "key.pem"))
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    subprocess.run(
        [*command.split(), "-addext", names, "-keyout", made.key, "-out", made.file],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return made


class _Listener(ThreadingHTTPServer):
    request_queue_size = 64

    def shutdown_request(self, request):
        # shutdown() would send a FIN before the RST.
        if _is_to_reset(request):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        # Clients that hang up are what the tests are about.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Service:
    """What Server and Proxy share: a listener, its thread, and the requests that came."""

    handler = BaseHTTPRequestHandler
    scheme = "http"

    def __init__(self) -> None:
        self.requests: List[Request] = []
        self.news = threading.Condition()
        self._listener = _Listener(("127.0.0.1", 0), self.handler)
        self._listener.service = self
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True
        )

    @property
    def port(self) -> int:
        return self._listener.server_address[1]

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()

    def record(self, request: Request) -> None:
        with self.news:
            self.requests.append(request)
            self.news.notify_all()


class Server(_Service):
    """The server; see the module's docstring."""

    def __init__(self, tls: Optional[Certificate] = None) -> None:
        self.handler = _Handler
        super().__init__()
        self._behaviours: Dict[str, Behaviour] = {}
        self._asked: Dict[str, int] = {}
        self._released = threading.Event()
        self._stalled = 0
        if tls is not None:
            self.scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.file, tls.key)
            self._listener.socket = context.wrap_socket(
                self._listener.socket, server_side=True, do_handshake_on_connect=False
            )

    def __exit__(self, *error) -> None:
        self.release()
        super().__exit__(*error)

    def __setitem__(self, path: str, behaviour: Behaviour) -> None:
        with self.news:
            self._behaviours[path] = behaviour
            self._asked[path] = 0

    def url(self, path: str, userinfo: str = "") -> str:
        """The whole URL of a path (which may have a query)."""
        return self.origin.replace("://", f"://{userinfo}@" if userinfo else "://") + path

    def requests_of(self, path: str) -> List[Request]:
        """The requests that came for a path, whatever their query."""
        return [request for request in self.requests if request.path == path]

    def release(self) -> None:
        """Lets every stalled reply go on, now and later."""
        self._released.set()

    def wait_for(self, path: str, count: int = 1) -> None:
        """Returns when ``count`` requests for the path have come."""
        with self.news:
            came = self.news.wait_for(lambda: len(self.requests_of(path)) >= count, _PATIENCE)
        assert came, f"no request for {path} came"

    def wait_for_stall(self, count: int = 1) -> None:
        """Returns when ``count`` replies have stalled."""
        with self.news:
            came = self.news.wait_for(lambda: self._stalled >= count, _PATIENCE)
        assert came, "no reply stalled"

    def stall(self) -> None:
        with self.news:
            self._stalled += 1
            self.news.notify_all()
        self._released.wait()

    def pause(self, seconds: float) -> None:
        self._released.wait(seconds)

    def reply_to(self, request: Request) -> Reply:
        self.record(request)
        with self.news:
            behaviour = self._behaviours.get(request.path, Reply(b"not here", status=404))
            turn = self._asked.get(request.path, 0)
            self._asked[request.path] = turn + 1
        if isinstance(behaviour, Reply):
            return behaviour
        if callable(behaviour):
            return behaviour(request)
        return behaviour[min(turn, len(behaviour) - 1)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        server = self.server.service
        request = _request_of(self)
        reply = server.reply_to(request)
        if reply.cut_before_headers or reply.raw is not None:
            self.wfile.write(reply.raw or b"")
            self.close_connection = True
            return
        if reply.stall_before_headers:
            server.stall()
        status, body, headers = _answer(reply, request)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(reply, body)

    do_HEAD = do_POST = do_GET

    def _send_body(self, reply, body):
        end = len(body)
        for stop in (reply.cut_at, reply.reset_at):
            end = end if stop is None else min(end, stop)
        at = 0
        while True:
            if at == reply.stall_at:
                self.server.service.stall()
            if at >= end:
                break
            ahead = reply.stall_at is not None and at < reply.stall_at
            piece = body[at : min(at + reply.piece, reply.stall_at if ahead else end, end)]
            if reply.pause:
                self.server.service.pause(reply.pause)
            self._write(piece, reply.chunked)
            at += len(piece)
        lied = reply.content_length is not None and reply.content_length != len(body)
        if reply.reset_at is not None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.close_connection = True
        elif reply.cut_at is not None or reply.without_length or lied:
            self.close_connection = True
        elif reply.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _write(self, piece, chunked):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)

    def log_message(self, *args):
        pass


_RESET = struct.pack("ii", 1, 0)


def _is_to_reset(connection):
    size = len(_RESET)
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, size) == _RESET


def _request_of(handler):
    length = int(handler.headers.get("Content-Length") or 0)
    headers = {name.lower(): value for name, value in handler.headers.items()}
    return Request(handler.command, handler.path, headers, handler.rfile.read(length))


def _answer(reply, request):
    """Status, body and headers of a reply, with Range and If-Range honoured."""
    status, body = reply.status, reply.body
    headers = {"Content-Type": "application/octet-stream"}
    start = _start_of_range(reply, request)
    if start is not None and start >= len(body):
        status, headers["Content-Range"], body = 416, f"bytes */{len(body)}", b""
    elif start is not None:
        status = 206
        truth = f"bytes {start}-{len(body) - 1}/{len(body)}"
        headers["Content-Range"] = reply.content_range or truth
        body = body[start:]
    if reply.chunked:
        headers["Transfer-Encoding"] = "chunked"
    elif reply.without_length:
        headers["Connection"] = "close"
    else:
        length = len(body) if reply.content_length is None else reply.content_length
        headers["Content-Length"] = str(length)
    optional = {
        "Location": reply.location,
        "ETag": reply.etag,
        "Last-Modified": reply.last_modified,
        "Accept-Ranges": "bytes" if reply.ranges else None,
    }
    headers.update((name, value) for name, value in optional.items() if value is not None)
    headers.update(reply.headers)
    return status, body, headers


def _start_of_range(reply, request):
    """Where the body of a 206 begins, or None for the whole."""
    wanted = request.headers.get("range")
    if wanted is None or not reply.ranges or reply.status != 200:
        return None
    condition = request.headers.get("if-range")
    strong = None if reply.etag and reply.etag.startswith("W/") else reply.etag
    if condition is not None and condition not in (strong, reply.last_modified):
        return None
    unit, _, span = wanted.partition("=")
    first, _, last = span.partition("-")
    assert (unit, last) == ("bytes", ""), f"this server knows bytes=N- only: {wanted}"
    return int(first)


class Proxy(_Service):
    """Forwards http requests and tunnels CONNECT; records both in ``requests``."""

    def __init__(self) -> None:
        self.handler = _Forwarder
        super().__init__()


class _Forwarder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        request = _request_of(self)
        self.server.service.record(request)
        target = urlsplit(request.target)
        upstream = http.client.HTTPConnection(target.hostname, target.port or 80)
        path = target.path + (f"?{target.query}" if target.query else "")
        headers = {k: v for k, v in request.headers.items() if not k.startswith("proxy-")}
        upstream.request(request.method, path, request.body or None, headers)
        answer = upstream.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        upstream.close()

    do_HEAD = do_POST = do_GET

    def do_CONNECT(self):
        self.server.service.record(_request_of(self))
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            ends = {self.connection: upstream, upstream: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)

    def log_message(self, *args):
        pass
