"""One request, followed through its redirects by us: requests would send secrets along."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import warnings
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import requests
import urllib3
from requests.utils import default_user_agent, get_netrc_auth

from unihub.errors import printable, warn
from unihub.errors.redaction import redacted, scrubbed
from unihub.handles.download.retrying import Failed, Failure, Limits
from unihub.handles.download.transfer_errors import (
    CertificateRejected,
    TooManyRedirects,
    TransferFailed,
    TransferStalled,
    UnsafeRedirect,
    UrlNotUsable,
)

_PORTS = {"http": 80, "https": 443}
# Raised for status lines and headers; RemoteDisconnected, an answer that did not come, is a
# ConnectionError as well.
_NOT_HTTP = (
    http.client.BadStatusLine,
    http.client.LineTooLong,
    http.client.UnknownProtocol,
    urllib3.exceptions.InvalidHeader,
)
_warned = False


@dataclass(frozen=True)
class Secrets:
    """Headers and credentials that only the origin of the given URL is sent."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Answer:
    """The last answer of a chain of redirects, its body unread."""

    response: requests.Response
    url: str
    asked: str


def split_userinfo(url: str) -> Tuple[str, Optional[Tuple[str, str]]]:
    """The URL without userinfo and fragment, and the userinfo as (user, password)."""
    try:
        parts = urlsplit(url)
        userinfo, _, host = parts.netloc.rpartition("@")
    except ValueError:
        return url, None
    user, _, password = userinfo.partition(":")
    auth = (unquote(user), unquote(password)) if userinfo else None
    return urlunsplit((parts.scheme, host, parts.path, parts.query, "")), auth


def require_usable(url: str) -> None:
    """Raises UrlNotUsable unless it is a valid URL of http or https."""
    reason = ""
    try:
        parts = urlsplit(requests.Request("GET", split_userinfo(url)[0]).prepare().url or "")
        if parts.scheme not in _PORTS:
            reason = f"only http and https are downloaded, and this is {parts.scheme or 'no URL'}"
    except ValueError:
        reason = "it is not a valid URL"
    if reason:
        raise UrlNotUsable(url=redacted(url), reason=reason)


def new_session(limits: Limits) -> requests.Session:
    """A session that asks for the bytes as they are."""
    session = requests.Session()
    # The environment's proxies count unless others are given.
    session.trust_env = limits.proxies is None
    if limits.verify is False:
        _warn_once()
    return session


def follow(
    session: requests.Session,
    url: str,
    limits: Limits,
    headers: Mapping[str, str],
    secrets: Secrets,
    method: str = "GET",
) -> Answer:
    """Asks for a URL and follows its redirects.

    Args:
        session: of new_session().
        url: without userinfo.
        limits: see Limits.
        headers: sent to every hop.
        secrets: sent as long as no redirect has left the origin of ``url``.
        method: GET or HEAD.

    Raises:
        Failed: with what went wrong.
    """
    secrets = _with_netrc(url, secrets)
    url = _prepared(session, url, {}, None).url or ""
    seen = [url]
    while True:
        asked = _asked(seen)
        with failures(asked, "before it answered"):
            sent = {**headers, **secrets.headers}
            response = _send(session, url, limits, sent, secrets.auth, method)
        session.cookies.update(response.cookies)
        try:
            target = session.get_redirect_target(response)
        # A Location of bytes that are no text.
        except ValueError:
            response.close()
            raise Failed(_malformed(asked, "its Location is no text")) from None
        if target is None:
            return Answer(response, url, asked)
        response.close()
        following = _target(url, target, asked)
        seen.append(following)
        if len(seen) > limits.max_redirects + 1:
            raise Failed(_endless(seen, limits, asked))
        if _origin(following) != _origin(url):
            secrets = Secrets()
            session.cookies.clear()
        url = following


def _with_netrc(url: str, secrets: Secrets) -> Secrets:
    names = {name.lower() for name in secrets.headers}
    if secrets.auth is not None or "authorization" in names:
        return secrets
    return Secrets(secrets.headers, get_netrc_auth(url))


def _prepared(
    session: requests.Session,
    url: str,
    headers: Mapping[str, str],
    auth: Any,
    method: str = "GET",
) -> requests.PreparedRequest:
    # Not session.prepare_request(): it would look up .netrc for every hop.
    sent = {
        "User-Agent": f"unihub {default_user_agent()}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        **headers,
    }
    return requests.Request(method, url, sent, auth=auth, cookies=session.cookies).prepare()


def _send(
    session: requests.Session,
    url: str,
    limits: Limits,
    headers: Mapping[str, str],
    auth: Any,
    method: str,
) -> requests.Response:
    prepared = _prepared(session, url, headers, auth, method)
    settings: Dict[str, Any] = session.merge_environment_settings(  # type: ignore[assignment]
        prepared.url, dict(limits.proxies or {}), True, limits.verify, None
    )
    # Not session.send(): it reads the body of a redirect, however long.
    with warnings.catch_warnings():
        if limits.verify is False:
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        return session.get_adapter(url).send(
            prepared, timeout=(limits.connect_timeout, limits.read_timeout), **settings
        )


