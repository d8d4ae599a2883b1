"""Models that TensorFlow could not load: the part that can be loaded, and why the rest cannot."""

from __future__ import annotations

import os
import shlex
from typing import Any, Callable, Optional

import tensorflow as tf

from unihub.apis.assets import loader_of_bound
from unihub.apis.patterns import line_elsewhere
from unihub.errors import UnihubError, beside, first_line, warn
from unihub.formats.model import MetaGraph, SavedModel
from unihub.inspection.judge import unloadable, wrong_signatures
from unihub.matrix.values import Format, Runtime
from unihub.runtime import current_runtime, is_newer

# Of the writers whose graphs TensorFlow reads otherwise when it loads them into functions.
_OLD = ("0.", "1.0", "1.1.")
# What TensorFlow says where a file of weights is too short.
_ENDS_EARLY = "Read less bytes than requested"


class OptionsNotSupported(UnihubError, NotImplementedError):
    """LoadOptions are newer than the running TensorFlow."""

    code = "options-not-supported"
    what = "options= was given, and TensorFlow {version} does not know it."
    why = "tf.saved_model.LoadOptions came with TensorFlow 2.3."
    do = "unihub.load({handle!r})"


class LoadFailed(UnihubError, RuntimeError, ValueError, OSError):
    """TensorFlow could not load what is otherwise a well-formed model."""

    code = "load-failed"
    what = "TensorFlow {version} could not load {handle}."
    why = "it says: {reason}. (written by TensorFlow {writer})"
    do = "{remedy}"


class CheckpointCut(LoadFailed):
    """A file of weights ends before all of them."""

    code = "checkpoint-cut"
    what = "The weights of {handle} are cut off."
    why = "a file in variables/ is missing, or shorter than variables.index says. ({reason})"
    do = "ls -l {folder}  # and copy or download them again"


def failure(
    error: Exception, handle: str, meta_graph: MetaGraph, model: SavedModel, all_signatures: bool
) -> UnihubError:
    """Says which model it was that TensorFlow failed to load, and why.

    Args:
        error: that TensorFlow raised.
        handle: as the caller wrote it.
        meta_graph, model: that was loaded.
        all_signatures: whether each of its signatures is made a function.

    Returns:
        What the judge says of the model, where it knows the reason; else a LoadFailed,
        which is a CheckpointCut where weights end too early.
    """
    if _ENDS_EARLY in str(error):
        variables = shlex.quote(os.path.join(model.path, "variables"))
        reason = f"TensorFlow says: {_reason(error)}"
        return CheckpointCut(handle=handle, reason=reason, folder=variables)
    known = unloadable(handle, model, meta_graph, current_runtime()) if all_signatures else None
    return known or LoadFailed(
        version=tf.__version__,
        handle=handle,
        reason=_reason(error),
        writer=meta_graph.tensorflow_version or "unknown",
        remedy=_remedy(handle, model.path, meta_graph),
    )


def loader_of_the_rest(
    handle: str, model: SavedModel, meta_graph: MetaGraph, signature: Optional[str]
) -> Optional[Callable[..., Any]]:
    """A loader of what TensorFlow's refuses whole, where there is one.

    It leaves out the signatures that are no functions, and reads old graphs as they
    were meant.

    Raises:
        UnihubError: for the signature that is to be called.
    """
    if model.format is Format.TF2_SAVED_MODEL:
        return None
    wrong = wrong_signatures(handle, model, meta_graph)
    if signature in wrong:
        raise wrong[signature]
    is_old = meta_graph.tensorflow_version.startswith(_OLD)
    if not (wrong or is_old) or len(wrong) == len(meta_graph.signatures):
        return None
    for error in wrong.values():
        warn(f"{error.what} It is left out. Why: {error.why}", RuntimeWarning)
    return loader_of_bound(tuple(wrong))


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _remedy(handle: str, folder: str, meta_graph: MetaGraph) -> str:
    if is_newer(meta_graph.tensorflow_version):
        return beside.with_newer(meta_graph.tensorflow_version)
    folder = handle if os.path.isdir(handle) else folder
    elsewhere = line_elsewhere(folder, "m = unihub.load({handle!r})")
    if elsewhere:
        return elsewhere
    lines = f"tf.compat.v1.saved_model.load_v2({handle!r})  # for TensorFlow's own traceback"
    if meta_graph.object_graph is None and current_runtime() is Runtime.TF2:
        # What a TF1 graph did with references, a function may not.
        return (
            f"with tf.Graph().as_default(): m = unihub.load({handle!r})  # in TF1 mode; or {lines}"
        )
    return lines
