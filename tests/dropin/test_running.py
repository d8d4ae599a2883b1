"""Scripts run by `python -m unihub run` as `python` runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from conftest import MODELS, ROOT

import unihub

SCRIPTS = ROOT / "tests" / "scripts"
IN_TF1 = tf.__version__.startswith("1.")

REPORT = """\
import sys
names = sorted(set(globals()) - {"__conditional_annotations__"})
print(__name__, __file__, __package__, __spec__ and __spec__.name, names)
print(sys.argv, sys.path[0], type(__loader__).__mro__[-5:])
print(sys.modules["__main__"].__dict__ is globals(), __builtins__)
"""
RAISING = "def f():\n    raise ValueError('no')\ntry:\n    f()\nexcept ValueError:\n    1 / 0\n"

# What each script holds.
FILES = {
    "report.py": REPORT,
    "raises.py": RAISING,
    "exits.py": "import sys\nsys.exit(3)\n",
    "exits_with_text.py": "raise SystemExit('enough')\n",
    "wrong_syntax.py": "x = 1\nif x\n",
    "interrupted.py": "import atexit\natexit.register(print, 'bye')\nraise KeyboardInterrupt\n",
    "own_hook.py": "import sys\nsys.excepthook = lambda *args: print(args[0])\n1 / 0\n",
    "pickles.py": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))))\n",
    "sibling_of.py": "import side.low\n",
    "side/__init__.py": "",
    "side/low.py": "print(__name__, __file__)\nraise OSError('low')\n",
    "side/__main__.py": "from side import __path__\n" + REPORT,
    "folder/__main__.py": REPORT + RAISING,
}

# As given to python, and to unihub run.
COMMANDS = [
    ("report.py",),
    ("report.py", "--v1", "-m", "--help", "-h", "x y", ""),
    ("raises.py",),
    ("exits.py",),
    ("exits_with_text.py",),
    ("wrong_syntax.py",),
    ("own_hook.py",),
    ("pickles.py",),
    ("sibling_of.py",),
    ("-m", "report", "--v1", "-x"),
    ("-m", "side", "a"),
    ("-m", "raises"),
    ("-m", "no_such_module"),
    ("folder", "a"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripts")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def outcome(folder, *arguments):
    """Exit code, stdout and stderr of a Python process."""
    path = str(Path(unihub.__file__).parent.parent)
    process = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=str(folder),
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    return process.returncode, process.stdout, process.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_it_runs_as_with_python(folder, command):
    assert outcome(folder, "-m", "unihub", "run", *command) == outcome(folder, *command)


def test_an_interrupted_script(folder):
    _, printed, told = outcome(folder, "interrupted.py")
    assert outcome(folder, "-m", "unihub", "run", "interrupted.py") == (130, printed, told)


def test_a_missing_script_is_wrong_usage(folder):
    code, printed, told = outcome(folder, "-m", "unihub", "run", "nowhere.py")
    assert (code, printed) == (2, "")
    assert told.endswith("Error: there is no script 'nowhere.py'\n")


@pytest.mark.skipif(IN_TF1, reason="TensorFlow 1.15 needs nothing rewritten")
def test_no_compiled_code_is_left_for_plain_python(tmp_path):
    """Files read as compat.v1 must not be taken for what they say."""
    (tmp_path / "script.py").write_text("import sibling\n")
    (tmp_path / "sibling.py").write_text("def f():\n    import tensorflow\n")
    assert outcome(tmp_path, "-m", "unihub", "run", "--v1", "script.py") == (0, "", "")
    assert sorted(path.name for path in tmp_path.rglob("*.py*")) == ["script.py", "sibling.py"]


WHAT_IS_IMPORTED = """\
import os, sys
os.environ["SET_BY_SCRIPT"] = "before TensorFlow"
assert "tensorflow" not in sys.modules
import tensorflow
import tensorflow as tf, json
from tensorflow import placeholder as p
import tensorflow.compat.v1 as v1
import tensorflow_hub as hub, unihub
from tensorflow_hub.module import Module
import tensorflow_hub.keras_layer
print(tf is tensorflow, p is tf.placeholder, v1.Session is tf.Session, tf.executing_eagerly())
print(sys.modules["tensorflow"].__name__, hub.load is unihub.load, Module is unihub.Module)
print(tf.layers.dense(tf.ones([2, 3]), 4).shape, issubclass(hub.KerasLayer, tf.keras.layers.Layer))
tf.no_such_name
"""


def test_what_v1_gives(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(WHAT_IS_IMPORTED)
    code, printed, told = outcome(tmp_path, "-m", "unihub", "run", "--v1", "script.py")
    assert code == 1, told
    assert printed.splitlines() == [
        "True True True False",
        "tensorflow True True",
        "(2, 4) True",
    ]
    last = told[told.index("Traceback") :].splitlines()
    assert last[2] == "    tf.no_such_name"
    assert [line for line in last if "unihub" in line] == []


# What each script is given, and what it prints.
TF1_SCRIPTS = {
    "text_classification.py": (
        ["--module", str(MODELS / "tf1_hub_text")],
        "trainable variables: ['classifier/kernel', 'classifier/bias']\ntest accuracy: 1.00\n",
    ),
    "retrain_image.py": (
        ["--tfhub_module", str(MODELS / "tf1_hub_image")],
        "update ops: 2, regularizers: 1\nfinal test accuracy: 1.00\n",
    ),
    "export_module.py": (
        [],
        (
            "exported: ['assets', 'saved_model.pb', 'tfhub_module.pb', 'variables']\n"
            "signatures: ['default']\n[[0.0, 1.0], [-1.0, 0.5], [0.0, 0.0]]\n"
        ),
    ),
}


@pytest.mark.parametrize("name", TF1_SCRIPTS)
def test_a_script_for_tf1(name, tmp_path):
    arguments, expected = TF1_SCRIPTS[name]
    command = ["-m", "unihub", "run", "--v1", str(SCRIPTS / name), *arguments]
    code, printed, told = outcome(tmp_path, *command)
    assert (code, printed) == (0, expected), told


@pytest.mark.skipif(not IN_TF1, reason="they are scripts for TensorFlow 1.15")
@pytest.mark.parametrize("name", TF1_SCRIPTS)
def test_it_is_a_script_for_tf1(name, tmp_path):
    arguments, expected = TF1_SCRIPTS[name]
    code, printed, told = outcome(tmp_path, str(SCRIPTS / name), *arguments)
    assert (code, printed) == (0, expected), told
