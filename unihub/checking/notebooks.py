"""Notebooks: their code cells, IPython's magics, and the JSON around them."""

from __future__ import annotations

import ast
import bisect
import json
import re
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from unihub.checking.findings import Finding
from unihub.checking.source import LineOrigin, Source, parsed, split_lines, unread
from unihub.errors import first_line

Step = Union[str, int]

_INDENT = re.compile(r"[ \t]*")
_SPACE = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"[^\s,\]}]+")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
# Magics that run the rest of their cell as Python.
_PYTHON_MAGICS = ("time", "timeit", "capture", "prun", "python", "python3")
_ASSIGNED = re.compile(r"(\s*[\w.,\[\] ]+=\s*)[%!]")
# Those that IPython knows without a sign as well, where no name is in the way.
_AUTOMAGIC = (
    "autoreload cat cd conda cp env less ll load_ext ls man mamba matplotlib mkdir more mv pip "
    "pwd reload_ext rm rmdir run tensorboard time timeit"
)
_LINE_MAGIC = re.compile(
    r"\s*([%!?]|\?\?|({})(?![\w.(\[]|\s*[=(]))".format(_AUTOMAGIC.replace(" ", "|"))
)
_HELP = re.compile(r".*\?\??\s*$", re.DOTALL)


class NotANotebook(ValueError):
    """The file is JSON of another kind."""


@dataclass(frozen=True)
class Cell:
    """One code cell.

    Attributes:
        number: among the code cells, from 1.
        spans: where each string of its source is in the file's text.
        parts: those strings.
    """

    number: int
    spans: Tuple[Tuple[int, int], ...]
    parts: Tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.parts)


@dataclass(frozen=True)
class MaskedCell:
    """A code cell as plain Python.

    Attributes:
        lines: with the magics replaced by statements that do nothing, and without what
            all of the cell is indented by.
        original: the lines as they are.
        indent: of the first line, which IPython takes off each that has it.
    """

    cell: Cell
    lines: Tuple[str, ...]
    original: Tuple[str, ...]
    indent: str = ""

    def indented(self, number: int, line: str) -> str:
        """A line as it is in the notebook, in the place of the one with that index."""
        return self.indent + line if self.original[number].startswith(self.indent) else line


def notebook_source(path: str, content: bytes) -> Source:
    """The Python source of a notebook; whatever stands in the way becomes a finding."""
    try:
        text = content.decode("utf-8-sig")
        cells = code_cells(text)
    except (ValueError, RecursionError) as error:
        reason = first_line(error) or "it is nested too deeply"
        return unread(path, "notebook-unreadable", reason=reason, path=path)
    return _joined(path, text, [masked(cell) for cell in cells])


def _joined(path: str, text: str, cells: Sequence[MaskedCell]) -> Source:
    ends = [match.end() for match in re.finditer("\n", text)]
    origins: List[LineOrigin] = []
    for masked_cell in cells:
        origins += _origins(masked_cell, ends)
    origins.append(LineOrigin(None, 1, 1))
    lines = [line for masked_cell in cells for line in _ended(masked_cell.lines)]
    whole = Source(path, "".join(lines), tuple(origins))
    problems: List[Finding] = []
    body: List[ast.stmt] = []
    start = 0
    for masked_cell in cells:
        cell_lines = _ended(masked_cell.lines)
        tree, problem = parsed(whole, "".join(cell_lines), start)
        if problem is not None:
            problems.append(problem)
        if tree is not None:
            ast.increment_lineno(tree, start)
            body += tree.body
        start += len(cell_lines)
    module = ast.Module(body=body, type_ignores=[])
    return Source(path, whole.text, whole.origins, tuple(problems), module)


def _ended(lines: Sequence[str]) -> List[str]:
    if not lines or lines[-1].endswith(("\n", "\r")):
        return list(lines)
    return [*lines[:-1], lines[-1] + "\n"]


def _origins(masked_cell: MaskedCell, ends: Sequence[int]) -> Iterator[LineOrigin]:
    cell = masked_cell.cell
    # Where in the cell each of its strings begins; a line may span several.
    begins = [0]
    for part in cell.parts:
        begins.append(begins[-1] + len(part))
    position = 0
    for number, line in enumerate(masked_cell.original, 1):
        part_number = bisect.bisect_right(begins, position) - 1
        start, _ = cell.spans[part_number]
        indent = masked_cell.indent if line.startswith(masked_cell.indent) else ""
        file_line = bisect.bisect_right(ends, start) + 1
        yield LineOrigin(cell.number, number, file_line, len(indent))
        position += len(line)


def masked(cell: Cell) -> MaskedCell:
    """A cell with its magics replaced, line for line.

    A line is taken for a magic only where Python cannot read it, because
    ``% x`` may as well go on with the line before.
    """
    original = split_lines(cell.text)
    first = next((n for n, line in enumerate(original) if line.strip()), None)
    indent = "" if first is None else _INDENT.match(original[first]).group()  # type: ignore[union-attr]
    lines = [line[len(indent) :] if line.startswith(indent) else line for line in original]
    magic = _CELL_MAGIC.match(lines[first]) if first is not None else None
    if magic and magic.group(1) not in _PYTHON_MAGICS:
        lines = [_blank(line) for line in lines]
    elif magic and first is not None:
        lines[first] = _blank(lines[first])
        # Its body is a cell of its own, which IPython dedents as well.
        begin = next((line for line in lines[first + 1 :] if line.strip()), "")
        inner = _INDENT.match(begin).group()  # type: ignore[union-attr]
        lines = [line[len(inner) :] if line.startswith(inner) else line for line in lines]
        indent += inner
    for _ in original:
        number = _unreadable_line(lines)
        if number is None or not _mask_magic(lines, number):
            break
    return MaskedCell(cell, tuple(lines), tuple(original), indent)


