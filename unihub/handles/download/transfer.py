"""URL → file, whole and verified.

from unihub.handles.download.transfer import Limits, download

done = download("https://example.com/m.tar.gz", "parts/m", Limits())
done.path, done.size, done.sha256
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Mapping, Optional, Tuple, Union

import requests

from unihub.errors.redaction import redacted, scrubbed_logs
from unihub.handles.download import redirects
from unihub.handles.download.callbacks import Callbacks
from unihub.handles.download.digests import Digest, promised
from unihub.handles.download.partial import (
    PartialDownload,
    content_length,
    content_range,
    remove_partial,
)
from unihub.handles.download.progress import Progress
from unihub.handles.download.redirects import Answer, Secrets
from unihub.handles.download.retrying import (
    Failed,
    Failure,
    Limits,
    retried,
    seconds_of_retry_after,
)
from unihub.handles.download.transfer_errors import (
    BadStatus,
    DownloadTooLarge,
    HashMismatch,
    TransferFailed,
    TransferStalled,
)

__all__ = ["Limits", "Transferred", "download", "remove_partial"]

_CHUNK = 1 << 16
# Of the read time-out, for a chunk: a server that sends single bytes is never silent so long.
_PATIENCE = 10

_MAY_PASS = {408, 429}
_ADVICE = {
    401: "it needs credentials, or others: see the documentation of its host",
    403: "it needs credentials, or a signed URL has expired: get a new one",
    404: "see whether the name is right, and the model still there: curl -IL '{url}'",
    410: "the file was withdrawn: look for its successor",
    429: "the server limits how much one may ask: try again later",
}
_ADVICE_OF_CLASS = {
    4: "see what the server says to it: curl -L '{url}'",
    5: "the fault is the server's; see whether it is over: curl -IL '{url}'",
}


@dataclass(frozen=True)
class Transferred:
    """A file that came whole.

    Attributes:
        url: that answered in the end, redacted.
        path: of the file: ``path``, or a file beside it when another process writes that.
        size: in bytes.
        sha256: of the whole, in hex.
        etag: that the server gave, if any.
    """

    url: str
    path: str
    size: int
    sha256: str
    etag: Optional[str]


def download(
    url: str,
    path: str,
    limits: Limits,
    *,
    headers: Optional[Mapping[str, str]] = None,
    auth: Any = None,
    sha256: Optional[str] = None,
    progress: Optional[Progress] = None,
    callbacks: Optional[Callbacks] = None,
) -> Transferred:
    """Downloads a file as the bytes that the server has, and verifies it.

    Length, the hashes that the server states (x-goog-hash, Digest, Repr-Digest,
    Content-MD5) and ``sha256`` are checked. What may pass is tried again, and a broken
    transfer goes on where it broke, also in a later process, if the server proves that the
    file is the same. The caller sees to it that one process at a time uses ``path``; where
    that fails, the result is right nevertheless.

    Args:
        url: http or https; a user and password in it are used, and sent to its origin only.
        path: of the file to write, in an existing folder. A note is kept in
            ``path + ".json"``; remove_partial() removes both. After a failure both stay if a
            later call can go on with them.
        limits: time-outs, caps, proxies, certificates.
        headers: further headers, for the origin of ``url`` only.
        auth: as in requests, for the origin of ``url`` only. Without it .netrc is looked at.
        sha256: hex digest that the file must have.
        progress: what is told of bytes and waits.
        callbacks: what is called as bytes come, and can cancel the download.

    Returns:
        Transferred. The file and its note stay.

    Raises:
        TransferError: of the kind that transfer_errors.py lists, an OSError each.
        callbacks.Cancelled: when it was cancelled through them.
        OSError: when ``path`` cannot be written.
    """
    redirects.require_usable(url)
    bare, userinfo = redirects.split_userinfo(url)
    secrets = Secrets(dict(headers or {}), auth if auth is not None else userinfo)
    with contextlib.ExitStack() as stack:
        stack.enter_context(scrubbed_logs())
        transfer = _Transfer(
            url=bare,
            limits=limits,
            secrets=secrets,
            sha256=sha256.lower() if sha256 else None,
            session=stack.enter_context(redirects.new_session(limits)),
            partial=PartialDownload(path, bare),
            progress=progress or Progress(),
            callbacks=callbacks or Callbacks(),
        )
        stack.callback(transfer.partial.close)
        return transfer.run()


@dataclass
class _Transfer:
    url: str
    limits: Limits
    secrets: Secrets
    sha256: Optional[str]
    session: requests.Session
    partial: PartialDownload
    progress: Progress
    callbacks: Callbacks
    received: int = 0

    def run(self) -> Transferred:
        if self.partial.size:
            self.callbacks.resumed(self.partial.path, self.partial.size)
        done = retried(
            self._outcome,
            self.url,
            self.limits,
            self.progress.announce,
            self.callbacks.wait,
            lambda: self.received,
        )
        self.partial.finished = True
        return done

    def _outcome(self) -> Union[Transferred, Failure]:
        self.received = 0
        if self.partial.version is not None and not self.partial.is_ours():
            size = self.partial.size
            self.partial.move_aside()
            if size:
                self.callbacks.restarted()
        try:
            return self._attempt()
        except Failed as failed:
            self.callbacks.raise_if_cancelled()
            return failed.failure

    def _attempt(self) -> Transferred:
        answer = redirects.follow(
            self.session, self.url, self.limits, self.partial.range_headers(), self.secrets
        )
        with contextlib.closing(answer.response):
            total = self._prepare_part(answer)
            hashes = promised(answer.response.headers, answer.response.status_code == 200)
            self._cover(hashes, answer)
            self._require_small(total or 0, answer, "it says so itself")
            self._read(answer, total)
        self._verify(hashes, answer)
        self.callbacks.verified()
        # Asked last: whoever reads the file has read what we wrote.
        if not self.partial.is_ours():
            raise Failed(_another_writer(answer.asked))
        return Transferred(
            url=redacted(answer.url),
            path=self.partial.path,
            size=self.partial.size,
            sha256=self.partial.hashes.value("sha256").hex(),
            etag=answer.response.headers.get("ETag"),
        )

    def _prepare_part(self, answer: Answer) -> Optional[int]:
        """Makes the file ready for the body of the answer; returns the size of the whole."""
        response, partial = answer.response, self.partial
        status, headers = response.status_code, response.headers
        if status == 416 or (status == 206 and not partial.is_resumed_by(answer.url, headers)):
            if not partial.size:
                raise Failed(_bad_status(answer))
            self._restart()
            raise Failed(_anew(answer.asked, "the server does not prove that it is the same file"))
        if status == 206:
            partial.resume()
            return content_range(headers)[2]
        if status != 200:
            raise Failed(_bad_status(answer))
        self._restart()
        partial.begin(answer.url, headers)
        return content_length(headers)

    def _restart(self) -> None:
        if self.partial.size:
            self.partial.discard()
            self.callbacks.restarted()

    def _cover(self, hashes: Tuple[Digest, ...], answer: Answer) -> None:
        try:
            self.partial.cover({digest.algorithm for digest in hashes})
        except EOFError:
            if self.partial.is_ours():
                self._restart()
            raise Failed(_another_writer(answer.asked)) from None

    def _read(self, answer: Answer, total: Optional[int]) -> None:
        raw, partial = answer.response.raw, self.partial
        of = f" of {total}" if total is not None else ""

        def stored() -> str:
            return f"with {partial.size}{of} bytes stored"

        patience = _PATIENCE * self.limits.read_timeout
        with self.callbacks.reading(raw), self.callbacks.stall_watch(
            patience, lambda: partial.size
        ) as too_slow:
            while True:
                try:
                    with redirects.failures(answer.asked, stored()):
                        data = raw.read(_CHUNK, decode_content=False)
                except Failed as failed:
                    failure: Optional[Failure] = failed.failure
                else:
                    failure = None
                self.callbacks.raise_if_cancelled()
                if too_slow.is_set():
                    failure = _too_slow(answer.asked, patience, stored())
                if failure is not None:
                    raise Failed(failure)
                if not data:
                    break
                self._require_small(partial.size + len(data), answer, "so much came of it")
                partial.append(data)
                self.received += len(data)
                self.callbacks.received(partial.path, partial.size)
                self.progress.advance(partial.size, total)
        if total is not None and partial.size != total:
            raise Failed(redirects.short_body(answer.asked, stored()))

    def _require_small(self, size: int, answer: Answer, evidence: str) -> None:
        most = self.limits.max_bytes
        if most is None or size <= most:
            return
        self.partial.discard()
        facts = {
            "most": most,
            "enough": size,
            "reason": f"{evidence}: {size} bytes",
            "asked": answer.asked,
        }
        raise Failed(Failure(DownloadTooLarge, facts, "too large", may_pass=False))

    def _verify(self, hashes: Tuple[Digest, ...], answer: Answer) -> None:
        promises = [(d.algorithm, d.value, f"the server's {d.header}") for d in hashes]
        if self.sha256 is not None:
            promises.insert(0, ("sha256", _from_hex(self.sha256), "sha256="))
        for algorithm, expected, source in promises:
            found = self.partial.hashes.value(algorithm)
            if found == expected:
                continue
            facts = {
                "algorithm": algorithm,
                "found": found.hex(),
                "expected": expected.hex() if source != "sha256=" else self.sha256,
                "source": source,
                "advice": self._advice_on_hash(source),
                "asked": answer.asked,
            }
            # Bytes of an earlier process may have been damaged on the disk since.
            doubtful = self.partial.from_before > 0
            self._restart()
            raise Failed(
                Failure(HashMismatch, facts, "wrong hash", may_pass=doubtful, anew=doubtful)
            )

    def _advice_on_hash(self, source: str) -> str:
        if source != "sha256=":
            return "call it again; if it stays so, tell who publishes it"
        found = self.partial.hashes.value("sha256").hex()
        return f"if the new file is the one you want, pin it: sha256='{found}'"


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _anew(asked: str, reason: str) -> Failure:
    facts = {"reason": reason, "asked": asked}
    return Failure(TransferFailed, facts, "begun anew", anew=True)


def _too_slow(asked: str, seconds: float, when: str) -> Failure:
    reason = f"fewer than {_CHUNK} bytes came in {seconds:g} s, {when}"
    return Failure(TransferStalled, {"reason": reason, "asked": asked}, f"too slow {when}")


def _another_writer(asked: str) -> Failure:
    return _anew(asked, "another process wrote to the same file")


def _bad_status(answer: Answer) -> Failure:
    response, status = answer.response, answer.response.status_code
    advice = _ADVICE.get(status) or _ADVICE_OF_CLASS.get(status // 100)
    try:
        phrase, meaning = HTTPStatus(status).phrase, HTTPStatus(status).description
    except ValueError:
        phrase, meaning = "(no known status)", ""
    facts = {
        "status": status,
        "phrase": phrase,
        "meaning": meaning or "only the whole file (200) or its rest (206) is of use",
        "advice": (advice or _ADVICE_OF_CLASS[4]).format(url=redacted(answer.url)),
        "asked": answer.asked,
    }
    return Failure(
        BadStatus,
        facts,
        str(status),
        may_pass=status in _MAY_PASS or status >= 500,
        wait=seconds_of_retry_after(response.headers.get("Retry-After")),
    )
