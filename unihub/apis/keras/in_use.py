"""Which Keras a layer is to be one of."""

from __future__ import annotations

import importlib
from typing import Any

from unihub import runtime
from unihub.matrix.values import Runtime
from unihub.runtime import installed


def keras_module() -> Any:
    """The module of the Keras that `unihub.KerasLayer` is a layer of."""
    flavour = installed.current_keras()
    if flavour is installed.Keras.KERAS3 and not keras3_in_use():
        return importlib.import_module("tf_keras")
    return importlib.import_module("tensorflow").keras


def keras3_in_use() -> bool:
    """Whether models are built with Keras 3 here."""
    # Keras 3 has no graph mode: there tf_keras is the one to build models with.
    eager = runtime.current_runtime() is Runtime.TF2
    return eager and installed.current_keras() is installed.Keras.KERAS3
