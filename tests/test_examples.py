"""The examples run as they are, and reach the accuracies that they promise."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Dict

import pytest
from conftest import ROOT

import unihub
from unihub.matrix import Runtime

# From what is printed to the least and the greatest accuracy.
ACCURACIES = {
    "converted_image_fine_tuning": {
        "converted, in Keras": (0.9, 1.0),
        "by Module, in compat mode": (0.9, 1.0),
    },
    "distributed_training": {"on new points": (0.95, 1.0)},
    "image_training": {"on new images": (0.95, 1.0)},
    "text_training": {"on new sentences": (0.95, 1.0)},
    "tf1_image_fine_tuning": {
        "in training": (0.95, 1.0),
        "reloaded": (0.95, 1.0),
        # Were the weights that were trained not exported, it would be the same.
        "of the same head on the module before": (0.0, 0.7),
    },
    "tf1_text_new_head": {
        "in training": (0.95, 1.0),
        "reloaded, on words with labels": (0.95, 1.0),
        "reloaded, on words without labels": (0.95, 1.0),
    },
}


def printed_accuracies(output: str) -> Dict[str, float]:
    found = re.findall(r"^accuracy (.*): (\d\.\d{3})$", output, flags=re.MULTILINE)
    return {name: float(value) for name, value in found}


NEEDS_TF2 = ("converted_image_fine_tuning", "distributed_training")


@pytest.mark.parametrize("name", sorted(ACCURACIES))
def test_example(name, tmp_path):
    if name in NEEDS_TF2 and unihub.environment().runtime is not Runtime.TF2:
        pytest.skip("it needs TensorFlow 2")
    run = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py")],
        cwd=str(tmp_path),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    accuracies = printed_accuracies(run.stdout)
    assert sorted(accuracies) == sorted(ACCURACIES[name])
    for what, (least, most) in ACCURACIES[name].items():
        assert least <= accuracies[what] <= most, what
    assert list(tmp_path.iterdir()) == []


def test_every_example_is_run():
    examples = {path.stem for path in (ROOT / "examples").glob("*.py")}
    # Those of Beam are run where it is: tests/engines/test_beam.py.
    assert {name for name in examples if not name.startswith("beam_")} == set(ACCURACIES)
