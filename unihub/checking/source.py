"""Python source of a script or a notebook, with the way back from each line to its file."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from dataclasses import dataclass
from functools import lru_cache
from typing import List, Optional, Tuple

from unihub.checking.findings import Finding, Place, finding
from unihub.errors import first_line

NOTEBOOK_SUFFIX = ".ipynb"

_LINE_ENDS = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")
_IGNORE = re.compile(r"#\s*unihub:\s*ignore(?:\[([^\]]*)\])?")
# What Python 3 does not read and Python 2 did.
_PYTHON_2: Tuple[Tuple[str, str], ...] = (
    (r"^\s*print\s+[^=\s(]|^\s*print\s*>>|^\s*print\s*\([^)]*\)\s*%?\s*,", "print is a statement"),
    (r"^\s*print\s*$|^\s*print\s+\(", "print is a statement"),
    (r"^\s*except\s+[\w.()\s,]+,\s*\w+\s*:", "`except Error, name:`"),
    (r"^\s*raise\s+[\w.]+\s*,", "`raise Error, value`"),
    (r"^\s*exec\s+[^=(\s]", "exec is a statement"),
    (r"<>", "`<>`"),
    (r"\b0[0-7]+\b", "octal numbers without 0o"),
    (r"\b\d+[lL]\b", "numbers that end in L"),
    (r"\b[uU][rR]['\"]", "ur'' strings"),
    (r"`", "backquotes"),
)


@dataclass(frozen=True)
class LineOrigin:
    """Where a line of the source is in its file.

    Attributes:
        cell: number among the notebook's code cells; None in a script.
        line: in the script, or in the cell.
        file_line: in the file.
        indent: characters before it that are left out of the source.
    """

    cell: Optional[int]
    line: int
    file_line: int
    indent: int = 0


@dataclass(frozen=True)
class Source:
    """Python source from one file.

    Attributes:
        path: the file, as it was given.
        text: all of it that can be parsed; cells follow each other.
        origins: of each line of ``text``.
        problems: what could not be parsed.
        tree: the parsed text; None when nothing could be.
    """

    path: str
    text: str
    origins: Tuple[LineOrigin, ...]
    problems: Tuple[Finding, ...] = ()
    tree: Optional[ast.Module] = None

    @property
    def lines(self) -> Tuple[str, ...]:
        return _lines_of(self.text)

    def place(self, node: ast.AST) -> Place:
        """Where a node is in the file."""
        first, last = node_lines(node)
        origin = self.origins[min(first, len(self.origins)) - 1]
        column = self.character(first, getattr(node, "col_offset", 0)) + 1 + origin.indent
        # Python 3.7 does not know where a node ends.
        end = getattr(node, "end_col_offset", None)
        last_indent = self.origins[min(last, len(self.origins)) - 1].indent
        return Place(
            self.path,
            origin.line,
            column,
            origin.line + last - first,
            origin.cell,
            origin.file_line,
            None if end is None else self.character(last, end) + 1 + last_indent,
        )

    def character(self, line: int, offset: int) -> int:
        """The column, in characters, of a column in bytes of UTF-8."""
        lines = self.lines
        text = lines[line - 1] if line <= len(lines) else ""
        return len(
            text.encode("utf-8", "surrogatepass")[: max(offset, 0)].decode("utf-8", "ignore")
        )

    def ignored(self, node: ast.AST) -> Optional[Tuple[str, ...]]:
        """The rules that a comment beside the node asks to ignore; none named for all."""
        first, last = node_lines(node)
        if sys.version_info < (3, 8):
            last = max(last, self._statement_end(last))
        for line in self.lines[first - 1 : last]:
            match = _IGNORE.search(line)
            if match:
                return tuple(
                    name.strip() for name in (match.group(1) or "").split(",") if name.strip()
                )
        return None

    def _statement_end(self, line: int) -> int:
        """The last line of the statement that a line is in, which Python 3.7 does not know."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text, newline="").readline)
        try:
            for token in tokens:
                if token.type == tokenize.NEWLINE and token.start[0] >= line:
                    return token.start[0]
        except (tokenize.TokenError, IndentationError):
            pass
        return line


@lru_cache(maxsize=2)
def _lines_of(text: str) -> Tuple[str, ...]:
    return tuple(split_lines(text))


def node_lines(node: ast.AST) -> Tuple[int, int]:
    """The first and last line of a node; Python 3.7 knows only the first by itself."""
    first = getattr(node, "lineno", 1)
    last = getattr(node, "end_lineno", None)
    if last is None:
        last = max(getattr(child, "lineno", first) for child in ast.walk(node))
    return first, last


def split_lines(text: str) -> List[str]:
    """The lines as Python counts them, with their ends."""
    return [line for line in _LINE_ENDS.split(text) if line] if text else []


def parsed(source: Source, text: str, start: int) -> Tuple[Optional[ast.Module], Optional[Finding]]:
    """The tree of some of the source, that begins after line ``start``; or what is wrong."""
    try:
        return ast.parse(text), None
    except SyntaxError as error:
        return None, _syntax_problem(source, text, start, error)
    except (RecursionError, MemoryError) as error:
        problem = _at(source, start + 1, "nested-too-deeply", reason=_or(first_line(error)))
        return None, problem
    except ValueError as error:
        # A lone surrogate of a notebook's JSON, which no file can hold.
        return None, _at(source, start + 1, "source-encoding", reason=first_line(error))


def _or(reason: str) -> str:
    return reason or "Python's parser ran out of memory"


def _syntax_problem(source: Source, text: str, start: int, error: SyntaxError) -> Finding:
    number = min(max(error.lineno or 1, 1), max(len(split_lines(text)), 1))
    lines = split_lines(text)
    python = "{}.{}".format(*sys.version_info)
    # The parser may complain of the line after.
    for candidate in (number, number - 1):
        line = lines[candidate - 1] if 0 < candidate <= len(lines) else ""
        for pattern, reason in _PYTHON_2:
            if re.search(pattern, line.partition("#")[0]):
                facts = {"reason": reason, "python": python, "path": source.path}
                return _at(source, start + candidate, "python-2", **facts)
    where = "in this cell" if source.path.endswith(NOTEBOOK_SUFFIX) else "in this file"
    facts = {"reason": error.msg, "python": python, "where": where}
    return _at(source, start + number, "syntax-error", **facts)


def _at(source: Source, line: int, rule: str, **facts: str) -> Finding:
    origin = source.origins[min(line, len(source.origins)) - 1]
    lines = source.lines
    code = lines[line - 1].rstrip() if line <= len(lines) else ""
    place = Place(source.path, origin.line, 1, origin.line, origin.cell, origin.file_line)
    return finding(rule, place, code, **facts)


def unread(file: str, rule: str, **facts: object) -> Source:
    """A file of which nothing was read, with the finding that says so."""
    problem = finding(rule, Place(file, 1, 1, 1), **facts)
    return Source(file, "", (LineOrigin(None, 1, 1),), (problem,))
