"""Findings of `check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple

from unihub.checking.rules import RULES, Level, Rule
from unihub.checking.targets import Target
from unihub.errors import UnihubError


@dataclass(frozen=True)
class Place:
    """Where in a file something is; all numbers are from 1.

    Attributes:
        path: the file as it was given.
        line, column: in the script, or in the notebook's cell.
        end_line: the last line of it.
        cell: number among the notebook's code cells; None in a script.
        file_line: line in the file itself, which in a script is ``line``.
        end_column: after its last character; None where it is not known.
    """

    path: str
    line: int
    column: int
    end_line: int
    cell: Optional[int] = None
    file_line: int = 1
    end_column: Optional[int] = None

    def __str__(self) -> str:
        cell = f"cell {self.cell}:" if self.cell is not None else ""
        return f"{self.path}:{cell}{self.line}:{self.column}"


@dataclass(frozen=True)
class Finding:
    """One rule that a line breaks.

    Attributes:
        rule: its id.
        level: how bad it is; lower than the rule's where something is in doubt.
        place: where.
        what, why, do: what happens there, the cause, what to write instead.
        code: the line of source.
    """

    rule: str
    level: Level
    place: Place
    what: str
    why: str
    do: str
    code: str = ""

    @property
    def source(self) -> str:
        return RULES[self.rule].source


@dataclass(frozen=True)
class Report:
    """The findings of all files.

    Attributes:
        target: the installation that was checked for.
        files: those that were read.
        findings: in the order of the files and their lines.
        ignored: how many findings the files' comments ask to ignore.
    """

    target: Target
    files: Tuple[str, ...]
    findings: Tuple[Finding, ...]
    ignored: int = 0

    def count(self, level: Level) -> int:
        return sum(finding.level is level for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """1 where there is an error, else 0."""
        return int(self.count(Level.ERROR) > 0)


_LOWER = {Level.ERROR: Level.WARNING, Level.WARNING: Level.NOTE, Level.NOTE: Level.NOTE}


def finding(rule: str, place: Place, code: Any = "", doubt: Any = False, **facts: Any) -> Finding:
    """A finding with its rule's words; a true ``doubt`` lowers its level by one."""
    words = RULES[rule].message.filled(**facts)
    level = RULES[rule].level
    if doubt:
        level = _LOWER[level]
    return Finding(rule, level, place, words.what, words.why, words.do, code)


def judged(place: Place, code: Any, error: UnihubError, doubt: Any = False) -> Finding:
    """A finding with the words of the error that the judge gives; ``doubt`` as for `finding`."""
    level = RULES[error.code].level
    if doubt:
        level = _LOWER[level]
    return Finding(error.code, level, place, error.what, error.why, error.do, code)


def rules_in_order() -> Tuple[Rule, ...]:
    """Every rule, by id."""
    return tuple(RULES[name] for name in sorted(RULES))
