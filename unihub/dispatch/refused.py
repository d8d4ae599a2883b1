"""Errors of what load() is asked for and cannot do."""

from __future__ import annotations

from typing import Any, Sequence

from unihub.errors import UnihubError, listed, nearest
from unihub.errors.arguments import wrong_type
from unihub.formats.model import SavedModel
from unihub.matrix.values import Cell, Runtime


class ApiNotInCell(UnihubError, ValueError, RuntimeError):
    """The matrix serves this cell, but not by the API that was asked for."""

    code = "api-not-in-cell"
    what = "api={api!r} cannot be used for {operation} of {handle} here."
    why = "for a {format} in {runtime} the matrix offers {choices}. (found: {evidence})"
    do = "{remedy}"


class ModuleNeedsGraph(UnihubError, RuntimeError, ValueError):
    """hub.Module was asked for where TensorFlow executes eagerly."""

    code = "module-needs-graph"
    what = 'api="module" cannot be used while TensorFlow executes eagerly.'
    why = (
        "hub.Module adds variables and ops to a graph and runs them in a session. "
        "(handle: {handle})"
    )
    do = (
        "unihub.load({handle!r}, api={example!r}); or "
        "tf.compat.v1.disable_v2_behavior()  # first of all"
    )


class CreationIsSaving(UnihubError, ValueError):
    """op="creation" was given to load()."""

    code = "creation-is-saving"
    what = 'load() cannot do op="creation".'
    why = "creation writes a new model, and load() reads one. (handle: {handle})"
    do = "unihub.save(obj, {handle!r})"


# Arguments of a KerasLayer, and what load has in their place.
_AS_IN_LAYERS = {"signature_outputs_as_dict": "as_dict", "load_options": "options"}
_OF_LAYERS = ("arguments", "dtype", "input_shape", "name", "output_shape")
# Where half of the letters are the same the two have little in common: cache_dir and as_dict.
_LIKENESS = 0.6


class UnexpectedArgument(UnihubError, TypeError):
    """A keyword argument that the chosen API does not take."""

    code = "unexpected-argument"
    what = "load() got {argument}, which api={api!r} does not take."
    why = "beyond load()'s own arguments it takes {choices}."
    do = "{remedy}"


def flag(training: Any, line: str) -> bool:
    """The value given for ``training``, which NumPy or 0 and 1 may say, too.

    Raises:
        WrongType: for anything else.
    """
    if type(training).__name__ in ("bool_", "bool", "int") and training in (0, 1):
        return bool(training)
    line = line.format(argument="training", example=False)
    raise wrong_type("training=", training, "True, False or None", line)


def refused_api(cell: Cell, api: str, handle: str, model: SavedModel) -> UnihubError:
    """The error for an API by which the matrix does not serve a cell."""
    example = cell.routes[0]
    if api == "module" and cell.runtime is Runtime.TF2:
        return ModuleNeedsGraph(handle=handle, example=example.api)
    return ApiNotInCell(
        api=api,
        operation=cell.operation.label,
        handle=handle,
        format=cell.format.label,
        runtime=cell.runtime.label,
        choices=listed(cell.apis),
        evidence=model.evidence,
        remedy=example.code.format(handle=handle),
    )


def unexpected_argument(
    handle: str, api: str, argument: str, value: Any, own: Sequence[str], taken: Sequence[str]
) -> UnexpectedArgument:
    """The error for an argument that an API does not take.

    Args:
        handle, api, argument, value: that were given.
        own: names of the arguments of load() itself.
        taken: of those that the API takes beyond them.
    """
    names = ["", "tags", "options", *own, *taken]
    close = _AS_IN_LAYERS.get(argument) or nearest(argument, names, _LIKENESS)
    remedy = f"unihub.load({handle!r}, {close}={value!r})"
    if argument in _OF_LAYERS and api != "keras":
        remedy = f"unihub.load({handle!r}, api='keras', {argument}={value!r})"
    elif argument == "cache_dir":
        remedy = f"unihub.configure(cache={value!r}); unihub.load({handle!r})"
    elif argument == "trainable":
        remedy = f'unihub.load({handle!r}, op="fine_tuning")'
    elif not close:
        remedy = f"unihub.load({handle!r})  # without {argument}="
    return UnexpectedArgument(argument=argument, api=api, choices=listed(taken), remedy=remedy)
