"""Something that is wrong with an installation, and the command that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from unihub.errors import Message


class Severity(str, Enum):
    """How bad a problem is: an error stops something, a warning may, a note is advice."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        id: stable kebab-case name.
        severity: how bad it is.
        what, why: what happens, and the cause with what was found.
        do: a command to paste.
        source: where it is documented, or what was run to see it.
    """

    id: str
    severity: Severity
    what: str
    why: str
    do: str
    source: str

    @classmethod
    def of(cls, words: Message, severity: Severity, source: str) -> Problem:
        return cls(words.code, severity, words.what, words.why, words.do, source)
