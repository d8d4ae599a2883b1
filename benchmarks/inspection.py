"""`unihub inspect` and `unihub.inspect`, each in a process of its own, beside
`saved_model_cli show --all`.

And what looking for dangers costs, beside the load that it goes before.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import List

import numpy as np
import tensorflow as tf

from benchmarks.timing import Measurement, processes, side_by_side
from unihub.formats import read_saved_model
from unihub.inspection.dangers import Severity
from unihub.inspection.security import security_findings

_ROOT = Path(__file__).resolve().parent.parent
_SHARED = Path(os.environ.get("UNIHUB_SHARED_MODELS", _ROOT.parent / "shared" / "models"))
_SILENT = "import os, sys; sys.stdout = open(os.devnull, 'w'); "
_CLI = (
    _SILENT + "sys.argv = ['saved_model_cli', 'show', '--dir', {folder!r}, '--all']; "
    "from tensorflow.python.tools.saved_model_cli import main; main()"
)
_INSPECT = _SILENT + "import unihub; print(unihub.inspect({folder!r}))"
_COMMAND = _SILENT + (
    "sys.argv = ['unihub', 'inspect', {folder!r}]; from unihub.cli import main; main()"
)
_FLOATS_OF_100_MB = 25_000_000


def measure() -> List[Measurement]:
    found: List[Measurement] = []
    with tempfile.TemporaryDirectory() as folder:
        large, keras = os.path.join(folder, "large"), os.path.join(folder, "keras")
        _save_large(large)
        _save_efficientnet(keras)
        models = {"100 MB": large, "EfficientNetB4": keras}
        guesslang = _SHARED / "guesslang__model"
        if guesslang.is_dir():
            models["guesslang"] = str(guesslang)
        for name, path in models.items():
            found += processes(
                {
                    f"saved_model_cli, {name}": _CLI.format(folder=path),
                    f"unihub inspect, {name}": _COMMAND.format(folder=path),
                    f"unihub.inspect, {name}": _INSPECT.format(folder=path),
                },
                rounds=3,
            )
        model = read_saved_model(keras)
        found += side_by_side(
            {
                "tf.saved_model.load, EfficientNetB4": lambda: tf.saved_model.load(keras),
                "security_findings, EfficientNetB4": lambda: security_findings(
                    model, Severity.HIGH
                ),
            },
            rounds=3,
        )
    return found


def _save_large(path: str) -> None:
    module = tf.Module()
    table = np.random.rand(_FLOATS_OF_100_MB).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def call(ids: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.constant(table), ids)

    module.__call__ = call
    tf.saved_model.save(module, path, signatures=call)


def _save_efficientnet(path: str) -> None:
    # Keras 2's format, with functions for each layer and mode: the largest there is.
    import tf_keras

    tf_keras.applications.EfficientNetB4(weights=None).save(path)
