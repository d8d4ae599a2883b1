"""hub.Module for every TensorFlow from 1.15 on: TF1 Hub format in graph mode.

What surrounds Module (image modules, feature columns, export from an
Estimator) is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, List

from unihub.apis.module.create import add_signature, attach_message, create_module_spec
from unihub.apis.module.module import Module, eval_function_for_module
from unihub.apis.module.spec import (
    ModuleSpec,
    create_module_spec_from_saved_model,
    load_module_spec,
)

_WHEN_USED = {
    "ImageModuleInfo": "image",
    "LatestModuleExporter": "estimator",
    "attach_image_module_info": "image",
    "get_expected_image_size": "image",
    "get_num_image_channels": "image",
    "image_embedding_column": "feature_columns",
    "register_module_for_export": "estimator",
    "sparse_text_embedding_column": "feature_columns",
    "text_embedding_column": "feature_columns",
    "text_embedding_column_v2": "feature_columns",
}

__all__ = [  # pyright: ignore
    "Module",
    "ModuleSpec",
    "add_signature",
    "attach_message",
    "create_module_spec",
    "create_module_spec_from_saved_model",
    "eval_function_for_module",
    "load_module_spec",
    *_WHEN_USED,
]


def __getattr__(name: str) -> Any:
    if name not in _WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_WHEN_USED[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted(__all__)
