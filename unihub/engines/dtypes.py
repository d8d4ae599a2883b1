"""Dtypes of columns, by the names of the tf.DTypes."""

from __future__ import annotations

import re
from typing import Tuple

_KINDS = (("bool", "b"), ("string", "s"), ("complex", "c"), ("float", "f"), ("bfloat16", "f"))
_INTEGER = re.compile(r"(u?)int(\d+)$")
_OF_NUMPY = {"float16", "float32", "float64"}


def kind_of(dtype: str) -> str:
    """One of "b", "i" (also unsigned), "f", "c", "s"; nothing for what arrays do not hold."""
    if _INTEGER.match(dtype):
        return "i"
    # A reference to a variable is none.
    return next((k for name, k in _KINDS if dtype.startswith(name) and dtype[-4:] != "_ref"), "")


def limits(dtype: str) -> Tuple[int, int]:
    """The least and the greatest value of integers."""
    found = _INTEGER.match(dtype)
    assert found is not None
    bits = int(found[2])
    return (0, 2**bits - 1) if found[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def held_by(dtype: str) -> str:
    """The smallest dtype of NumPy's own that holds all values."""
    kind = kind_of(dtype)
    if kind == "i" and limits(dtype)[1] < 127:
        return "uint8" if dtype[0] == "u" else "int8"
    return "float32" if kind == "f" and dtype not in _OF_NUMPY else dtype
