"""`import unihub` beside `import tensorflow_hub`, and what a load of a local model imports."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

from benchmarks import stack
from benchmarks.hub import imports_as_installed
from benchmarks.measuring import Case, environment, python
from benchmarks.models import path_of

_SELF_TIME = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
_LOAD = """
import sys, tensorflow
package, code = sys.argv[1:3]
exec(code)
files = {
    module.__file__
    for name, module in list(sys.modules.items())
    if name.partition(".")[0] == package and getattr(module, "__file__", None)
}
print(len(files), sum(len(open(file, "rb").readlines()) for file in files))
"""


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
    if stack.not_tf2():
        return
    path = path_of("tiny")
    arms: Dict[str, Callable[[], Any]] = {}
    if peer == "tensorflow_hub":
        arms["hub.load"] = _imported(peer, f"import tensorflow_hub as m; m.load({str(path)!r})")
    for choice in ("fast=False", "fast=True"):
        code = f"import unihub; unihub.load({str(path)!r}, {choice})"
        arms[f"unihub.load({choice})"] = _imported("unihub", code)
    yield Case("what a first load imports", arms, rounds=3, reports=True)


def _imported(package: str, code: str) -> Callable[[], Dict[str, float]]:
    """A package's modules that a line of code imports, their lines, and their own time."""

    def run() -> Dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", _LOAD, package, code],
            capture_output=True,
            check=True,
            cwd=str(Path(__file__).parent.parent),
            env=environment(),
            text=True,
        )
        own = [
            int(microseconds)
            for microseconds, name in _SELF_TIME.findall(done.stderr)
            if name.partition(".")[0] == package
        ]
        modules, lines = done.stdout.splitlines()[-1].split()
        return {"time": sum(own) / 1e6, "modules": int(modules), "lines": int(lines)}

    return run
