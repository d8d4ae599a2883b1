"""Reading a model's format and signatures, beside parsing the file with protobuf."""

from __future__ import annotations

from typing import Iterator

from tensorflow.core.protobuf import saved_model_pb2

from benchmarks.measuring import Case
from benchmarks.models import path_of
from unihub.formats import read_saved_model


def cases(quick: bool) -> Iterator[Case]:
    # Keras 2's format, with a function for each layer and mode: the largest there is.
    name = "mobilenet_v2" if quick else "efficientnet_b4"
    path = path_of(name)
    file = path / "saved_model.pb"
    yield Case(
        f"{name}, {file.stat().st_size / 1e6:.1f} MB",
        {
            "protobuf": lambda: saved_model_pb2.SavedModel.FromString(file.read_bytes()),
            "read_saved_model": lambda: read_saved_model(path),
        },
        rounds=11,
    )
