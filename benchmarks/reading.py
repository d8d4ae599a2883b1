"""Reading a model's format and signatures, beside parsing the file with protobuf."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import List

from tensorflow.core.protobuf import saved_model_pb2

from benchmarks.timing import Measurement, side_by_side
from unihub.formats import read_saved_model


def measure() -> List[Measurement]:
    with tempfile.TemporaryDirectory() as folder:
        # Keras 2's format, with a function for each layer and mode: the largest there is.
        import tf_keras

        tf_keras.applications.EfficientNetB2(weights=None).save(folder)
        file = Path(folder, "saved_model.pb")
        size = f"{file.stat().st_size / 1e6:.1f} MB of EfficientNetB2"
        return side_by_side(
            {
                f"protobuf, {size}": lambda: saved_model_pb2.SavedModel.FromString(
                    file.read_bytes()
                ),
                f"read_saved_model, {size}": lambda: read_saved_model(folder),
            },
            rounds=21,
        )
