"""Every error by its code, read from the code of this package: nothing of it is imported."""

from __future__ import annotations

import ast
import builtins
import functools
import os
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Tuple

from unihub.errors import beside

_PARTS = ("code", "what", "why", "do")
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Messages that are no classes, by the room whose tables hold them.
_TABLES = {
    "matrix": "The compatibility matrix rules it out.",
    "checking": "A finding of `unihub check`.",
    "doctor": "A finding of `unihub doctor`.",
}


@dataclass(frozen=True)
class Known:
    """An error that unihub can raise, with ``{name}`` where a fact of the case goes.

    Attributes:
        code: its stable name.
        name: of its class; None for what a table holds: of the matrix, of `check`, of `doctor`.
        meaning: when it is raised.
        what, why, do: the three parts of its message.
        builtins: the exceptions of Python that it is as well.
    """

    code: str
    name: Optional[str]
    meaning: str
    what: str
    why: str
    do: str
    builtins: Tuple[str, ...] = ()


@functools.lru_cache(maxsize=None)
def known() -> Dict[str, Known]:
    """All errors, by their codes in order.

    Example:
        >>> known()["model-not-found"].builtins
        ('OSError',)
    """
    classes: Dict[str, _Class] = {}
    found: List[Known] = []
    for room, tree in _trees():
        constants = _constants(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name] = _Class(node, constants)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Message":
                found += _row(room, node, constants)
    for each in classes.values():
        if "code" in each.own:
            found.append(_known(each, classes))
    return {one.code: one for one in sorted(found, key=lambda one: one.code)}


class _Class:
    def __init__(self, node: ast.ClassDef, constants: Dict[str, str]) -> None:
        self.node = node
        self.bases = list(map(_last_name, node.bases))
        self.own: Dict[str, str] = {}
        for line in node.body:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                text = _text(line.value, constants)
                if text is not None:
                    self.own[line.targets[0].id] = text


def _known(each: _Class, classes: Dict[str, _Class]) -> Known:
    line = list(_above(each, classes))
    parts = {}
    for part in _PARTS:
        parts[part] = next((one.own[part] for one in line if part in one.own), "")
    names = [name for one in line for name in one.bases if hasattr(builtins, name)]
    plain = tuple(name for name in dict.fromkeys(names) if name != "Exception")
    meaning = ast.get_docstring(each.node) or ""
    return Known(name=each.node.name, meaning=meaning, builtins=plain, **parts)


def _above(each: _Class, classes: Dict[str, _Class]) -> Iterator[_Class]:
    yield each
    for name in each.bases:
        if name in classes and classes[name] is not each:
            yield from _above(classes[name], classes)


def _row(room: str, call: ast.Call, constants: Dict[str, str]) -> Iterator[Known]:
    texts = [_text(argument, constants) for argument in call.args]
    texts += [_text(word.value, constants) for word in call.keywords]
    if len(texts) == len(_PARTS) and None not in texts:
        code, what, why, do = map(str, texts)
        builtins = ("ValueError", "NotImplementedError") if room == "matrix" else ()
        yield Known(code, None, _TABLES[room], what, why, do, builtins)


def _trees() -> Iterator[Tuple[str, ast.Module]]:
    """Each file that has errors, with the room that it lies in."""
    for folder, _, files in os.walk(_ROOT):
        for name in sorted(files):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    text = file.read()
                # Most files have none, and need not be parsed.
                if " code = " in text or "Message(" in text:
                    yield os.path.relpath(folder, _ROOT).partition(os.sep)[0], ast.parse(text)


def _constants(tree: ast.Module) -> Dict[str, str]:
    """The texts that a file names at its top."""
    found: Dict[str, str] = {}
    for line in tree.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            text = _text(line.value, found)
            if text is not None:
                found[line.targets[0].id] = text
    return found


def _text(node: Any, constants: Dict[str, str]) -> Optional[str]:
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "beside":
        return str(getattr(beside, node.attr))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = (_text(node.left, constants), _text(node.right, constants))
        return None if None in sides else "".join(map(str, sides))
    try:
        value = ast.literal_eval(node)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, str) else None


def _last_name(node: Any) -> str:
    return str(getattr(node, "id", None) or getattr(node, "attr", ""))
