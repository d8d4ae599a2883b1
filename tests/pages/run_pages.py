"""Runs the code blocks of every page that name the present stack; `nox -s docs`.

Not collected otherwise. One process serves all Python blocks of a stack, so that TensorFlow
is imported once; commands are processes of their own.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from pages import blocks

import unihub
from unihub.handles.registered import registered
from unihub.runtime import tensorflow_version
from unihub.runtime.installed import current_keras

# These pages say how the folder is made.
BEGINNINGS = ("README.md", "docs/index.md")
DEMO = Path(unihub.__file__).parent / "demo" / "models"


def stack_here() -> str:
    """The stack of this process; UNIHUB_PAGES names the one that is no TensorFlow of its own."""
    if "UNIHUB_PAGES" in os.environ:
        return os.environ["UNIHUB_PAGES"]
    version = tensorflow_version()
    if version.startswith("1."):
        return "tf1"
    if version.startswith("2.15"):
        return "tf215"
    return "keras3" if current_keras().value == "keras3" else "keras2"


STACK = stack_here()
HERE = {name: blocks.of_stack(found, STACK) for name, found in blocks.all_blocks().items()}
PAGES = [name for name, found in HERE.items() if found]


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """A page leaves no resolver and no level of logging to the next."""
    log, resolvers = logging.getLogger("unihub"), list(registered)
    yield
    log.setLevel(logging.NOTSET)
    registered[:] = resolvers


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = tmp_path / "work"
    where.mkdir()
    if page not in BEGINNINGS:
        shutil.copytree(DEMO, where / "models")
    monkeypatch.chdir(where)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("UNIHUB_CACHE", str(tmp_path / "cache"))
    names: Dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    for block in HERE[page]:
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.is_output:
            check_output(block, printed)
        elif block.language == "python":
            printed = run_python(block, names, tmp_path)
        else:
            printed = run_bash(block)


def run_python(block: blocks.Block, names: Dict[str, Any], folder: Path) -> str:
    # AutoGraph and Keras read the source of what they are given.
    file = folder / f"{block.place.replace('/', '_').replace(':', '_')}.py"
    file.write_text(block.text, encoding="utf-8")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block.text, str(file), "exec"), names)
    return out.getvalue()


def run_bash(block: blocks.Block) -> str:
    env = {**os.environ, "PAGER": "cat", "COLUMNS": "100"}
    command = ["bash", "-euo", "pipefail", "-c", block.text]
    run = subprocess.run(command, capture_output=True, text=True, env=env)
    assert run.returncode == 0, f"{block.place}\n{run.stdout}\n{run.stderr}"
    return run.stdout


def check_output(block: blocks.Block, printed: str) -> None:
    pattern = ".*".join(re.escape(part) for part in block.text.strip().split("…"))
    assert re.fullmatch(pattern, printed.strip(), re.DOTALL), f"{block.place}\n{printed}"


def test_count(capsys: pytest.CaptureFixture[str]) -> None:
    ran: List[blocks.Block] = [block for found in HERE.values() for block in found]
    with capsys.disabled():
        print(f"\n{STACK}: {summary(ran)} on {len(PAGES)} pages")
    assert ran


def summary(ran: List[blocks.Block]) -> str:
    python = sum(block.language == "python" and not block.file for block in ran)
    bash = sum(block.language == "bash" for block in ran)
    outputs = sum(block.is_output for block in ran)
    files = sum(bool(block.file) for block in ran)
    return f"{python} blocks of Python, {bash} of commands, {files} scripts, {outputs} outputs"
