"""Two Kerases in one process: which one a layer and a tensor belong to."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Optional

from unihub.apis.keras.errors import OtherKeras
from unihub.matrix.values import Runtime
from unihub.runtime import current_runtime
from unihub.runtime.installed import Keras, current_keras

_KERASES = ("keras", "tf_keras")


def keras_module() -> Any:
    """The module of the Keras that `unihub.KerasLayer` is a layer of."""
    flavour = current_keras()
    if flavour is Keras.KERAS3 and not keras3_in_use():
        return importlib.import_module("tf_keras")
    return importlib.import_module("tensorflow").keras


def keras3_in_use() -> bool:
    """Whether models are built with Keras 3 here."""
    # Keras 3 has no graph mode: there tf_keras is the one to build models with.
    eager = current_runtime() is Runtime.TF2
    return eager and current_keras() is Keras.KERAS3


def keras_of(kind: type) -> str:
    """The package of the Keras that a class comes from.

    TensorFlow up to 2.5 has a Keras of its own, which is no package beside others.
    """
    return kind.__module__.partition(".")[0]


def check_keras(tensor: Any, own: str) -> None:
    """Refuses a symbolic tensor of another Keras than the layer's.

    Raises:
        OtherKeras: when it is one.
    """
    if type(tensor).__name__ != "KerasTensor" or own not in _KERASES:
        return
    other = keras_of(type(tensor))
    if other != own:
        raise OtherKeras(
            own=_shown(own), other=_shown(other), found=str(tensor), remedy=_remedy(own)
        )


def told_apart(own: str) -> Optional[str]:
    """How to name a layer for the other Keras, which shows it when it refuses it.

    Returns:
        None where no other Keras is loaded.
    """
    others = [name for name in _KERASES if name != own and name in sys.modules]
    if own not in _KERASES or not others:
        return None
    return f"of {_shown(own)}, not of {_shown(others[0])}: {_remedy(own)}"


def _shown(package: str) -> str:
    if package not in _KERASES:
        return package
    return f"{package} (Keras {_major(package)})"


def _major(package: str) -> str:
    version: str = sys.modules[package].__version__
    return version.partition(".")[0]


def _remedy(own: str) -> str:
    if own == "tf_keras":
        remedy = "import tf_keras as keras  # for the whole model"
        if current_runtime() is Runtime.TF2 and current_keras() is Keras.TF_KERAS:
            remedy += "; or, for Keras 3, leave the environment variable TF_USE_LEGACY_KERAS unset."
        return remedy
    if _major(own) == "2":
        return "from tensorflow import keras  # for the whole model"
    return (
        "import keras  # for the whole model; or, to stay with tf_keras, set the environment "
        "variable TF_USE_LEGACY_KERAS=1 before tensorflow is imported."
    )
