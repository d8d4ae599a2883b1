"""Runs the scenarios with our hub.Module in a process without v2 behaviour.

disable_v2_behavior() belongs at the start of a program, so a test session cannot do it for
some of its tests. This writes the outcomes to the file that is its argument.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import tensorflow as tf
from apis.module import recording
from apis.module.scenarios import MODES, SCENARIOS, Scenario, observed

import unihub


def outcome(scenario: Scenario) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return observed(scenario, unihub, Path(folder))
        except Exception:  # the test that reads this shows it
            return {"failed": traceback.format_exc()}


def main(path: str) -> None:
    MODES["compat"]()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.FATAL)
    outcomes = {s.id: outcome(s) for s in SCENARIOS if not s.missing()}
    recording.write(Path(path), outcomes)


if __name__ == "__main__":
    main(sys.argv[1])
