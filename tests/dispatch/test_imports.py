"""Who asks for little loads little: what the loads of a local model import of unihub."""

from __future__ import annotations

import json
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
OF_LAYERS = ("apis.keras", "apis.lean.frozen", "apis.lean.in_graphs", "apis.lean.tracing")
EAGER = "import tensorflow as tf, unihub; tf.compat.v1.enable_v2_behavior()"
GRAPH = "import tensorflow as tf, unihub; tf.compat.v1.disable_v2_behavior()"

# What is run, and the rooms of unihub that it has no business in.
LOADS = {
    "in full": (EAGER, "unihub.load({tf2!r}, fast=False)", ("apis.lean", "apis.module")),
    "by default": (EAGER, "unihub.load({tf2!r})", ("apis.module", *OF_LAYERS)),
    "a layer": (EAGER, "unihub.load({tf2!r}, api='keras')", ("apis.module",)),
    "training": (EAGER, "unihub.load({tf2!r}, op='fine_tuning')", ("apis.module",)),
    "a module": (GRAPH, "unihub.load({tf1!r})", ("apis.lean", "apis.keras")),
    "initialize": (GRAPH, "unihub.initialize", ("apis.module.module", "apis.module.spec")),
    "inspect": (EAGER, "unihub.inspect({tf2!r})", ("apis", "dispatch")),
}
# Modules of unihub, and lines in them.
MOST = {"in full": (40, 6_500), "by default": (65, 11_000)}

# Each load has a process, in which only TensorFlow is imported already.
IMPORTED = """
import json, os, sys
import tensorflow as tf
for name, start, load in json.loads(sys.argv[1]):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        continue
    exec(start)
    exec(load)
    ours = {key: sys.modules[key] for key in list(sys.modules) if key.split(".")[0] == "unihub"}
    files = {key: getattr(module, "__file__", None) for key, module in ours.items()}
    print(json.dumps([name, {key: file for key, file in files.items() if file}]), flush=True)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def imported():
    """The modules of unihub that each load has imported, with their files."""
    paths = {"tf2": str(MODELS / "tf2_reusable"), "tf1": str(MODELS / "tf1_hub_scalar")}
    loads = [
        (name, start, load.format(**paths))
        for name, (start, load, _) in LOADS.items()
        if start is GRAPH or tf.executing_eagerly()
    ]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, json.dumps(loads)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    lines = done.stdout.decode().splitlines()
    return dict(json.loads(line) for line in lines if line.startswith("["))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("name", LOADS)
def test_a_load_stays_out_of_the_other_rooms(name, imported):
    start, _, others = LOADS[name]
    if start is EAGER and not tf.executing_eagerly():
        pytest.skip(f"TensorFlow {tf.__version__} is in graph mode here")
    wrong = [
        module
        for module in imported[name]
        for room in (*FETCHING, *TOOLS, *others)
        if f"{module}.".startswith(f"unihub.{room}.")
    ]
    assert wrong == []
    if name in MOST:
        files = [Path(file).read_text(encoding="utf-8") for file in imported[name].values()]
        modules, lines = MOST[name]
        assert len(files) <= modules
        assert sum(len(text.splitlines()) for text in files) <= lines
