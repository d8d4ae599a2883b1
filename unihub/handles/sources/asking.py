"""Small questions over HTTP: where something is, rather than the thing itself."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Mapping, Optional

from unihub.handles.download import hops
from unihub.handles.download.hops import Failed, Failure
from unihub.handles.download.transfer_errors import TransferFailed
from unihub.handles.download.waiting import Tries, seconds_of_retry_after
from unihub.handles.sources.context import Context
from unihub.redaction import redacted, scrubbed_logs

_MOST = 1 << 20
_MAY_PASS = (408, 429)
# What servers answer that serve GET alone, or a URL that is signed for GET.
_NO_HEAD = (400, 403, 405, 501)


@dataclass(frozen=True)
class Answer:
    """What a server says.

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
    hops.require_usable(url)
    bare, userinfo = hops.without_secrets(url)
    limits, tries = context.limits, Tries(context.limits)
    with contextlib.ExitStack() as stack:
        stack.enter_context(scrubbed_logs())
        session = stack.enter_context(hops.new_session(limits))
        while True:
            failure, answer = None, None
            try:
                secrets = hops.Secrets(auth=userinfo)
                got = hops.follow(session, bare, limits, headers, secrets, method)
                answer = _read(got)
                failure = _busy(answer)
            except Failed as failed:
                failure = failed.failure
            if failure is None and answer is not None:
                return answer
            assert failure is not None
            tries.add(failure, 0)
            wait = tries.next_wait(failure)
            if wait is None:
                break
            context.progress.announce(f"retrying in {wait:.2g} s: {failure.short}")
            time.sleep(wait)
    if answer is not None:
        return answer
    # Raised here, where no exception of requests is its context.
    raise failure.error(url=redacted(bare), tried=str(tries), **failure.facts)


def _read(answer: hops.Answer) -> Answer:
    with contextlib.closing(answer.response), hops.failures(answer.asked, "in its body"):
        body = answer.response.raw.read(_MOST, decode_content=True)
    return Answer(answer.response.status_code, answer.url, answer.response.headers, body)


def _busy(answer: Answer) -> Optional[Failure]:
    if answer.status not in _MAY_PASS and answer.status < 500:
        return None
    wait = seconds_of_retry_after(answer.headers.get("Retry-After"))
    return Failure(TransferFailed, {}, str(answer.status), wait=wait)