def _target(url: str, location: str, asked: str) -> str:
    """The URL that a redirect leads to, as requests will read it."""
    problem, advice = "", f"see where it leads: curl -sI '{redacted(url)}'"
    try:
        bare = split_userinfo(urljoin(url, location))[0]
        target = requests.Request("GET", bare).prepare().url or ""
        scheme = urlsplit(target).scheme
        if scheme not in _PORTS:
            problem = "only http and https are followed"
        elif (urlsplit(url).scheme, scheme) == ("https", "http"):
            problem = "what is asked by https is not taken from http"
            advice = f"if you trust that address, give it yourself: {redacted(target)}"
    except ValueError:
        target, problem = urljoin(url, "/…"), "its Location is not a valid URL"
    if problem:
        shown = redacted(target)
        facts = {"target": shown, "reason": problem, "advice": advice, "asked": asked}
        raise Failed(Failure(UnsafeRedirect, facts, "unsafe redirect", may_pass=False))
    return target


def _endless(seen: List[str], limits: Limits, asked: str) -> Failure:
    last = seen[-1]
    loop = seen[seen.index(last) :]
    if len(loop) > 1:
        end = loop.index(last, 1) + 1
        reason = "they are a loop: " + " → ".join(redacted(url) for url in loop[:end])
    else:
        reason = f"the last leads to {redacted(last)}"
    facts = {"most": limits.max_redirects, "reason": reason, "asked": asked}
    return Failure(TooManyRedirects, facts, "too many redirects", may_pass=False)


def _asked(seen: List[str]) -> str:
    count = len(seen) - 1
    after = f", after {count} redirect{'s' * (count > 1)}" if count else ""
    return redacted(seen[-1]) + after


def _origin(url: str) -> Tuple[str, str, Optional[int]]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)


def _warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warn(
            "unihub does not verify certificates: anybody on the way can change what is "
            "downloaded. Name your authority's file instead: UNIHUB_CA_BUNDLE=/path/to/ca.pem",
            UserWarning,
        )


@contextlib.contextmanager
def failures(asked: str, when: str) -> Iterator[None]:
    """Turns what requests and urllib3 raise into Failed.

    Args:
        asked: the redacted URL that was asked.
        when: how far it had come, such as "with 3 of 10 bytes stored".
    """
    try:
        yield
    except (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
        ValueError,
    ) as error:
        failure = _failure(error, asked, when)
    else:
        return
    raise Failed(failure)


def _failure(error: BaseException, asked: str, when: str) -> Failure:
    found = list(_nested(error))
    facts: Dict[str, Any] = {"asked": asked}
    if any(isinstance(e, ssl.SSLError) and "CERTIFICATE" in str(e) for e in found) or (
        "certificate bundle" in str(error)
    ):
        facts["reason"] = _words(found[-1])
        return Failure(CertificateRejected, facts, "certificate", may_pass=False)
    if isinstance(error, requests.ConnectTimeout):
        facts["reason"] = "no connection was made within the time-out"
        return Failure(TransferStalled, facts, "no connection")
    if any(isinstance(e, (urllib3.exceptions.ReadTimeoutError, socket.timeout)) for e in found):
        facts["reason"] = f"nothing more came within the time-out, {when}"
        return Failure(TransferStalled, facts, f"silent {when}")
    if any(isinstance(e, _NOT_HTTP) and not isinstance(e, ConnectionError) for e in found):
        return _malformed(asked, f"it is not HTTP: {_words(found[-1])}", may_pass=True)
    if isinstance(error, ValueError) and not isinstance(error, urllib3.exceptions.HTTPError):
        # Requests refuses URLs and headers; what cannot be encoded is of the request too.
        if isinstance(error, (requests.RequestException, UnicodeEncodeError)):
            facts["reason"] = "the request cannot be sent: its URL or a header is malformed"
            return Failure(TransferFailed, facts, "malformed request", may_pass=False)
        return _malformed(asked, f"it cannot be read {when}")
    if any(isinstance(e, http.client.IncompleteRead) for e in found):
        return short_body(asked, when)
    reason = _words(found[-1])
    facts["reason"] = f"the connection broke {when}: {reason}"
    unknown = any(getattr(e, "errno", None) == socket.EAI_NONAME for e in found)
    return Failure(TransferFailed, facts, reason, may_pass=not unknown)


def _malformed(asked: str, reason: str, may_pass: bool = False) -> Failure:
    facts = {"reason": f"the answer is malformed: {reason}", "asked": asked}
    return Failure(TransferFailed, facts, "malformed answer", may_pass=may_pass)


def short_body(asked: str, when: str) -> Failure:
    """The failure of a body that ended before its end."""
    return Failure(
        TransferFailed, {"reason": f"the body ended {when}", "asked": asked}, f"ended {when}"
    )


def _words(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(scrubbed(str(text))).rstrip(".")


def _nested(error: BaseException) -> Iterator[BaseException]:
    """An exception and those inside it, the outermost first."""
    todo, seen = [error], []
    while todo:
        this = todo.pop(0)
        if this in seen:
            continue
        seen.append(this)
        yield this
        inside = [*this.args, getattr(this, "reason", None), this.__cause__, this.__context__]
        todo.extend(e for e in inside if isinstance(e, BaseException))
