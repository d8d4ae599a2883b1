"""Small questions over HTTP: where something is, rather than the thing itself."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple, Union

from unihub.errors.redaction import scrubbed_logs
from unihub.handles.download import redirects
from unihub.handles.download.retrying import Failed, Failure, retried, seconds_of_retry_after
from unihub.handles.download.transfer_errors import TransferFailed
from unihub.handles.sources.context import Context

_MOST = 1 << 20
_MAY_PASS = (408, 429)
# What servers answer that serve GET alone, or a URL that is signed for GET.
_NO_HEAD = (400, 403, 405, 501)


@dataclass(frozen=True)
class Answer:
    """The answer of a server.

    Attributes:
        status: the HTTP status after redirects.
        url: that gave it, with its query.
        headers: of the answer.
        body: of the answer, at most its first MiB.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


def ask(url: str, context: Context) -> Answer:
    """Asks for a URL, again when that may help.

    Raises:
        transfer_errors.TransferError: when no answer comes.
    """
    return _asked(url, context, "GET", {})


def ask_json(url: str, context: Context) -> Tuple[Answer, Dict[str, Any]]:
    """As `ask`, with the JSON object that is the answer; an empty one where it is none."""
    answer = ask(url, context)
    try:
        page = json.loads(answer.body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        page = {}
    return answer, page if isinstance(page, dict) else {}


def probe(url: str, context: Context) -> Answer:
    """Asks what is at a URL, by HEAD, or for its first byte where HEAD is not served.

    Raises:
        transfer_errors.TransferError: when no answer comes.
    """
    answer = _asked(url, context, "HEAD", {})
    if answer.status in _NO_HEAD:
        answer = _asked(url, context, "GET", {"Range": "bytes=0-0"})
    return answer


def _asked(url: str, context: Context, method: str, headers: Mapping[str, str]) -> Answer:
    redirects.require_usable(url)
    bare, userinfo = redirects.split_userinfo(url)
    limits = context.limits
    with contextlib.ExitStack() as stack:
        stack.enter_context(scrubbed_logs())
        session = stack.enter_context(redirects.new_session(limits))

        def attempt() -> Union[Answer, Failure]:
            try:
                secrets = redirects.Secrets(auth=userinfo)
                answer = _read(redirects.follow(session, bare, limits, headers, secrets, method))
            except Failed as failed:
                return failed.failure
            return _busy(answer) or answer

        return retried(attempt, bare, limits, context.progress.announce)


def _read(answer: redirects.Answer) -> Answer:
    with contextlib.closing(answer.response), redirects.failures(answer.asked, "in its body"):
        body = answer.response.raw.read(_MOST, decode_content=True)
    return Answer(answer.response.status_code, answer.url, answer.response.headers, body)


def _busy(answer: Answer) -> Optional[Failure]:
    if answer.status not in _MAY_PASS and answer.status < 500:
        return None
    wait = seconds_of_retry_after(answer.headers.get("Retry-After"))
    return Failure(TransferFailed, {}, str(answer.status), wait=wait, instead=answer)
