"""Rewrites what is mechanical: imports, and Modules that eager TF2 cannot make."""

from __future__ import annotations

import ast
import contextlib
import difflib
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

from unihub.checking.notebooks import MaskedCell, code_cells, masked, rewritten
from unihub.checking.plan import Plan, make_plan
from unihub.checking.run import Paths, analysis, files_in
from unihub.checking.scripts import decoded, read_source, source_from
from unihub.checking.source import NOTEBOOK_SUFFIX, Source, split_lines
from unihub.checking.targets import Target, choose_target
from unihub.errors import UnihubError, first_line


class LibcstMissing(UnihubError, ImportError):
    """Rewriting needs libcst, which is not installed."""

    code = "libcst-missing"
    what = "scripts cannot be rewritten here: libcst is not installed."
    why = (
        "it is what keeps comments and formatting, and an optional part of unihub; "
        "checking without --fix and --diff does not need it."
    )
    do = 'pip install "unihub[check]"'


@dataclass(frozen=True)
class Change:
    """The rewriting of one file.

    Attributes:
        path: the file, as it was given.
        before, after: its content.
        obstacles: why the file is left as it is though it uses tensorflow_hub.
    """

    path: str
    before: bytes
    after: bytes
    obstacles: Tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def diff(self) -> str:
        """As a unified diff; empty where nothing is changed."""
        if not self.changed:
            return ""
        old, new = (_lines(content, self.path) for content in (self.before, self.after))
        before, after = (_quoted(f"{side}/{self.path.lstrip('/')}") for side in ("a", "b"))
        diff = difflib.unified_diff(old, new, before, after)
        return "".join(_with_end(line) for line in diff)


def _quoted(name: str) -> str:
    """A file's name in the head of a diff: as git and patch quote what is not printable."""
    if name.isprintable():
        return name
    codes = os.fsencode(name)
    plain = [chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\{c:03o}" for c in codes]
    return f'"{"".join(plain)}"'


def fix(
    paths: Paths,
    *,
    runtime: Optional[str] = None,
    target: Optional[Target] = None,
    write: bool = True,
) -> Tuple[Change, ...]:
    """Rewrites imports of tensorflow_hub to unihub, and what else is mechanical.

    ``hub.Module(handle)`` in eager TF2 becomes ``hub.load(handle)`` where its
    result is only ever called. A file whose rewriting could change what it
    does is left as it is. Comments, formatting, encoding and line ends are
    kept, and so is the JSON of notebooks; a second run changes nothing.

    Args:
        paths: scripts, notebooks, and folders, which are searched for both.
        runtime, target: as for `check`.
        write: False to change no file.

    Returns:
        One change for each file that is rewritten, or that has obstacles.

    Raises:
        LibcstMissing: when libcst is not installed.
        NothingToCheck: for a path that does not exist.

    Example:
        >>> print(fix(["train.py"], write=False)[0].diff)
        --- a/train.py
        ...
    """
    if find_spec("libcst") is None:
        raise LibcstMissing()
    target = target or choose_target(runtime)
    changes = []
    for path in files_in(paths):
        change = _change(path, target)
        if change is None:
            continue
        changes.append(change)
        if write and change.changed:
            _write(path, change.after)
    return tuple(changes)


def _change(path: str, target: Target) -> Optional[Change]:
    source = read_source(path)
    if source.tree is None:
        return None
    with open(path, "rb") as file:
        content = file.read()
    after, obstacles = rewritten_content(path, content, target)
    return Change(path, content, after, obstacles) if after != content or obstacles else None


def rewritten_content(path: str, content: bytes, target: Target) -> Tuple[bytes, Tuple[str, ...]]:
    """The content of a file as `fix` leaves it, and why it leaves it as it is."""
    source = source_from(path, content)
    summary, _ = analysis(source, target)
    plan = make_plan(source, summary)
    if plan.empty:
        has_work = plan.imports or plan.strings
        return content, tuple(dict.fromkeys(plan.obstacles)) if has_work else ()
    rewrite = _rewrite_notebook if path.endswith(NOTEBOOK_SUFFIX) else _rewrite_script
    try:
        return rewrite(source, content, plan), ()
    except (ValueError, RecursionError) as error:
        return content, (first_line(error) or "the code is nested too deeply",)


def _rewrite_script(source: Source, content: bytes, plan: Plan) -> bytes:
    text, encoding = decoded(content)
    return _rewriter()(text, plan).encode(encoding)


def _rewrite_notebook(source: Source, content: bytes, plan: Plan) -> bytes:
    encoding = "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8"
    text = content.decode(encoding)
    changed = []
    start = 0
    for masked_cell in map(masked, code_cells(text)):
        new = _rewrite_cell(masked_cell, _shifted(plan, start))
        if new != masked_cell.cell.text:
            changed.append((masked_cell.cell, new))
        start += len(masked_cell.lines)
    return rewritten(text, changed).encode(encoding)


def _rewrite_cell(masked_cell: MaskedCell, plan: Plan) -> str:
    before = "".join(masked_cell.lines)
    try:
        ast.parse(before)
    except (SyntaxError, ValueError):
        return masked_cell.cell.text
    lines = split_lines(_rewriter()(before, plan))
    if len(lines) != len(masked_cell.lines):
        raise ValueError("a cell would have another number of lines")
    return "".join(
        original if line == plain else masked_cell.indented(number, line)
        for number, (line, plain, original) in enumerate(
            zip(lines, masked_cell.lines, masked_cell.original)
        )
    )


def _shifted(plan: Plan, start: int) -> Plan:
    """The plan as seen from a cell that begins after line ``start``."""

    def moved(positions: Sequence[Tuple[int, int]]) -> Tuple[Tuple[int, int], ...]:
        return tuple((line - start, column) for line, column in positions)

    modules = tuple(
        type(one)(moved([one.position])[0], one.keywords, moved(one.applied))
        for one in plan.modules
    )
    return Plan(
        moved(plan.imports),
        plan.star_names,
        moved(plan.strings),
        moved(plan.attributes),
        modules,
    )


def _rewriter() -> Callable[[str, Plan], str]:
    from unihub.checking.rewriting import rewrite

    return rewrite


def _lines(content: bytes, path: str) -> List[str]:
    if path.endswith(NOTEBOOK_SUFFIX):
        return split_lines(content.decode("utf-8-sig"))
    return split_lines(decoded(content)[0])


def _with_end(line: str) -> str:
    return line if line.endswith("\n") else line.rstrip("\r") + "\n"


def _write(path: str, content: bytes) -> None:
    """Replaces a file at once, with its permissions; through links to it."""
    path = os.path.realpath(path)
    with _temporary_beside(path) as temporary:
        with open(temporary, "wb") as file:
            file.write(content)
        shutil.copymode(path, temporary)
        os.replace(temporary, path)


@contextlib.contextmanager
def _temporary_beside(path: str) -> Iterator[str]:
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".unihub-")
    os.close(handle)
    try:
        yield temporary
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
