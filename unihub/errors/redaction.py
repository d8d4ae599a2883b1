"""URLs for people: no userinfo, no query, no fragment.

A signed URL carries its secret in the query, a private one in the userinfo. Whatever
is shown, logged or stored goes through here. In doubt it is hidden: an unescaped / ?
or # in a password makes a URL that means something else to a parser.
"""

from __future__ import annotations

import contextlib
import functools
import re
import threading
from typing import Iterator, Match, Pattern

_HIDDEN = "…"
# What is before the scheme may be a name, as in http=http://proxy, or code.
_SCHEME = re.compile(
    r"([^:/?#@\\]*?[A-Za-z][A-Za-z0-9+.-]*:[/\\]+|(?:[^:/?#@\\]*['\"(\[<=])?[/\\]*)(.*)", re.DOTALL
)
_TAIL = re.compile(r"[?#].+", re.DOTALL)
# hf://owner/name@revision has an @ that ends no userinfo.
_HUGGING_FACE = re.compile(r"(?:.*[^a-z0-9+.-])?hf://", re.DOTALL)
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_STRANGE_PORT = re.compile(r"(?:\[[^\]/]*\])?[^/?#\s\[\]]*:(?!\d*(?:[,/?#]|$))")

_WORD = re.compile(r"(\S+?)(['\")\]>}.,;:]*)(?=\s|$)")
# In text of our own a ? or @ may be anything, and a drive of Windows has one letter.
_MAYBE_URL = re.compile(
    r"://|[A-Za-z][A-Za-z0-9+.-]+:[/\\]|(?:^|['\"(])[/\\]{2}|:(?![/\\]).+@|[?&#][\w.%-]+=",
    re.DOTALL,
)
_WORTH_A_LOOK = re.compile(r"[A-Za-z]:[/\\]|\?.|[:/?#\\].*@", re.DOTALL)

# The loggers of urllib3 that write the target of a request.
_LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")


def redacted(url: str) -> str:
    """The URL as it may be shown: scheme, host, port and path.

    Args:
        url: any text that is meant as a URL; it need not be a valid one. A path of this
            machine that has an @ in it would lose what is before it.

    Returns:
        The URL without userinfo and fragment, and with "…" for a query. Where an @ stands
        behind the first / ? or #, so that the userinfo may be longer than it seems, "…"
        for all that may belong to it.

    Example:
        >>> redacted("https://me:pw@example.com/m.tar.gz?X-Goog-Signature=ab#c")
        'https://example.com/m.tar.gz?…'
        >>> redacted("https://me:p/w@example.com/m.tar.gz")
        'https://…/example.com/m.tar.gz'
    """
    found = _SCHEME.fullmatch(url)
    assert found is not None
    start, rest = found.groups()
    before, at, after = rest.rpartition("@")
    if not at:
        # A password whose @ and host were forgotten.
        if start.endswith("//") and _STRANGE_PORT.match(rest):
            return start + _HIDDEN
    elif start.lower() == "file:///" or (
        _HUGGING_FACE.fullmatch(start.lower()) and _REPOSITORY.fullmatch(before)
    ):
        after = rest
    elif "?" in before or "#" in before:
        return start + _HIDDEN
    elif "/" in before or "\\" in before:
        start += _HIDDEN + "/"
    return start + _TAIL.sub(lambda tail: "?" + _HIDDEN if tail.group()[0] == "?" else "", after)


def shown(handle: str) -> str:
    """A handle as it may be shown: a path of this machine as it is, all else redacted."""
    return handle if _MAYBE_URL.search(handle.lstrip()) is None else redacted(handle)


def scrubbed(text: str) -> str:
    """Text of somebody else, with every URL and query in it redacted.

    Args:
        text: such as the message of an exception of requests or urllib3. What belongs
            to one URL has no white space in it.
    """
    return _WORD.sub(_scrubbed, text)


def without_secrets(text: str) -> str:
    """Text of our own, such as a line of code, with every URL in it redacted."""
    return _WORD.sub(functools.partial(_scrubbed, looks=_MAYBE_URL), text)


def _scrubbed(word: Match[str], looks: Pattern[str] = _WORTH_A_LOOK) -> str:
    text, closing = word.groups()
    return (redacted(text) if looks.search(text) else text) + closing


@contextlib.contextmanager
def scrubbed_logs() -> Iterator[None]:
    """Redacts what urllib3 logs of this thread's requests, as long as it is entered."""
    import logging

    thread = threading.get_ident()

    def scrub(record: logging.LogRecord) -> bool:
        if record.thread in (thread, None):
            record.msg, record.args = scrubbed(record.getMessage()), ()
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(scrub)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(scrub)
