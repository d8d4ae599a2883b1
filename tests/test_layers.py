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

import unihub

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "unihub"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}

# The faces: public names, and commands, are imported when they are used.
FACES = {"__init__.py", "cli/commands.py", "apis/module/__init__.py"}
_BY_NAME = (
    *("importlib", "importlib.machinery", "importlib.util"),
    *("imp", "pkgutil", "pydoc", "runpy"),
)
_IMPORTERS = ("__import__", "import_module", "load_module")
_HARMLESS = {"importlib.metadata", "importlib.util.find_spec", "importlib.machinery.ModuleSpec"}
_TARGET = re.compile(r"unihub(\.\w+)*(\.|:\w+)?")


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


def test_the_contracts_see_every_folder():
    """import-linter knows packages alone."""
    folders = {path.parent for path in FILES}
    assert [f for f in folders if not (f / "__init__.py").exists()] == []


def test_the_files_that_are_named_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+/[\w.]+\.(?:py|md))`", text)
    assert named
    assert [n for n in named if not (ROOT / n).exists() and not (PACKAGE / n).exists()] == []


# Who imports by name, which no contract sees: what others wrote, or what Python is asked for.
IMPORT_BY_NAME = {
    "apis/keras/kerases.py",
    "apis/missing_ops.py",
    "apis/tensorflow_hub.py",
    "dropin/contrib.py",
    "dropin/moved.py",
    "dropin/running.py",
    "dropin/shim.py",
    "handles/sources/hugging_face.py",
    "handles/sources/kaggle.py",
}
# None of these is an arrow: what others are told, and whether a room below was imported.
NAMES_A_ROOM = {
    ("apis/module/feature_columns.py", "unihub."),
    ("apis/module/initialize.py", "unihub.apis.module"),
    ("checking/detect.py", "unihub."),
    ("demo/run.py", "unihub.apis.module"),
    ("handles/resolving.py", "unihub.settings"),
}


def imports_by_name(tree: ast.AST) -> bool:
    """Whether anything in a file can import what only a string names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            # `import importlib.abc` binds importlib.
            bound = {alias.name if alias.asname else _top(alias.name) for alias in node.names}
            if not bound.isdisjoint(_BY_NAME):
                return True
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            if node.module in _BY_NAME and not names <= _HARMLESS:
                return True
        elif isinstance(node, ast.Name):
            if node.id in ("__import__", "exec", "eval"):
                return True
        elif isinstance(node, ast.Attribute) and node.attr in _IMPORTERS:
            return True
    return False


def _top(name: str) -> str:
    return name.partition(".")[0]


def rooms_named(tree: ast.AST) -> Iterator[str]:
    """The strings that name a module of unihub, or begin its name."""
    for node in ast.walk(tree):
        # Before Python 3.8 a string is an ast.Str.
        text = getattr(node, "value" if sys.version_info >= (3, 8) else "s", None)
        if isinstance(text, str) and _TARGET.fullmatch(text):
            path = PACKAGE.joinpath(*text.partition(":")[0].strip(".").split(".")[1:])
            if ":" in text or text.endswith(".") or (path != PACKAGE and is_module(path)):
                yield text


def test_each_room_has_its_tests():
    rooms = {path.parent for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}
    tests = Path(__file__).parent
    without = {
        room.name
        for room in rooms
        if not any((tests / room.relative_to(PACKAGE)).glob("test_*.py"))
    }
    # Each session runs it.
    assert without == {"demo"}


def test_docstrings_begin_with_a_verb_or_a_noun():
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    found = [
        f"{path}: {text.splitlines()[0]}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        for text in [isinstance(node, documented) and ast.get_docstring(node)]
        if text and text.startswith("What")
    ]
    assert found == []


def test_who_imports_by_name_is_known():
    found = {path for path, tree in TREES.items() if imports_by_name(tree)}
    assert found == IMPORT_BY_NAME | FACES


def test_no_arrow_is_hidden_in_a_string():
    found = {(path, name) for path, tree in TREES.items() for name in rooms_named(tree)}
    assert {pair for pair in found if pair[0] not in FACES} == NAMES_A_ROOM


@pytest.mark.parametrize(
    ("code", "is_seen"),
    [
        ("from importlib import import_module as take\ntake(name)", True),
        ("import importlib as i\ni.import_module(name=x)", True),
        ("import sys\nsys.modules['unihub.checking']", True),
        ("f'unihub.{name}'", True),
        ("'unihub.' + name", True),
        ("f = __import__", True),
        ("import builtins\nbuiltins.__import__(name)", True),
        ("import importlib.abc\nimportlib.import_module(name)", True),
        ("from importlib.util import find_spec\nfind_spec(name).loader.load_module(name)", True),
        ("from pydoc import locate\nlocate(name)", True),
        ("import importlib.metadata as m", False),
        ("from importlib import metadata\nfrom importlib.util import find_spec", False),
        ("'unihub.load'", False),
    ],
)
def test_a_hidden_arrow_is_seen(code, is_seen):
    tree = ast.parse(code)
    assert (imports_by_name(tree) or any(rooms_named(tree))) == is_seen


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


# The face is asked for __version__ by anyone, and for the public names from above: all of
# them, or those that are listed.
MAY_USE_THE_FACE = {"dropin": None, "cli": None, "__main__.py": None, "checking": {"__all__"}}


def test_nobody_leans_on_the_face_of_a_room_that_it_is_in():
    """Import contracts compare siblings, and let everybody import the package itself."""
    wrong = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in FILES
        if path.relative_to(PACKAGE).parts[0] not in MAY_USE_THE_FACE
        for name in names_of_faces(path)
    }
    assert wrong == set()


@pytest.mark.parametrize("path", TREES)
def test_of_the_face_no_rooms_are_taken(path):
    public = set(unihub.__all__) - {"matrix"} | {"__version__", "__all__"}
    # However it was imported: with unihub.errors comes unihub.load.
    allowed = MAY_USE_THE_FACE.get(path.partition("/")[0], {"__version__"}) or public
    nodes = list(ast.walk(TREES[path]))
    # By another name, or asked by getattr, it could be asked for anything.
    asked = [node.value for node in nodes if isinstance(node, ast.Attribute)]
    if path.partition("/")[0] not in MAY_USE_THE_FACE:
        assert [n for n in nodes if getattr(n, "id", "") == "unihub" and n not in asked] == []
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "unihub":
                assert node.attr in allowed
        elif isinstance(node, ast.ImportFrom) and node.module == "unihub":
            names = {alias.name for alias in node.names}
            assert all(is_module(PACKAGE / name) or name in public for name in names)


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
        elif isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in names if name in faces)
            for alias in node.names if node.module in faces else ():
                if alias.name != "__version__" and not is_module(faces[node.module] / alias.name):
                    yield f"{node.module}.{alias.name}"


def is_module(path):
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()
