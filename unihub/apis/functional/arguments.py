"""Arguments of a pure function as they were given, beside what it takes."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import tensorflow as tf

from unihub.apis.functional.errors import WrongSeed


def misfit(value: Any, variable: Any) -> Optional[str]:
    """The words for a value that does not fit its variable; None where it fits."""
    if value is None:
        return "nothing"
    shape = list(np.shape(value))
    if not variable.shape.is_compatible_with(shape):
        return f"shape {shape}"
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return None
    name = getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]
    try:
        given, taken = tf.as_dtype(name), variable.dtype
    except TypeError:
        return str(name)
    alike = (given.is_floating and taken.is_floating) or (given.is_integer and taken.is_integer)
    return None if given == taken or alike else str(given.name)


def seed_of(seed: Any, handle: str) -> Any:
    """Two integers as TensorFlow takes them for a seed, of one or two.

    Raises:
        WrongSeed: it is something else.
    """
    if tf.is_tensor(seed) and seed.dtype.is_integer and seed.shape.num_elements() in (1, 2):
        given = tf.cast(tf.reshape(seed, [-1]), tf.int64)
        return given if seed.shape.num_elements() == 2 else tf.pad(given, [[1, 0]])
    given = None if tf.is_tensor(seed) else integers(seed)
    if given is None or given.size not in (1, 2):
        raise WrongSeed(found=repr(seed), handle=handle, bits=64)
    given = given.ravel().astype(np.int64)
    return tf.constant(given if given.size == 2 else [0, given[0]], tf.int64)


def integers(seed: Any) -> Any:
    """A seed as an array of integers; None for what is none."""
    try:
        given = np.asarray(seed)
    # Another framework's, which says no in its own way.
    except (TypeError, ValueError, RuntimeError):
        return None
    if given.dtype == np.uint32:
        given = given.view(np.int32)
    return given if given.dtype.kind in "iu" else None
