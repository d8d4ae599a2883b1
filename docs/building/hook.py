"""Hooks of MkDocs: what is drawn from the code, stacks of code blocks, links out of docs/."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import drawn
from mkdocs.structure.files import File

_FENCE = re.compile(r"^(```\w+) ([^\n`]*)$", re.MULTILINE)
_FILE = re.compile(r"\bfile=(\S+)")
# Drawn from what was measured, in a folder of the repository that is none of the site's.
_PLOT = "benchmarks/results/load.svg"
_OUTSIDE = re.compile(r"\]\(\.\./([^)\s]+)\)")


def on_startup(**_: Any) -> None:
    """Copies the source for mkdocstrings, without the stub of the face.

    There `matrix` is the function alone, and hides the module of that name. What is under
    "Example" has to be under "Examples" to be read as code.
    """
    source = drawn.ROOT / "build" / "source"
    shutil.rmtree(source, ignore_errors=True)
    for path in drawn.PACKAGE.rglob("*.py"):
        copied = source / path.relative_to(drawn.ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        copied.write_text(text.replace("    Example:\n", "    Examples:\n"), encoding="utf-8")


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Takes the plot of the benchmarks along."""
    files.append(File.generated(config, _PLOT, abs_src_path=str(drawn.ROOT / _PLOT)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """A page as MkDocs takes it; tests/pages reads what is taken away here."""
    text = _FENCE.sub(_fence, drawn.with_drawn(markdown)).replace(f"../{_PLOT}", _PLOT)
    # What is not a page of the site is a file of the repository.
    return _OUTSIDE.sub(rf"]({config['repo_url']}/blob/main/\1)", text)


def _fence(found: re.Match[str]) -> str:
    file = _FILE.search(found[2])
    if found[1] == "```text" and "output" in found[2]:
        return '```text title="prints"'
    return f'{found[1]} title="{file[1]}"' if file else found[1]
