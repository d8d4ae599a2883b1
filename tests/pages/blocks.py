"""The code blocks of the pages in docs/ and of README.md.

The words after a block's language say what is done with it:

- stacks, `tf1`, `tf215`, `keras3`, `keras2`, `engines`, `jax` or `torch`: it is run there,
  after the blocks above it on the same page, in a folder with the package's models in `models/`;
- `file=NAME`: it is written to that file;
- `output`, of text: what the block above printed, where `…` stands for anything;
- `needs-…`: it cannot be run here; its Python is compiled, its command lines are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Tuple

ROOT = Path(__file__).resolve().parent.parent.parent
STACKS = ("tf1", "tf215", "keras3", "keras2", "engines", "jax", "torch")
NEEDS = {
    "needs-network": "it downloads from a public server",
    "needs-kaggle": "it downloads from Kaggle",
    "needs-package": "it runs a program of others, named above it",
    "needs-gpu": "it runs on a GPU",
}
CODE = ("python", "bash")
_FENCE = re.compile(r"^```(\w*)[ ]*([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One code block, where it stands and what is said of it."""

    page: str
    line: int
    language: str
    words: Tuple[str, ...]
    text: str

    @property
    def stacks(self) -> Tuple[str, ...]:
        return tuple(word for word in self.words if word in STACKS)

    @property
    def needs(self) -> Tuple[str, ...]:
        return tuple(word for word in self.words if word in NEEDS)

    @property
    def file(self) -> str:
        return "".join(word[len("file=") :] for word in self.words if word.startswith("file="))

    @property
    def is_output(self) -> bool:
        return "output" in self.words

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> List[Path]:
    """README.md and the pages of the site."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(path: Path) -> List[Block]:
    """The blocks of one page, in their order."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix()
    return [
        Block(
            name,
            text.count("\n", 0, found.start()) + 1,
            found[1],
            tuple(found[2].split()),
            found[3],
        )
        for found in _FENCE.finditer(text)
    ]


def all_blocks() -> Dict[str, List[Block]]:
    """The blocks of each page that has some."""
    found = {path.relative_to(ROOT).as_posix(): blocks_of(path) for path in pages()}
    return {name: blocks for name, blocks in found.items() if blocks}


def of_stack(blocks: List[Block], stack: str) -> List[Block]:
    """What is done in one stack: its blocks, the files, and what its blocks print."""
    kept: List[Block] = []
    last_runs = False
    for block in blocks:
        if block.language in CODE or block.file:
            last_runs = stack in block.stacks
            if last_runs:
                kept.append(block)
        elif block.is_output and last_runs:
            kept.append(block)
    return kept
