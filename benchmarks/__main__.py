"""`python -m benchmarks [NAME ...] [--json]`."""

from __future__ import annotations

import importlib
import json
import platform
import sys
from dataclasses import asdict

import tensorflow as tf

NAMES = ("imports", "reading", "calls", "module", "fetching", "extraction", "inspection")


def main(arguments: list) -> None:
    names = [name for name in arguments if not name.startswith("-")] or NAMES
    measured = {}
    for name in names:
        measured[name] = importlib.import_module(f"benchmarks.{name}").measure()
    if "--json" in arguments:
        print(json.dumps({name: [asdict(m) for m in ms] for name, ms in measured.items()}))
        return
    print(f"Python {platform.python_version()}, TensorFlow {tf.__version__}\n")
    print("| benchmark | what | median | difference | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for name, measurements in measured.items():
        peers = {m.what: m.seconds for m in measurements}
        for m in measurements:
            more = _shown(m.seconds - peers[m.peer]) if m.what != m.peer else ""
            print(f"| {name} | {m.what} | {_shown(m.seconds)} | {more} | {m.ratio:.3f} |")


def _shown(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(seconds) >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds / 1e-6:.2f} µs"


if __name__ == "__main__":
    main(sys.argv[1:])
