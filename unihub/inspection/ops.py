"""Which ops there are, and what a model's ops ask for."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Dict, FrozenSet, Iterable, List, Tuple

from unihub.op_packages import package_of

_FILE = os.path.join(os.path.dirname(__file__), "tensorflow_ops.txt")
_CONTROL_FLOW_V1 = ("Enter", "Exit", "LoopCond", "Merge", "NextIteration", "Switch")
CONTROL_FLOW_V1 = frozenset((*_CONTROL_FLOW_V1, *(f"Ref{op}" for op in _CONTROL_FLOW_V1)))


@lru_cache(maxsize=None)
def tensorflow_ops() -> FrozenSet[str]:
    """The ops of TensorFlow's own releases, 1.15.5, 2.15.1 and 2.21.0 together."""
    with open(_FILE, encoding="utf-8") as file:
        return frozenset(file.read().split())


def unknown_ops(ops: Iterable[str]) -> Dict[str, List[str]]:
    """The ops that are not TensorFlow's own, by the package that registers them.

    Returns:
        By package, ``""`` for those that no known package registers.
    """
    strange = sorted(set(ops) - tensorflow_ops())
    found: Dict[str, List[str]] = {}
    for op in strange:
        found.setdefault(package_of([op]) or "", []).append(op)
    return found


def control_flow_v1(ops: Iterable[str]) -> Tuple[str, ...]:
    """The ops of TF1's control flow among these, in alphabetical order."""
    return tuple(sorted(set(ops) & CONTROL_FLOW_V1))
