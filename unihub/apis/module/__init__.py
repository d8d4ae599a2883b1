"""hub.Module for every TensorFlow from 1.15 on: TF1 Hub format in graph mode.

Each name is imported with its file when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, List

# By name, the file that has it.
_FILES = {
    "ImageModuleInfo": "image",
    "LatestModuleExporter": "estimator",
    "Module": "module",
    "ModuleSpec": "spec",
    "add_signature": "create",
    "attach_image_module_info": "image",
    "attach_message": "create",
    "create_module_spec": "create",
    "create_module_spec_from_saved_model": "spec",
    "eval_function_for_module": "module",
    "get_expected_image_size": "image",
    "get_num_image_channels": "image",
    "image_embedding_column": "feature_columns",
    "load_module_spec": "spec",
    "register_module_for_export": "estimator",
    "sparse_text_embedding_column": "feature_columns",
    "text_embedding_column": "feature_columns",
    "text_embedding_column_v2": "feature_column_v2",
}

__all__ = sorted(_FILES)  # pyright: ignore


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
