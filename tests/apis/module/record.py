"""Records what the real hub.Module does in each scenario.

Run it in the stack with TensorFlow 1.15.5 first, then in the one with 2.15.1:

    PYTHONPATH=tests python tests/apis/module/record.py

It prints where two runs of one scenario are not equal; such a scenario proves nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Dict

import tensorflow as tf
import tensorflow_hub
from apis.module import recording
from apis.module.observe import differences
from apis.module.scenarios import MODES, SCENARIOS, Scenario, observed


def outcome(scenario: Scenario) -> Any:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        once = observed(scenario, tensorflow_hub, Path(first))
        again = observed(scenario, tensorflow_hub, Path(second))
    for line in differences(once, again):
        print("not reproducible:", scenario.id, line)
    return once


def record() -> None:
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.FATAL)
    available = [s for s in SCENARIOS if not s.missing()]
    if list(MODES) == ["tf1"]:
        recording.write(recording.TF1, {s.id: outcome(s) for s in available})
        return
    base = recording.read(recording.TF1)
    others: Dict[str, Any] = {}
    for mode, enter in MODES.items():
        enter()
        for scenario in available:
            found = recording.overrides(outcome(scenario), base.get(scenario.id, {}))
            if found:
                others[f"{mode} {scenario.id}"] = found
    recording.write(recording.TF2, others)


if __name__ == "__main__":
    record()
