"""Measuring two or more things in turn, on a machine that others use too."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional

TIME, OUTPUTS = "time", "outputs"
# Of which more is better.
RATE = "rows/s"
_LEAST = 1e-9


@dataclass(frozen=True)
class Case:
    """Things that do the same work.

    Attributes:
        name: the model or the situation.
        arms: what is measured, by name; the first is the peer of the others.
        rounds: how often each is measured.
        calls: made in each round, of which the mean counts.
        reports: whether the arms return their own figures, by measure, and under
            "outputs" what must be the same for all of them; an arm that returns {}
            cannot do the work. Otherwise they are timed.
        once_before: the names of the arms that are run before the rounds, for what
            is made once.
    """

    name: str
    arms: Mapping[str, Callable[[], Any]]
    rounds: int
    calls: int = 1
    reports: bool = False
    once_before: Optional[List[str]] = None


@dataclass(frozen=True)
class Row:
    """What one arm of a case gave.

    Attributes:
        case, arm: their names.
        figures: medians over the rounds, by measure: in seconds, or MiB.
        ratios: of the peer's figure to this one in the same round, their median, by
            measure: how many times faster, or smaller. The peer has none.
        rounds: of which the medians are.
        outputs_equal: whether all arms gave the same outputs in all rounds; None
            where they were not compared.
    """

    case: str
    arm: str
    figures: Mapping[str, float]
    ratios: Mapping[str, float]
    rounds: int
    outputs_equal: Optional[bool] = None


def measured(case: Case, quick: bool = False) -> List[Row]:
    """Measures the arms of a case in turn, so that what slows the machine slows all.

    Args:
        case: what to measure.
        quick: whether one round will do, to see that all of it works.
    """
    rounds = 1 if quick else case.rounds
    for arm in case.arms if case.once_before is None else case.once_before:
        case.arms[arm]()
    taken: Dict[str, List[Mapping[str, Any]]] = {arm: [] for arm in case.arms}
    for _ in range(rounds):
        for arm, action in case.arms.items():
            taken[arm].append(action() if case.reports else _timed(action, case.calls))
    done = {arm: several for arm, several in taken.items() if several[0]}
    outputs = {each[OUTPUTS] for several in done.values() for each in several if OUTPUTS in each}
    peer = next(iter(done))
    return [
        Row(
            case.name,
            arm,
            {
                what: statistics.median(each[what] for each in several)
                for what in _measures(several)
            },
            {} if arm == peer else _ratios(done[peer], several),
            rounds,
            len(outputs) == 1 if outputs else None,
        )
        for arm, several in done.items()
    ]


def python(*arguments: str, **changes: Optional[str]) -> Callable[[], str]:
    """A whole Python process, as an arm; it returns what was printed.

    Bytecode is cached, as it is for everybody but for the first run after an
    installation.
    """

    def run() -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            env=environment(**changes),
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return done.stdout

    return run


def environment(**changes: Optional[str]) -> Dict[str, str]:
    """The variables of a process that is measured; None takes one out."""
    changed: Dict[str, Optional[str]] = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONDONTWRITEBYTECODE": None,
        **changes,
    }
    return {name: value for name, value in changed.items() if value is not None}


def _timed(action: Callable[[], Any], calls: int) -> Mapping[str, float]:
    start = time.perf_counter()
    for _ in range(calls):
        action()
    return {TIME: (time.perf_counter() - start) / calls}


def _measures(several: List[Mapping[str, Any]]) -> List[str]:
    return [what for what in several[0] if what != OUTPUTS]


def _ratios(
    peers: List[Mapping[str, Any]], several: List[Mapping[str, Any]]
) -> Mapping[str, float]:
    # Memory that is shared altogether is none.
    return {
        what: statistics.median(
            each[what] / peer[what] if what == RATE else peer[what] / max(each[what], _LEAST)
            for peer, each in zip(peers, several)
        )
        for what in _measures(several)
        # What only one of them has is beside nothing.
        if what in peers[0]
    }
