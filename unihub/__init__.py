"""Loads any TensorFlow Hub model in any TensorFlow from 1.15 on.

``unihub.load(handle, op=...)`` chooses the API by TensorFlow Hub's published
TF1/TF2 compatibility matrix; ``import unihub as hub`` serves in the place of
``import tensorflow_hub as hub``. Importing this package imports no TensorFlow:
each name below is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from unihub.dispatch import load as load
    from unihub.dispatch import save as save
    from unihub.dispatch import support as support
    from unihub.errors import MatrixRefusal as MatrixRefusal
    from unihub.errors import UnihubError as UnihubError
    from unihub.fetch import resolve as resolve
    from unihub.matrix import Format as Format
    from unihub.matrix import Operation as Operation
    from unihub.matrix import Runtime as Runtime
    from unihub.matrix import Status as Status
    from unihub.runtime import environment as environment
    from unihub.tf1.initialize import initialize as initialize

__version__ = "0.1.0"

_OWN = {
    "Format": "unihub.matrix:Format",
    "MatrixRefusal": "unihub.errors:MatrixRefusal",
    "Operation": "unihub.matrix:Operation",
    "Runtime": "unihub.matrix:Runtime",
    "Status": "unihub.matrix:Status",
    "UnihubError": "unihub.errors:UnihubError",
    "environment": "unihub.runtime:environment",
    "initialize": "unihub.tf1.initialize:initialize",
    "load": "unihub.dispatch:load",
    "resolve": "unihub.fetch:resolve",
    "save": "unihub.dispatch:save",
    "support": "unihub.dispatch:support",
}

# Of the hub.Module API, from tensorflow_hub where it has it, else ours.
_MODULE_API = (
    "ImageModuleInfo",
    "LatestModuleExporter",
    "Module",
    "ModuleSpec",
    "add_signature",
    "attach_image_module_info",
    "attach_message",
    "create_module_spec",
    "create_module_spec_from_saved_model",
    "eval_function_for_module",
    "get_expected_image_size",
    "get_num_image_channels",
    "image_embedding_column",
    "load_module_spec",
    "register_module_for_export",
    "sparse_text_embedding_column",
    "text_embedding_column",
    "text_embedding_column_v2",
)

__all__ = sorted([*_OWN, *_MODULE_API, "KerasLayer", "matrix"])  # pyright: ignore


def __getattr__(name: str) -> Any:
    if name == "matrix":
        return importlib.import_module("unihub.matrix")
    if name in _OWN:
        module, _, attribute = _OWN[name].partition(":")
        value = getattr(importlib.import_module(module), attribute)
        globals()[name] = value
        return value
    # These follow the Keras in use and the graph mode, so they are not kept.
    if name == "KerasLayer":
        return importlib.import_module("unihub.routes.keras").keras_layer_class()
    if name in _MODULE_API:
        return getattr(importlib.import_module("unihub.routes.module").module_api(), name)
    raise AttributeError(f"module 'unihub' has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
