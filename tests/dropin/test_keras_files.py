"""Files of Keras, read in a fresh process that has imported unihub and no more of it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS, ROOT

from unihub.apis.keras.kerases import keras_module
from unihub.apis.layers import keras_layer_class
from unihub.dropin import keras_files
from unihub.runtime.installed import Keras, current_keras

IN_TF1 = tf.__version__.startswith("1.")
KERAS_3 = current_keras() is Keras.KERAS3
X = np.ones((2, 3), np.float32)

# Under `unihub run` the script need not know of unihub.
READ = """\
import sys
import {first}
assert not {{"tensorflow", "keras", "tf_keras"}} & set(sys.modules), sys.modules
import tensorflow as tf
import numpy as np
for path in sys.argv[2:]:
    model = tf.keras.models.load_model(path, compile=False{options})
    print(np.round(model.predict(np.ones((2, 3), np.float32), verbose=0).ravel(), 4).tolist())
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The files that this Keras writes of a model, and what it predicts."""
    keras = keras_module()
    keras.backend.clear_session()
    inputs = keras.Input((3,))
    outputs = keras_layer_class()(str(MODELS / "tf2_reusable"), name="body")(inputs)
    model = keras.Model(inputs, outputs)
    folder = tmp_path_factory.mktemp("files")
    # That of TensorFlow 1.15 writes the same under each name.
    paths = [str(folder / name) for name in ("model.h5", "model.keras")[: 1 if IN_TF1 else 2]]
    for path in paths:
        model.save(path)
    return paths, np.round(model.predict(X, verbose=0).ravel(), 4).tolist()


@pytest.mark.parametrize("command", [(), ("-m", "unihub", "run")], ids=["import", "run"])
def test_a_fresh_process_reads_them(saved, command, tmp_path):
    paths, expected = saved
    (tmp_path / "script.py").write_text(
        READ.format(
            first="json" if command else "unihub", options=", safe_mode=False" if KERAS_3 else ""
        )
    )
    line = [sys.executable, *command, str(tmp_path / "script.py"), "--", *paths]
    done = subprocess.run(line, cwd=str(ROOT), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    printed = done.stdout.decode().splitlines()
    for line in printed:
        np.testing.assert_allclose(eval(line), expected, rtol=1e-3)
    assert len(printed) == len(paths)


@pytest.mark.skipif(not KERAS_3, reason="the Kerases 2 read no files of others")
def test_keras_3_reads_layers_by_the_name_that_they_had_in_keras_2():
    import keras

    config = {"handle": str(MODELS / "tf2_reusable"), "name": "body", "dtype": "float32"}
    with keras.src.saving.serialization_lib.SafeModeScope(False):
        layer = keras.layers.deserialize({"class_name": "KerasLayer", "config": config})
    assert type(layer) is keras_layer_class()


def test_a_class_of_that_name_is_not_displaced(monkeypatch):
    known = keras_module().utils.get_custom_objects()
    monkeypatch.setitem(known, "KerasLayer", "somebody else's")
    keras_files.tell_each_keras()
    assert known["KerasLayer"] == "somebody else's"


def test_each_keras_is_told_once():
    keras_files.tell_each_keras()
    finders = [f for f in sys.meta_path if hasattr(f, "tells_keras_of_unihub")]
    assert len(finders) == 1
