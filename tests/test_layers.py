"""Imports run downwards, as the picture in CONTRIBUTING.md has it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import unihub

PACKAGE = Path(unihub.__file__).parent

# From the bottom. A module imports from lower rows, and from its own folder.
ROWS = [
    {"errors"},
    {"matrix"},
    {"tables", "runtime", "reading", "hub_names", "op_packages"},
    {"formats"},
    {"settings", "kinds", "resolvers"},
    {"handles"},
    {"fetching"},
    {"lockfile"},
    {"selection", "request", "fetch"},
    {"inspection"},
    {"safety"},
    {"routes", "tf1", "keras2", "keras3", "conversion", "fast"},
    {"converting"},
    {"dispatch"},
    {"demo"},
    {"__init__"},
    {"checking", "doctor"},
    {"shim"},
    {"running"},
    {"cli", "__main__"},
]
ROW_OF = {name: row for row, names in enumerate(ROWS) for name in names}
FRAMEWORKS = {"tensorflow", "keras", "tf_keras", "tensorflow_hub", "google"}
USE_FRAMEWORKS = ("routes", "tf1", "keras2", "keras3", "conversion", "fast", "demo")
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path, at_top=False):
    """Dotted names that a file imports; with ``at_top`` only when it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if at_top else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(path, **kwargs):
    for name in imports(path, **kwargs):
        parts = name.split(".")
        if parts[0] == "unihub":
            yield parts[1] if len(parts) > 1 and parts[1] in ROW_OF else "__init__"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    own = room(path)
    assert own in ROW_OF, "a new room: give it a row here and in CONTRIBUTING.md"
    # matrix.matrix() and the lazy names of the package reach up when they are called.
    at_top = own in ("matrix", "__init__")
    upwards = {
        other
        for other in rooms_imported(path, at_top=at_top)
        if other != own and ROW_OF[other] >= ROW_OF[own] and not same_row(own, other)
    }
    assert upwards == set()


def same_row(own, other):
    """Rooms of one row that may see each other, and the one way they do."""
    return (own, other) in {
        ("keras3", "routes"),
        ("routes", "keras3"),
        ("routes", "tf1"),
        ("routes", "fast"),
        ("fast", "routes"),
        ("keras2", "routes"),
        ("keras2", "keras3"),
        ("conversion", "routes"),
        ("conversion", "tf1"),
        ("__main__", "cli"),
    }


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if room(path) not in USE_FRAMEWORKS],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_only_what_serves_or_runs_cells_imports_a_framework(path):
    found = {name.split(".")[0] for name in imports(path, at_top=True)} & FRAMEWORKS
    assert found == set()


def test_the_picture_names_every_room():
    picture = PACKAGE.parent / "CONTRIBUTING.md"
    if not picture.exists():
        picture = Path(__file__).parent.parent / "CONTRIBUTING.md"
    text = picture.read_text(encoding="utf-8")
    assert [name for name in ROW_OF if name not in text] == []
