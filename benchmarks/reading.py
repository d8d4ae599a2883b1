"""Reading a model's format and signatures, beside parsing the file with protobuf."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import List

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from benchmarks.timing import Measurement, side_by_side
from unihub.formats import read_saved_model


def measure() -> List[Measurement]:
    with tempfile.TemporaryDirectory() as folder:
        write_model(folder, functions=3300)
        file = Path(folder, "saved_model.pb")
        size = file.stat().st_size / 1e6
        return side_by_side(
            {
                f"parse {size:.1f} MB with protobuf": lambda: saved_model_pb2.SavedModel.FromString(
                    file.read_bytes()
                ),
                f"read_saved_model of {size:.1f} MB": lambda: read_saved_model(folder),
            },
            rounds=11,
        )


def write_model(folder: str, functions: int) -> None:
    """Writes a TF2 SavedModel with many functions, as large Keras models have them."""

    def layer(index: int) -> tf.function:
        return tf.function(lambda x: tf.nn.relu(x * float(index) + root.bias))

    root = tf.Module()
    root.bias = tf.Variable([0.0, 0.0])
    root.layers = [layer(index) for index in range(functions)]
    spec = tf.TensorSpec([None, 2], tf.float32)
    for function in root.layers:
        function.get_concrete_function(spec)
    root.__call__ = tf.function(root.layers[0], input_signature=[spec])
    tf.saved_model.save(root, folder)
