"""Creation: an object → the cell of the format that it is written in → a folder."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any, Callable, Union

from unihub.dispatch.support import chosen
from unihub.errors import MatrixRefusal, UnihubError
from unihub.errors.arguments import new_path
from unihub.errors.guard import guarded
from unihub.formats.model import SavedModel, read_saved_model
from unihub.matrix.rows import CELLS
from unihub.matrix.values import Format, Operation
from unihub.runtime import current_runtime

if TYPE_CHECKING:
    # Python 3.7 has none.
    from typing import Literal

_LINE = "unihub.save(obj, path, {argument}={example!r})"


class PathExists(UnihubError, AssertionError, ValueError):
    """The folder to write is not empty."""

    code = "path-exists"
    what = "{path} holds something already."
    why = "a model is written into a new or an empty folder, so that nothing is lost."
    do = "unihub.save(obj, {path!r} + '-new')"


@guarded("saving", argument=1)
def save(
    target: Any,
    path: Union[str, os.PathLike[str]],
    *,
    format: Union[Literal["tf1_hub", "tf2_saved_model", "tf1_saved_model"], Format, None] = None,
    **kwargs: Any,
) -> SavedModel:
    """Writes a model, where the matrix lets this TensorFlow create its format.

    Args:
        target: a trackable object (TF2 SavedModel); a module_fn, ModuleSpec or
            Module (TF1 Hub format); a session (TF1 SavedModel).
        path: the folder to write.
        format: "tf2_saved_model", "tf1_hub" or "tf1_saved_model"; by default
            what the target is written as.
        **kwargs: ``signatures``, ``options`` and ``session`` for a TF2
            SavedModel; ``session``, ``checkpoint_path``, ``tags_and_args`` and
            ``drop_collections`` for TF1 Hub; ``inputs`` and ``outputs`` (dicts
            of tensors) for a TF1 SavedModel.

    Returns:
        What was read back from the folder: its format, tags and signatures,
        whether it is callable, its trainable variables and losses.

    Raises:
        MatrixRefusal: when the matrix rules it out.
        PathExists: when the folder holds something already.

    Source: the creation rows of https://www.tensorflow.org/hub/model_compatibility.

    Example:
        >>> unihub.save(tf.Module(), "path/to/empty").format.value
        'tf2_saved_model'
    """
    folder = new_path(path, "unihub.save(obj, 'path/to/new/model')")
    wanted = _format_of(target) if format is None else chosen(Format, format, "format", _LINE)
    refusal = CELLS[wanted, current_runtime(), Operation.CREATION].refusal
    if refusal is not None:
        raise MatrixRefusal(refusal, handle=folder)
    if os.path.isdir(folder) and os.listdir(folder):
        raise PathExists(path=folder)
    _writer(wanted)(target, folder, **kwargs)
    return read_saved_model(folder)


def _format_of(target: Any) -> Format:
    """TF1 Hub for what makes modules, TF2 for what is tracked."""
    if inspect.isfunction(target) or hasattr(target, "get_signature_names"):
        return Format.TF1_HUB
    return Format.TF2_SAVED_MODEL


def _writer(format: Format) -> Callable[..., None]:
    # TensorFlow is imported with it, and only once the matrix has agreed.
    from unihub.apis import saving

    if format is Format.TF1_HUB:
        return saving.save_tf1_hub
    if format is Format.TF1_SAVED_MODEL:
        return saving.save_tf1_saved_model
    return saving.save_tf2_saved_model
