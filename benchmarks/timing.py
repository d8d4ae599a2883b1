"""Measuring two or more things side by side on a machine that others use too."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Callable, Dict, List


@dataclass(frozen=True)
class Measurement:
    """What one thing took.

    Attributes:
        what: the thing measured.
        seconds: median over the rounds.
        ratio: to the peer's median in the same rounds; the peer's own is 1.
        peer: name of what it is compared with.
    """

    what: str
    seconds: float
    ratio: float
    peer: str


def side_by_side(
    actions: Dict[str, Callable[[], object]], rounds: int, calls: int = 1
) -> List[Measurement]:
    """Times actions in turn, so that what slows the machine slows all of them.

    Args:
        actions: by name; the first is the peer.
        rounds: how often each is timed.
        calls: made in each timing.

    Returns:
        A measurement for each, per call.
    """
    taken: Dict[str, List[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            start = time.perf_counter()
            for _ in range(calls):
                action()
            taken[name].append((time.perf_counter() - start) / calls)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    peer = next(iter(actions))
    return [
        Measurement(name, seconds, seconds / medians[peer], peer)
        for name, seconds in medians.items()
    ]


def processes(scripts: Dict[str, str], rounds: int) -> List[Measurement]:
    """Times whole Python processes, bytecode cached for all of them alike."""
    with tempfile.TemporaryDirectory() as cache:

        def run(script: str) -> Callable[[], object]:
            return lambda: subprocess.run(
                [sys.executable, "-X", f"pycache_prefix={cache}", "-c", script],
                check=True,
                stderr=subprocess.DEVNULL,
                env=_environment_with_bytecode(),
            )

        actions = {name: run(script) for name, script in scripts.items()}
        for action in actions.values():
            action()
        return side_by_side(actions, rounds)


def _environment_with_bytecode() -> Dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
