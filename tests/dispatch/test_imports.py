"""Who asks for little loads little: what the loads of a local model import of unihub."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from conftest import MODELS, ROOT

# Bringing a model here, and what stores it.
FETCHING = ("handles.sources", "handles.download", "handles.archive", "handles.cache")
TOOLS = ("conversion", "checking", "doctor", "demo", "cli", "dropin.shim", "dropin.running")
EAGER = "import tensorflow as tf, unihub"
GRAPH = "import tensorflow as tf, unihub; tf.compat.v1.disable_v2_behavior()"

# What is run, and the rooms of unihub that it has no business in.
LOADS = {
    "in full": (EAGER, "unihub.load({tf2!r}, fast=False)", ("apis.lean", "apis.module")),
    "by default": (EAGER, "unihub.load({tf2!r})", ("apis.module",)),
    "a layer": (EAGER, "unihub.load({tf2!r}, api='keras')", ("apis.lean", "apis.module")),
    "a module": (GRAPH, "unihub.load({tf1!r})", ("apis.lean", "apis.keras")),
    "initialize": (GRAPH, "unihub.initialize", ("apis.module.module", "apis.module.spec")),
    "inspect": (EAGER, "unihub.inspect({tf2!r})", ("apis", "dispatch")),
}
# Modules of unihub, and lines in them.
MOST = {"in full": (40, 6_500), "by default": (65, 11_000)}

IMPORTED = """
import sys
{start}
{load}
names = [
    name + " " + module.__file__
    for name, module in sys.modules.items()
    if name.split(".")[0] == "unihub" and getattr(module, "__file__", None)
]
print("\\n".join(names))
"""


def imported_by(start, load):
    paths = {"tf2": str(MODELS / "tf2_reusable"), "tf1": str(MODELS / "tf1_hub_scalar")}
    code = IMPORTED.format(start=start, load=load.format(**paths))
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    lines = done.stdout.decode().splitlines()
    return dict(line.split(" ", 1) for line in lines if line.startswith("unihub"))


@pytest.mark.parametrize("name", LOADS)
def test_a_load_stays_out_of_the_other_rooms(name):
    start, load, others = LOADS[name]
    if start is EAGER and not tf.executing_eagerly():
        pytest.skip(f"TensorFlow {tf.__version__} is in graph mode here")
    imported = imported_by(start, load)
    wrong = [
        module
        for module in imported
        for room in (*FETCHING, *TOOLS, *others)
        if f"{module}.".startswith(f"unihub.{room}.")
    ]
    assert wrong == []
    if name in MOST:
        files = [Path(file).read_text(encoding="utf-8") for file in imported.values()]
        modules, lines = MOST[name]
        assert len(files) <= modules
        assert sum(len(text.splitlines()) for text in files) <= lines
