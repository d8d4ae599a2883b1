"""Loads any TensorFlow Hub model in any TensorFlow from 1.15 on.

``unihub.load(handle, op=...)`` chooses the API by TensorFlow Hub's published
TF1/TF2 compatibility matrix; ``import unihub as hub`` serves in the place of
``import tensorflow_hub as hub``. Importing this package imports no TensorFlow:
each name below is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

from unihub.dropin.hub_names import MODULE_API, NAMES
from unihub.dropin.keras_files import tell_each_keras

if TYPE_CHECKING:
    from unihub.apis.module.initialize import initialize as initialize
    from unihub.conversion.convert import convert as convert
    from unihub.conversion.convert import validate as validate
    from unihub.dispatch.load import load as load
    from unihub.dispatch.save import save as save
    from unihub.dispatch.support import support as support
    from unihub.dropin.shim import install as install
    from unihub.dropin.shim import uninstall as uninstall
    from unihub.engines.predictor import Predictor as Predictor
    from unihub.errors import MatrixRefusal as MatrixRefusal
    from unihub.errors import UnihubError as UnihubError
    from unihub.handles.resolvers import register_resolver as register_resolver
    from unihub.handles.resolving import resolve as resolve
    from unihub.inspection.inspector import inspect as inspect
    from unihub.matrix import Format as Format
    from unihub.matrix import Operation as Operation
    from unihub.matrix import Runtime as Runtime
    from unihub.matrix import Status as Status
    from unihub.runtime.installed import environment as environment
    from unihub.settings import configure as configure

__version__ = "0.1.0"

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
    return sorted({*globals(), *__all__})


def _keras_layer_class() -> Any:
    hub = importlib.import_module("unihub.apis.tensorflow_hub")
    try:
        return importlib.import_module("unihub.apis.layers").keras_layer_class()
    except hub.TensorFlowHubUnusable as error:
        return hub.unusable("KerasLayer", error)


tell_each_keras()
