"""Outcomes of the scenarios with the real hub.Module, as files beside this one.

``tf1_15.json`` holds every observation made with TensorFlow 1.15.5. ``tf2_15.json`` holds, by
mode, those observations that were others with TensorFlow 2.15.1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

from apis.module.observe import differences

FOLDER = Path(__file__).parent / "recorded"
TF1 = FOLDER / "tf1_15.json"
TF2 = FOLDER / "tf2_15.json"

Outcomes = Dict[str, Dict[str, Any]]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write(path: Path, outcomes: Dict[str, Any]) -> None:
    """One line for each scenario, so that a change of one shows as one."""
    lines = (
        f"{json.dumps(key)}: {json.dumps(outcomes[key], sort_keys=True, ensure_ascii=False)}"
        for key in sorted(outcomes)
    )
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def expected(mode: str) -> Outcomes:
    """What the real hub.Module was recorded to do in one of scenarios.MODES."""
    outcomes: Outcomes = read(TF1)
    if mode == "tf1":
        return outcomes
    others = {key.split(" ", 1)[1]: v for key, v in read(TF2).items() if key.startswith(mode + " ")}
    merged = {key: {**outcome, **others.pop(key, {})} for key, outcome in outcomes.items()}
    return {**merged, **others}


def overrides(outcome: Dict[str, Any], base: Dict[str, Any]) -> Dict[str, Any]:
    """The observations of ``outcome`` that are not as in ``base``."""
    return {
        key: value
        for key, value in outcome.items()
        if key not in base or differences(base[key], value) or differences(value, base[key])
    }
