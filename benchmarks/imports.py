"""`import unihub` beside `import tensorflow_hub`."""

from __future__ import annotations

from typing import Iterator

from benchmarks.hub import imports_as_installed
from benchmarks.measuring import Case, python


def cases(quick: bool) -> Iterator[Case]:
    # As users have it; where it does not import, what it needs before all else.
    peer = "tensorflow_hub" if imports_as_installed() else "tensorflow"
    yield Case(
        "import",
        {
            f"import {peer}": python("-c", f"import {peer}"),
            "import unihub": python("-c", "import unihub"),
            "nothing": python("-c", "pass"),
        },
        rounds=3,
    )
