"""Values given in the place of a TF1 Hub module, and the line that works with each."""

from __future__ import annotations

import inspect
import os
from typing import Any, Optional

import tensorflow as tf

from unihub.apis.module.compat import is_of_tensorflow_hub
from unihub.apis.module.errors import (
    NotAFolder,
    NotAModule,
    NotAModuleSpec,
    VariablesInObjects,
)
from unihub.apis.proxy import CallableObject
from unihub.errors import UnihubError, listed, path_text
from unihub.formats.model import FormatError, SavedModel, read_saved_model
from unihub.formats.not_a_model import require_folder
from unihub.handles import parsing, resolving
from unihub.inspection.judge import judge
from unihub.matrix.values import Format, Operation
from unihub.runtime import current_runtime

_SOME_HANDLE = repr("path/to/module")

# What tf.saved_model.load gives, Keras 2's layers and tf.Module have it for a base.
_TRACKABLE = next(base for base in tf.Module.__mro__ if base.__name__ == "AutoTrackable")


def pasteable(handle: str) -> str:
    """A handle as it is written in a line, up to the query, which is hidden."""
    text = parsing.shown(handle)
    return repr(text[:-2] if text.endswith("?…") else text)


def not_a_module(folder: str, handle: str) -> NotAModule:
    """The error for a folder without tfhub_module.pb, which may hold another kind of model.

    Args:
        folder: where the file is missing.
        handle: what led there, as it may be shown.
    """
    found = listed(sorted(tf.io.gfile.listdir(folder)) if tf.io.gfile.isdir(folder) else [])
    try:
        model = read_saved_model(folder)
    except FormatError as error:
        reason = f"; {error.what.rstrip('.')}"
        return NotAModule(
            folder=handle, kind="a folder", reason=reason, found=found, remedy=error.do
        )
    return NotAModule(
        folder=handle,
        kind=f"a {model.format.label}",
        reason="",
        found=found,
        remedy=_line(handle, model),
    )


def of_tf2_variables(folder: str, handle: str) -> VariablesInObjects:
    """The error for a TF2 SavedModel whose variables a module would not have."""
    return VariablesInObjects(handle=handle, remedy=_line(handle, read_saved_model(folder)))


def not_a_folder(path: str) -> NotAFolder:
    """The error for a file in the place of a folder."""
    try:
        require_folder(path)
    except UnihubError as error:
        return NotAFolder(file=path, remedy=error.do)
    raise AssertionError(f"{path} is a folder")


def not_a_spec(value: Any) -> NotAModuleSpec:
    """The error for what is neither a ModuleSpec nor a handle."""
    found, remedy = repr(value), f"unihub.Module({argument_for(value)})"
    handle, model = handle_of(value), model_of(value)
    if _is_module(value):
        found, remedy = "a Module", "m(inputs)"
    elif _is_function(value):
        found = "a function"
    elif handle is not None:
        found = "a loaded model"
    elif is_loaded(value):
        found = "a model"
    if handle is not None and model is not None and model.format is not Format.TF1_HUB:
        remedy = _line(parsing.shown(handle), model)
    return NotAModuleSpec(found=found, kind=type(value).__name__, remedy=remedy)


def argument_for(value: Any) -> str:
    """The line where ``value`` was given, and a spec or the handle of a module is due."""
    if _is_function(value):
        return "unihub.create_module_spec(module_fn)"
    handle = handle_of(value)
    return _SOME_HANDLE if handle is None else pasteable(handle)


def model_of(value: Any) -> Optional[SavedModel]:
    """The SavedModel that a handle leads to or a loaded object came from; None if unknown."""
    handle = handle_of(value)
    if handle is None:
        return None
    try:
        return read_saved_model(resolving.locate(handle))
    except UnihubError:
        return None


def handle_of(value: Any) -> Optional[str]:
    """The handle itself, or that of a loaded object; None where it does not know it."""
    if isinstance(value, (str, os.PathLike)):
        return path_text(value)
    cls = type(value)
    # Of a lean object its class is asked: it would load all the rest itself to answer.
    if hasattr(cls, "_lean_handle"):
        own: str = object.__getattribute__(value, "_lean_handle")
        return own
    call = None
    if hasattr(cls, "_lean_call"):
        call = object.__getattribute__(value, "_lean_call")
    elif cls is CallableObject:
        call = value._self_call
    return getattr(call, "_handle", None)


def is_loaded(value: Any) -> bool:
    """Whether a value is a model that is loaded, or an object as such a model is made of."""
    return isinstance(value, _TRACKABLE)


def _line(handle: str, model: SavedModel) -> str:
    """The line by which a model is used here."""
    verdict = judge(handle, model, current_runtime(), Operation.INFERENCE)
    return verdict.code[0][1] if verdict.code else verdict.refusal.do  # type: ignore[union-attr]


def _is_module(value: Any) -> bool:
    # By name, for Module asks here.
    return is_of_tensorflow_hub(value, "module.Module") or hasattr(type(value), "variable_map")


def _is_function(value: Any) -> bool:
    return inspect.isroutine(value)
