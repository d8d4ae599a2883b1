"""`import unihub` beside bare Python."""

from __future__ import annotations

from typing import List

from benchmarks.timing import Measurement, processes


def measure() -> List[Measurement]:
    return processes({"python": "pass", "import unihub": "import unihub"}, rounds=21)
