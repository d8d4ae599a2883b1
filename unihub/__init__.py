"""Loads any TensorFlow Hub model in any TensorFlow from 1.15 on.

``unihub.load(handle, op=...)`` chooses the API by TensorFlow Hub's published
TF1/TF2 compatibility matrix; ``import unihub as hub`` serves in the place of
``import tensorflow_hub as hub``. Importing this package imports no TensorFlow:
each name below is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

from unihub.hub_names import MODULE_API, NAMES

if TYPE_CHECKING:
    from unihub.converting import convert as convert
    from unihub.converting import validate as validate
    from unihub.dispatch import load as load
    from unihub.dispatch import save as save
    from unihub.dispatch import support as support
    from unihub.errors import MatrixRefusal as MatrixRefusal
    from unihub.errors import UnihubError as UnihubError
    from unihub.fetch import resolve as resolve
    from unihub.inspection.inspector import inspect as inspect
    from unihub.matrix import Format as Format
    from unihub.matrix import Operation as Operation
    from unihub.matrix import Runtime as Runtime
    from unihub.matrix import Status as Status
    from unihub.resolvers import register_resolver as register_resolver
    from unihub.runtime import environment as environment
    from unihub.settings import configure as configure
    from unihub.shim import install as install
    from unihub.shim import uninstall as uninstall
    from unihub.tf1.initialize import initialize as initialize

__version__ = "0.1.0"

_OWN = {
    "Format": "unihub.matrix:Format",
    "MatrixRefusal": "unihub.errors:MatrixRefusal",
    "Operation": "unihub.matrix:Operation",
    "Runtime": "unihub.matrix:Runtime",
    "Status": "unihub.matrix:Status",
    "UnihubError": "unihub.errors:UnihubError",
    "convert": "unihub.converting:convert",
    "configure": "unihub.settings:configure",
    "environment": "unihub.runtime:environment",
    "initialize": "unihub.tf1.initialize:initialize",
    "inspect": "unihub.inspection.inspector:inspect",
    "install": "unihub.shim:install",
    "load": "unihub.dispatch:load",
    "register_resolver": "unihub.resolvers:register_resolver",
    "resolve": "unihub.fetch:resolve",
    "save": "unihub.dispatch:save",
    "support": "unihub.dispatch:support",
    "uninstall": "unihub.shim:uninstall",
    "validate": "unihub.converting:validate",
}

# The rooms that people use by their own names; the matrix is callable as well.
_ROOMS = ("checking", "doctor", "formats", "matrix", "settings")

__all__ = sorted({*_OWN, *NAMES, "matrix"})  # pyright: ignore


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"unihub.{name}")
    if name in _OWN:
        module, _, attribute = _OWN[name].partition(":")
        value = getattr(importlib.import_module(module), attribute)
        globals()[name] = value
        return value
    # These follow the Keras in use and the graph mode, so they are not kept.
    if name == "KerasLayer":
        return _keras_layer_class()
    if name in MODULE_API:
        return getattr(importlib.import_module("unihub.routes.module").module_api(), name)
    raise AttributeError(f"module 'unihub' has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})


def _keras_layer_class() -> Any:
    hub = importlib.import_module("unihub.routes.tensorflow_hub")
    try:
        return importlib.import_module("unihub.routes.keras").keras_layer_class()
    except hub.TensorFlowHubUnusable as error:
        return hub.unusable("KerasLayer", error)
