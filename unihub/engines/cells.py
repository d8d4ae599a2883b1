"""A column as the array that an input takes, row by row where that is needed."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from unihub.engines.frames import as_numpy
from unihub.errors import first_line
from unihub.formats.model import TensorInfo

# What makes an array of the bytes of an image.
Decode = Callable[[bytes], Any]
# Why rows are bad, by their number.
Bad = Dict[int, str]


class _NotFitting(Exception):
    """Why one value is bad."""


def array_of(column: Any, info: TensorInfo, decode: Optional[Decode]) -> Tuple[Any, Bad]:
    """The array of a column, for an input.

    Args:
        column: of any kind.
        info: of the input.
        decode: makes arrays of images; None where bytes are no images.

    Returns:
        The values of the good rows, in their order, and why the others are bad.
    """
    values = as_numpy(column)
    if info.dtype != "string" and isinstance(values, list) and all(type(v) is str for v in values):
        values = _as_numbers(values, info)
    if isinstance(values, np.ndarray) and values.dtype.kind in "biufV" and info.dtype != "string":
        whole = _whole(values, info)
        if whole is not None:
            return whole, {}
    good: List[Any] = []
    bad: Bad = {}
    for row, value in enumerate(values):
        try:
            good.append(_cell(value, info, decode))
        except _NotFitting as error:
            bad[row] = str(error)
    sizes: List[Any] = list((info.shape or ())[1:])
    if info.shape is None and good:
        sizes = list(np.shape(good[0]))
    if None in sizes:
        # Of free sizes all rows of a call have the first one's.
        sizes = list(np.shape(good[0])) if good else [size or 0 for size in sizes]
    for place, row in enumerate([r for r in range(len(values)) if r not in bad]):
        if list(np.shape(good[place])) != sizes:
            bad[row] = f"its shape is {np.shape(good[place])}, and other rows have {tuple(sizes)}."
            good[place] = None
    kept = [value for value in good if value is not None]
    dtype: Any = object if info.dtype == "string" else np.dtype(info.dtype)
    made = np.empty([len(kept), *sizes], dtype)
    for place, value in enumerate(kept):
        made[place] = value
    return made, bad


def _as_numbers(values: List[str], info: TensorInfo) -> Any:
    """Text as numbers, all at once; as it is where that does not do."""
    try:
        return np.array(values).astype(np.float64 if info.dtype.startswith("float") else np.int64)
    except ValueError:
        return values


def _whole(values: Any, info: TensorInfo) -> Optional[Any]:
    """All rows at once; None where they are to be looked at one by one."""
    if values.ndim == 0 or not _is_of_row(values.shape[1:], info):
        return None
    dtype = np.dtype(info.dtype)
    if values.dtype == dtype:
        return values
    if dtype.kind == "f" and values.dtype.kind in "biuf":
        return values.astype(dtype)
    if dtype.kind in "iu" and values.dtype.kind in "iu" and _is_in_range(values, dtype):
        return values.astype(dtype)
    return None


def _is_in_range(values: Any, dtype: Any) -> bool:
    limits = np.iinfo(dtype)
    return not values.size or (int(values.min()) >= limits.min and int(values.max()) <= limits.max)


def _cell(value: Any, info: TensorInfo, decode: Optional[Decode]) -> Any:
    """One row's value.

    Raises:
        _NotFitting: why it is bad.
    """
    if value is None or (isinstance(value, float) and value != value and info.dtype == "string"):
        raise _NotFitting("it is null.")
    if info.dtype == "string":
        return _strings(value, info)
    if isinstance(value, (bytes, bytearray)) and decode is not None:
        try:
            found = decode(bytes(value))
        # Decoders raise what they like.
        except Exception as error:
            reason = first_line(error) or type(error).__name__
            raise _NotFitting(f"its image cannot be decoded: {reason[:200]}") from None
    else:
        found = _number(value, info)
    if not _is_of_row(np.shape(found), info):
        raise _NotFitting(f"its shape is {np.shape(found)}.")
    return found


def _is_of_row(sizes: Tuple[int, ...], info: TensorInfo) -> bool:
    """Whether an input takes rows of a shape."""
    if info.shape is None:
        return True
    wanted = info.shape[1:]
    return len(wanted) == len(sizes) and all(w in (None, s) for w, s in zip(wanted, sizes))


def _strings(value: Any, info: TensorInfo) -> Any:
    def text(one: Any) -> bytes:
        if isinstance(one, str):
            return one.encode("utf-8", "surrogateescape")
        if isinstance(one, (bytes, bytearray)):
            return bytes(one)
        raise _NotFitting(f"it is {type(one).__name__}, and no text.")

    if not isinstance(value, (list, tuple, np.ndarray)):
        if not _is_of_row((), info):
            raise _NotFitting("its shape is ().")
        return text(value)
    found = np.array(value, object)
    flat = np.empty(found.size, object)
    flat[:] = [text(one) for one in found.reshape(-1)]
    if not _is_of_row(found.shape, info):
        raise _NotFitting(f"its shape is {found.shape}.")
    return flat.reshape(found.shape)


def _number(value: Any, info: TensorInfo) -> Any:
    dtype = np.dtype(info.dtype)
    try:
        if isinstance(value, str) and value.lstrip()[:1] == "[":
            # As csv has lists.
            value = json.loads(value)
        found = np.asarray(value)
        if found.dtype.kind in "US" and dtype.kind in "iuf":
            # As csv has numbers.
            found = found.astype(np.float64 if dtype.kind == "f" else np.int64)
        elif found.dtype.kind == "O":
            found = np.asarray(_plain(value), None)
    except (ValueError, TypeError, OverflowError) as error:
        raise _NotFitting(f"{error}.") from None
    if found.dtype.kind not in "biuf":
        raise _NotFitting(f"it is {type(value).__name__}, and no number.")
    if dtype.kind in "iu" and (
        (found.dtype.kind == "f" and not _is_whole(found)) or not _is_in_range(found, dtype)
    ):
        raise _NotFitting(f"its value {found.tolist()!r} is none of {info.dtype}."[:200])
    if dtype.kind == "b" and found.dtype.kind != "b":
        raise _NotFitting(f"it is {found.dtype}, and no bool.")
    return found.astype(dtype)


def _is_whole(found: Any) -> bool:
    return bool(np.isfinite(found).all() and np.array_equal(found, np.trunc(found)))


def _plain(value: Any) -> Any:
    """Nested lists of what may be arrays of arrays."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(one) for one in value]
    if value is None:
        raise ValueError("there is a null in it")
    return value
