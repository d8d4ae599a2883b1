"""The doctor's conflicts, each made to happen beside the packages of a stack.

Not collected by default, for it installs packages: run it in a stack with
``python -m pytest tests/doctor/conflicts_made_real.py``. The conflicting release is
installed by uv into a folder that comes first on the path.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from conftest import MODELS, ROOT

from unihub.doctor import installation_here

TENSORFLOW = installation_here().packages["tensorflow"]
STACK = {"1.15": "tf1", "2.15": "tf215"}.get(TENSORFLOW[:4], "keras3")

DIAGNOSE = """
import json
from unihub.doctor import installation_here, problems_of
print(json.dumps([problem.id for problem in problems_of(installation_here())]))
"""

# stack, conflict, what is installed, what then fails, what it says
CASES = [
    ("tf1", "protobuf-too-new", ["protobuf==4.21.12"], "import tensorflow", "Descriptors cannot"),
    (
        "tf215",
        "keras-3-with-tensorflow-2-15",
        ["keras==3.6.0", "namex", "optree", "rich"],
        f"import tensorflow_hub as hub; hub.KerasLayer({str(MODELS / 'tf2_reusable')!r})",
        "experimental_autocast",
    ),
    ("tf215", "numpy-2-with-older-tensorflow", ["numpy==2.0.2"], "import tensorflow", "numpy"),
    ("keras3", "hub-without-pkg-resources", [], "import tensorflow_hub", "pkg_resources"),
    (
        "keras3",
        "hub-needs-estimator",
        ["tensorflow-hub==0.15.0", "setuptools==75.0.0"],
        "import tensorflow_hub",
        "estimator",
    ),
    (
        "keras3",
        "keras-2-with-tensorflow-2-16",
        ["keras==2.15.0"],
        "import tensorflow as tf; tf.keras.layers.Dense",
        "keras",
    ),
    (
        "keras3",
        "companion-of-another-tensorflow",
        ["tf-keras==2.15.1"],
        "import tf_keras",
        "tensorflow",
    ),
]
HERE = [case for case in CASES if case[0] == STACK]


@pytest.mark.parametrize(
    ("conflict", "packages", "statement", "said"),
    [case[1:] for case in HERE],
    ids=[f"{case[1]}-{len(case[2])}" for case in HERE],
)
def test_conflict_happens_and_is_found(conflict, packages, statement, said, tmp_path):
    if packages:
        install = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
        subprocess.check_call([*install, "--python", sys.executable, *packages])
    failed = run(statement, tmp_path)
    assert failed.returncode != 0
    assert said in failed.stderr
    assert conflict in json.loads(run(DIAGNOSE, tmp_path).stdout)


def run(script, folder):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
        capture_output=True,
        text=True,
    )
