"""Calls that TensorFlow's ops refuse for what is in a text, or that it does not run at all."""

from __future__ import annotations

import re
from typing import Any, Optional, Tuple, Type

import tensorflow as tf

from unihub.apis.input_lines import Call
from unihub.apis.tensorflow_error import TensorFlowError
from unihub.errors import UnihubError, first_line


class _WrongText(TensorFlowError, ValueError, tf.errors.InvalidArgumentError):  # type: ignore[misc]
    error_code = tf.errors.INVALID_ARGUMENT
    comment = ""


class NotAnExample(_WrongText):
    """A text is no serialized tf.train.Example, or one without what the model parses."""

    code = "not-an-example"
    what = "{model} parses tf.train.Examples, and cannot parse what it was given."
    why = "TensorFlow says: {reason}"
    do = "{fix}"
    comment = "  # with features of yours"


class NotAnImage(_WrongText):
    """A text is not the content of an image's file."""

    code = "not-an-image"
    what = "{model} decodes images, and cannot decode what it was given."
    why = "TensorFlow says: {reason}"
    do = "{fix}"
    comment = "  # with the content of image files, as tf.io.read_file gives it"


# What TensorFlow's ops say, from 1.15 on.
_EXAMPLES = (
    "Could not parse example",
    "is required but could not be found",
    "Can't parse serialized Example",
    "Data types don't match",
    "Invalid protocol message input",
)
_IMAGES = (
    "Unknown image file format",
    "Invalid (JPEG|PNG|GIF)",
    "Expected image",
    r"Input is empty[^\0]*Decode(Jpeg|Png|Image|AndCropJpeg)",
)
_KINDS: Tuple[Tuple[Type[_WrongText], str], ...] = (
    (NotAnExample, "|".join(_EXAMPLES)),
    (NotAnImage, "|".join(_IMAGES)),
)
_NOT_PLACED = "TFT_SHAPE_TENSOR"


def why_failed(
    error: Exception, call: Call, handle: Any, signature: Optional[str] = None, path: str = ""
) -> Optional[UnihubError]:
    """The error that says why TensorFlow failed in a call; None where nothing is known.

    Args:
        error: that it raised.
        call: how messages name what was called.
        handle: of the model; anything else that a layer was made of tells less.
        signature, path: what of the model was called.
    """
    text = str(error)
    if _NOT_PLACED in text and signature is not None:
        return _judged(handle, signature)
    kind = next((kind for kind, pattern in _KINDS if re.search(pattern, text)), None)
    if kind is None:
        return None
    inputs = _example(handle, signature, path)
    fix = f"print(unihub.inspect({handle!r}))  # what it takes"
    if inputs:
        fix = f"{call.name}({inputs}){kind.comment}"
    return kind(model=call.model, reason=first_line(error), fix=fix)


def _judged(handle: Any, signature: str) -> Optional[UnihubError]:
    from unihub.formats import read_saved_model
    from unihub.handles import resolving
    from unihub.inspection.graph_facts import read_graph_facts
    from unihub.inspection.judge import judge
    from unihub.matrix.values import Operation
    from unihub.runtime import current_runtime

    model = read_saved_model(resolving.locate(handle))
    for graph in model.meta_graphs:
        if signature in graph.signatures:
            which = current_runtime(), Operation.INFERENCE, graph, signature
            return judge(handle, model, *which, read_graph_facts(model, graph)).refusal
    return None


def _example(handle: Any, signature: Optional[str], path: str) -> str:
    """Inputs that the model takes, as code; "" where they cannot be told."""
    from unihub.inspection.inspector import inspect

    try:
        info = inspect(handle)
    except (UnihubError, TypeError, ValueError):
        return ""
    for graph in getattr(info, "meta_graphs", ()):
        for one in graph.signatures if signature is not None else graph.callables:
            if (one.name if signature is not None else one.path) == (signature or path):
                return str(one.example).partition("; m")[2].partition("(")[2][:-1]
    return ""
