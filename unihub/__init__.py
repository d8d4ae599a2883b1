"""Loads any TensorFlow Hub model in any TensorFlow from 1.15 on.

``unihub.load(handle, op=...)`` chooses the API by TensorFlow Hub's published
TF1/TF2 compatibility matrix; ``import unihub as hub`` serves in the place of
``import tensorflow_hub as hub``. Importing this package imports no TensorFlow:
each name below is imported when it is first used. For type checkers and editors
they are in __init__.pyi.
"""

from __future__ import annotations

import importlib
from typing import Any, List

from unihub.dropin.hub_names import MODULE_API, NAMES
from unihub.dropin.keras_files import tell_each_keras

__version__ = "1.0.0"

# Name → the module that has it.
_OWN = {
    "Format": "matrix",
    "MatrixRefusal": "errors",
    "Operation": "matrix",
    "Predictor": "engines.predictor",
    "Runtime": "matrix",
    "Status": "matrix",
    "UnihubError": "errors",
    "convert": "conversion.convert",
    "configure": "settings",
    "environment": "runtime.installed",
    "functional": "dispatch.functional",
    "initialize": "apis.module.initialize",
    "inspect": "inspection.inspector",
    "install": "dropin.shim",
    "load": "dispatch.load",
    "register_resolver": "handles.resolvers",
    "resolve": "handles.resolving",
    "save": "dispatch.save",
    "support": "dispatch.support",
    "uninstall": "dropin.shim",
    "validate": "conversion.convert",
}

# The rooms that people use by their own names; the matrix is callable as well.
_ROOMS = ("checking", "doctor", "formats", "matrix", "settings")

__all__ = sorted({*_OWN, *NAMES, "matrix"})  # pyright: ignore


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"unihub.{name}")
    if name in _OWN:
        value = getattr(importlib.import_module(f"unihub.{_OWN[name]}"), name)
        globals()[name] = value
        return value
    # These follow the Keras in use and the graph mode, so they are not kept.
    if name == "KerasLayer":
        return _keras_layer_class()
    if name in MODULE_API:
        return getattr(importlib.import_module("unihub.apis.module"), name)
    raise AttributeError(f"module 'unihub' has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted({*__all__, *_ROOMS, "__version__"})


def _keras_layer_class() -> Any:
    hub = importlib.import_module("unihub.apis.tensorflow_hub")
    try:
        return importlib.import_module("unihub.apis.layers").keras_layer_class()
    except hub.TensorFlowHubUnusable as error:
        return hub.unusable("KerasLayer", error)


tell_each_keras()
