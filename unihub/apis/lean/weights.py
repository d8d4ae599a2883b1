"""The values of a plan's variables, read from the checkpoint."""

from __future__ import annotations

import functools
import os
from typing import Any, Sequence

import tensorflow as tf

from unihub.apis.lean.plan import Declined, Variable
from unihub.apis.lean.threads import side_by_side

# What costs is that the system clears the memory, which threads do side by side.
_THREADS = min(4, os.cpu_count() or 1)
_SMALL = 32 << 20


def read_values(variables: Sequence[Variable], prefix: str) -> Sequence[Any]:
    """The values of variables.

    Raises:
        Declined: one is missing, or of another dtype or shape.
    """
    if not variables:
        return []
    check_saved(variables, prefix)
    sizes = {variable.key: _bytes(variable) for variable in variables}
    if sum(sizes.values()) < _SMALL:
        return _restored(variables, prefix)
    # From the largest on to each in turn, which gives all about as much to do.
    largest = sorted(variables, key=lambda variable: sizes[variable.key], reverse=True)
    parts = [part for part in (largest[place::_THREADS] for place in range(_THREADS)) if part]
    results = side_by_side([functools.partial(_restored, part, prefix) for part in parts])
    values = {
        variable.key: value
        for part, result in zip(parts, results)
        for variable, value in zip(part, result)
    }
    return [values[variable.key] for variable in variables]


def _restored(variables: Sequence[Variable], prefix: str) -> Sequence[Any]:
    values: Sequence[Any] = tf.raw_ops.RestoreV2(
        prefix=prefix,
        tensor_names=[variable.key for variable in variables],
        shape_and_slices=[""] * len(variables),
        dtypes=[variable.dtype for variable in variables],
    )
    return values


def _bytes(variable: Variable) -> int:
    elements = tf.TensorShape(variable.shape).num_elements() or 0
    size: int = elements * tf.as_dtype(variable.dtype).size
    return size


def check_saved(variables: Sequence[Variable], prefix: str) -> None:
    """Checks that a checkpoint holds variables as the graph has them.

    Raises:
        Declined: one is missing, or of another dtype or shape.
    """
    reader = tf.train.load_checkpoint(prefix)
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    for variable in variables:
        if variable.key not in shapes:
            raise Declined(f"{variable.key} is not in the checkpoint")
        if dtypes[variable.key].as_datatype_enum != variable.dtype:
            raise Declined(f"{variable.key} has another dtype in the checkpoint")
        if not tf.TensorShape(variable.shape).is_compatible_with(shapes[variable.key]):
            raise Declined(f"{variable.key} has another shape in the checkpoint")
