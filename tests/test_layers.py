"""The layers: the picture in CONTRIBUTING.md is the contract in pyproject.toml, which holds.

What needs import-linter runs in the session `lint`, which has it.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator, List

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "unihub"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}

# The faces: public names, and commands, are imported when they are used.
FACES = {"__init__.py", "cli/__init__.py", "apis/module/__init__.py"}
_IMPORTERS = ("import_module", "__import__")
_TARGET = re.compile(r"unihub(\.\w+)*:\w+")


def contract() -> List[str]:
    """The rooms of the contract, from the top."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^layers = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"\w+", listed)


def picture() -> List[str]:
    """The rooms of the picture, from the top."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (drawn,) = re.findall(r"^## Layers\n.*?\n\n((?:    .*\n)+)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^    (\w+)/? ", drawn, re.MULTILINE)


def test_the_picture_is_the_contract():
    assert picture() == contract()


def test_the_picture_names_every_room():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    rooms |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert set(picture()) == rooms


def names_a_module(node: ast.AST) -> bool:
    """Whether a node is an arrow in a string: "module:function", or an import by name."""
    if isinstance(node, ast.Call):
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        return called in _IMPORTERS and bool(node.args) and is_own(node.args[0])
    # Before Python 3.8 a string is an ast.Str.
    text = getattr(node, "value" if sys.version_info >= (3, 8) else "s", None)
    return isinstance(text, str) and _TARGET.fullmatch(text) is not None


def is_own(name: ast.AST) -> bool:
    """Whether the name of a module that is imported is one of unihub."""
    source = ast.dump(name)
    return "'unihub" in source or "__name__" in source


def test_no_arrow_is_hidden_in_a_string():
    found = {path for path, tree in TREES.items() if any(map(names_a_module, ast.walk(tree)))}
    assert found <= FACES


def imported_with(node: ast.AST) -> Iterator[str]:
    """The top-level packages that are imported together with a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield str(node.module).partition(".")[0]
    elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not is_for_types(node):
        for child in ast.iter_child_nodes(node):
            yield from imported_with(child)


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def test_only_the_command_line_starts_with_click_and_rich():
    found = {path for path, tree in TREES.items() if {"click", "rich"} & {*imported_with(tree)}}
    assert {path.partition("/")[0] for path in found} == {"cli"}


# What is put into a copy of the package by hand: file, code, and the contracts that it breaks.
WRONGS = {
    "nothing": ("formats/files.py", "", []),
    "circle": (
        "formats/message.py",
        "def f():\n    from unihub.formats import wire\n",
        ["No circles, in any folder"],
    ),
    "arrow up": (
        "formats/files.py",
        "import typing\nif typing.TYPE_CHECKING:\n    from unihub.dispatch import load\n",
        ["Imports run down", "No circles, in any folder"],
    ),
    "tool on tool": (
        "checking/op_needs.py",
        "from unihub.conversion import report\n",
        ["The tools do not lean on each other"],
    ),
    "framework": (
        "formats/files.py",
        "def f():\n    import tensorflow\n",
        ["Only what works with TensorFlow imports it"],
    ),
    "click": (
        "errors/base.py",
        "def f():\n    import click\n",
        ["Only the command line imports click"],
    ),
}


@pytest.mark.skipif(
    find_spec("importlinter") is None, reason="import-linter is not installed: see `nox -s lint`"
)
@pytest.mark.parametrize("wrong", WRONGS)
def test_the_contracts_hold(tmp_path, wrong):
    file, code, broken = WRONGS[wrong]
    shutil.copytree(PACKAGE, tmp_path / "unihub")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with open(tmp_path / "unihub" / file, "a", encoding="utf-8") as module:
        module.write(code)
    run = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", run, "--no-cache"],
        cwd=str(tmp_path),
        env={**os.environ, "PYTHONPATH": "", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert re.findall(r"^(.+) BROKEN", done.stdout, re.MULTILINE) == broken, done.stdout
    assert done.returncode == bool(broken), done.stdout


# The face is asked for __version__ by anyone, and for the public names from above.
MAY_USE_THE_FACE = ("dropin", "checking", "cli", "__main__.py", "doctor")


def test_nobody_leans_on_the_face_of_a_room_that_it_is_in():
    """Import contracts compare siblings, and let everybody import the package itself."""
    wrong = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in FILES
        if path.relative_to(PACKAGE).parts[0] not in MAY_USE_THE_FACE
        for name in names_of_faces(path)
    }
    assert wrong == set()


def names_of_faces(path):
    """The names that a file takes from the package and the folders that it lies in."""
    folders = [path.parent, *path.parent.parents]
    faces = {
        ".".join(["unihub", *folder.relative_to(PACKAGE).parts]): folder
        for folder in folders
        if folder == PACKAGE or PACKAGE in folder.parents
    }
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in faces)
        elif isinstance(node, ast.ImportFrom) and node.module in faces:
            for alias in node.names:
                if alias.name != "__version__" and not is_module(faces[node.module] / alias.name):
                    yield f"{node.module}.{alias.name}"


def is_module(path):
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()
