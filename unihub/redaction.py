"""URLs for people: no userinfo, no query, no fragment.

A signed URL carries its secret in the query, a private one in the userinfo.
Whatever is shown, logged or stored goes through here.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from typing import Iterator

_HIDDEN = "…"
_USERINFO = re.compile(r"//[^/?#\s]*@")
_QUERY = re.compile(r"[?#].+", re.DOTALL)
_STRANGE_PORT = re.compile(r"//(?:\[[^\]/]*\])?[^/?#\s\[\]]*:(?!\d*(?:[/?#]|$))")

_URL_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_QUERY_IN_TEXT = re.compile(r"\?[^\s'\"<>]+")

# The loggers of urllib3 that write the target of a request.
_LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")


def redacted(url: str) -> str:
    """The URL as it may be shown: scheme, host, port and path.

    Args:
        url: any text that is meant as a URL; it need not be a valid one.

    Returns:
        The URL without userinfo and fragment, and with "…" for a query.

    Example:
        >>> redacted("https://me:pw@example.com/m.tar.gz?X-Goog-Signature=ab#c")
        'https://example.com/m.tar.gz?…'
    """
    bare = _USERINFO.sub("//", url, count=1)
    # A password with an unescaped / ? or # reads as a port.
    strange = _STRANGE_PORT.search(bare)
    if strange:
        return bare[: strange.start()] + "//" + _HIDDEN
    return _QUERY.sub(lambda tail: "?" + _HIDDEN if tail.group()[0] == "?" else "", bare)


def scrubbed(text: str) -> str:
    """Text of somebody else, with every URL and query in it redacted.

    Args:
        text: such as the message of an exception of requests or urllib3.
    """
    text = _URL_IN_TEXT.sub(lambda url: redacted(url.group()), text)
    return _QUERY_IN_TEXT.sub("?" + _HIDDEN, text)


class _Scrub(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread in (self._thread, None):
            record.msg, record.args = scrubbed(record.getMessage()), ()
        return True


@contextlib.contextmanager
def scrubbed_logs() -> Iterator[None]:
    """Redacts what urllib3 logs of this thread's requests, as long as it is entered."""
    scrub = _Scrub()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(scrub)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(scrub)
