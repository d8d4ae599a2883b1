"""Modules of TensorFlow that moved or are gone, in programs that `unihub run` runs."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest
import tensorflow as tf
from conftest import ROOT
from golden import check_golden

from unihub.dropin import moved
from unihub.runtime import tensorflow_version

RELEASE = tuple(int(part) for part in tensorflow_version().split(".")[:2])
needs_split = pytest.mark.skipif(RELEASE < (2, 11), reason="tracking is not split here")

SCRIPT = """\
import json
import tensorflow as tf
from tensorflow.estimator import Estimator, ModeKeys
import tensorflow.estimator.export
from tensorflow.python.training.tracking import base, tracking
from tensorflow.python.training.tracking.tracking import AutoTrackable

assert issubclass(AutoTrackable, base.Trackable)
assert tracking.TrackableAsset is tf.saved_model.Asset
print(json.dumps([ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT]))

def build(model_dir: str) -> Estimator:
    return tf.estimator.DNNClassifier(model_dir=model_dir)

def derive():
    class Own(tf.estimator.Estimator):
        pass

for use in (lambda: build("m"), derive, lambda: tf.estimator.export.ServingInputReceiver(1, 2)):
    try:
        use()
    except AttributeError as error:
        print(json.dumps(str(error)))
try:
    tracking.no_such_name
except AttributeError as error:
    print(json.dumps(str(error)))
"""


@pytest.mark.skipif(RELEASE < (2, 16), reason="TensorFlow has Estimators here")
def test_what_is_gone_is_gone_when_it_is_used(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "unihub", "run", str(tmp_path / "script.py")]
    done = subprocess.run(command, cwd=str(ROOT), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    modes, *refused, missing = map(json.loads, done.stdout.splitlines())
    assert modes == ["train", "eval", "infer"]
    start = "tf-estimator-gone: tf.estimator."
    names = [text[len(start) :].partition(" is used")[0] for text in refused]
    assert names == ["DNNClassifier", "Estimator", "export.ServingInputReceiver"]
    check_golden("tf-estimator-gone", refused[0], version=tf.__version__)
    name = "tensorflow.python.training.tracking.tracking"
    assert missing == f"module '{name}' has no attribute 'no_such_name'"


@needs_split
@pytest.mark.parametrize("name", sorted(moved._SUCCESSORS))
def test_the_successors_are_there(name):
    for successor in moved._SUCCESSORS[name]:
        importlib.import_module(f"tensorflow.python.{successor}")


def test_nothing_of_it_is_found_without_unihub_run():
    assert not any(isinstance(finder, moved.MovedFinder) for finder in sys.meta_path)
