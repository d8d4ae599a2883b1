"""Numbers that would be others as an input."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import tensorflow as tf


def inexact(value: Any, wanted: tf.DType) -> Optional[np.ndarray]:
    """Numbers that TensorFlow cuts to whole ones, wraps, or takes a part of, in silence.

    Args:
        value: tensors stay what they are.
        wanted: the dtype that it is to have.

    Returns:
        The numbers as they were given; None where they stay what they are, or where
        TensorFlow says what is wrong with them.
    """
    if tf.is_tensor(value):
        return None
    if getattr(getattr(value, "dtype", None), "kind", "") == "c":
        return None if wanted.is_complex else np.asarray(value)
    if not (wanted.is_integer or wanted.is_bool) or wanted.is_quantized:
        return None
    try:
        given = np.asarray(value)
    # In a graph a tensor in a list is no number.
    except (ValueError, TypeError, NotImplementedError):
        return None
    if given.dtype.kind not in "biuf" or given.dtype == wanted.as_numpy_dtype:
        return None
    with np.errstate(invalid="ignore"):
        made = given.astype(wanted.as_numpy_dtype)
    return None if np.array_equal(made, given) else given
