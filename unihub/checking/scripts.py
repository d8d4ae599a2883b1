"""Reads scripts and notebooks as Python source."""

from __future__ import annotations

import io
import os
import stat
import sys
import tokenize
from typing import Tuple

from unihub.checking.notebooks import notebook_source
from unihub.checking.source import (
    NOTEBOOK_SUFFIX,
    LineOrigin,
    Source,
    parsed,
    split_lines,
    unread,
)
from unihub.errors import first_line

SCRIPT_LIMIT = 5 * 10**6
NOTEBOOK_LIMIT = 200 * 10**6
STDIN, STDIN_NAME = "-", "<stdin>"


def read_source(path: str) -> Source:
    """Reads a script or notebook; whatever stands in the way becomes a finding.

    Args:
        path: the file; "-" for a script on standard input.
    """
    if path == STDIN:
        content = sys.stdin.buffer.read(SCRIPT_LIMIT + 1)
        if len(content) > SCRIPT_LIMIT:
            facts = {"size": f"more than {SCRIPT_LIMIT}", "limit": SCRIPT_LIMIT}
            return unread(STDIN_NAME, "file-too-large", path=STDIN_NAME, **facts)
        return source_from(STDIN_NAME, content)
    is_notebook = path.endswith(NOTEBOOK_SUFFIX)
    limit = NOTEBOOK_LIMIT if is_notebook else SCRIPT_LIMIT
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return unread(path, "file-unreadable", reason="not a regular file", path=path)
            if status.st_size > limit:
                size = status.st_size
                return unread(path, "file-too-large", size=size, limit=limit, path=path)
            content = file.read()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return unread(path, "file-unreadable", reason=reason, path=path)
    return source_from(path, content)


def _without_waiting(path: str, flags: int) -> int:
    """Opens a file; a named pipe would otherwise wait for a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def source_from(path: str, content: bytes) -> Source:
    """As `read_source`, from the content of the file."""
    if path.endswith(NOTEBOOK_SUFFIX):
        return notebook_source(path, content)
    if b"\0" in content:
        return unread(path, "nul-byte", path=path)
    try:
        text = decoded(content)[0]
    except (SyntaxError, UnicodeError, LookupError) as error:
        return unread(path, "source-encoding", reason=first_line(error))
    origins = tuple(LineOrigin(None, n, n) for n in range(1, len(split_lines(text)) + 2))
    source = Source(path, text, origins)
    tree, problem = parsed(source, text, 0)
    return Source(path, text, origins, (problem,) if problem else (), tree)


def decoded(content: bytes) -> Tuple[str, str]:
    """The text of a script and its encoding, by its first lines."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    return content.decode(encoding), encoding