def _unreadable_line(lines: Sequence[str]) -> Optional[int]:
    try:
        ast.parse("".join(lines))
    except SyntaxError as error:
        return min(max(error.lineno or 1, 1), len(lines)) - 1
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def _mask_magic(lines: List[str], number: int) -> bool:
    """Replaces the magic at a line, or the nearest one before; False if there is none."""
    for candidate in range(number, -1, -1):
        line = lines[candidate]
        assigned = _ASSIGNED.match(line)
        if assigned:
            replacement = assigned.group(1) + "None"
        elif _LINE_MAGIC.match(line) or _HELP.match(line):
            replacement = line[: len(line) - len(line.lstrip())] + "pass"
        else:
            continue
        goes_on = line.rstrip().endswith("\\")
        lines[candidate] = replacement + _end(line)
        while goes_on and candidate + 1 < len(lines):
            candidate += 1
            goes_on = lines[candidate].rstrip().endswith("\\")
            lines[candidate] = _blank(lines[candidate])
        return True
    return False


def _blank(line: str) -> str:
    return _end(line)


def _end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def code_cells(text: str) -> List[Cell]:
    """The code cells of a notebook's JSON.

    Raises:
        ValueError: when it is not a notebook.
    """
    notebook = json.loads(text)
    prefixes = list(_code_cells(notebook))
    strings: Dict[Tuple[Step, ...], List[Tuple[Step, int, int, str]]] = {p: [] for p in prefixes}
    for path, start, end, value in _strings(text):
        for prefix in (path, path[:-1]):
            if prefix in strings:
                strings[prefix].append((path[-1], start, end, value))
    return [
        Cell(
            number,
            tuple((start, end) for _, start, end, _ in strings[prefix]),
            tuple(value for _, _, _, value in strings[prefix]),
        )
        for number, prefix in enumerate(prefixes, 1)
    ]


def _code_cells(notebook: Any) -> Iterator[Tuple[Step, ...]]:
    """The way to the source of each code cell."""
    if not isinstance(notebook, dict):
        raise NotANotebook("its outermost value is not an object")
    if not _is_python(notebook.get("metadata")):
        return
    lists: List[Tuple[Tuple[Step, ...], Any]] = [(("cells",), notebook.get("cells"))]
    if "cells" not in notebook:
        sheets = notebook.get("worksheets")
        if not isinstance(sheets, list):
            raise NotANotebook("it has no cells")
        lists = [
            (("worksheets", n, "cells"), sheet.get("cells"))
            for n, sheet in enumerate(sheets)
            if isinstance(sheet, dict)
        ]
    for prefix, cells in lists:
        if not isinstance(cells, list):
            raise NotANotebook("its cells are not a list")
        for n, cell in enumerate(cells):
            if isinstance(cell, dict) and cell.get("cell_type") == "code":
                yield (*prefix, n, "source" if "source" in cell else "input")


def _is_python(metadata: Any) -> bool:
    if not isinstance(metadata, dict):
        return True
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        described = metadata.get(part)
        if isinstance(described, dict) and isinstance(described.get(key), str):
            return bool(described[key].lower().startswith(("python", "ipython")))
    return True


def _strings(text: str) -> Iterator[Tuple[Tuple[Step, ...], int, int, str]]:
    """Each string value of valid JSON: the way to it, where it is, and what it says."""
    path: List[Step] = []
    in_object: List[bool] = []
    key_next = False
    position = 0
    while True:
        position = _SPACE.match(text, position).end()  # type: ignore[union-attr]
        if position >= len(text):
            return
        character = text[position]
        if character == '"':
            value, end = scanstring(text, position + 1, True)
            if key_next:
                path[-1], key_next = value, False
            else:
                yield tuple(path), position, end, value
            position = end
            continue
        if character in "{[":
            in_object.append(character == "{")
            path.append(0)
            key_next = in_object[-1]
        elif character in "}]":
            in_object.pop()
            path.pop()
            key_next = False
        elif character == ",":
            key_next = in_object[-1]
            if not key_next:
                path[-1] += 1  # type: ignore[operator]
        elif character != ":":
            position = _SCALAR.match(text, position).end() - 1  # type: ignore[union-attr]
        position += 1


def rewritten(text: str, changed: Sequence[Tuple[Cell, str]]) -> str:
    """The notebook's JSON with other source in some cells, and else as it was.

    Args:
        text: the JSON.
        changed: cells, and their new source with as many lines.
    """
    edits: List[Tuple[int, int, str]] = []
    ascii_only = text.isascii() if hasattr(text, "isascii") else all(ord(c) < 128 for c in text)
    for cell, source in changed:
        if source == cell.text:
            continue
        for (start, end), old, new in zip(cell.spans, cell.parts, _parts(cell, source)):
            if new != old:
                edits.append((start, end, json.dumps(new, ensure_ascii=ascii_only)))
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _parts(cell: Cell, source: str) -> List[str]:
    """New source cut where the old is cut; all in one where that is not between lines."""
    if any(not part.endswith(("\n", "\r")) for part in cell.parts[:-1]):
        return [source] + [""] * (len(cell.parts) - 1)
    lines = split_lines(source)
    parts = []
    for part in cell.parts:
        count = len(split_lines(part))
        parts.append("".join(lines[:count]))
        lines = lines[count:]
    return parts
