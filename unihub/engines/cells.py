"""A column as the array that an input takes, row by row where that is needed."""

from __future__ import annotations

import decimal
import json
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from unihub.engines.dtypes import kind_of, limits
from unihub.engines.frames import as_numpy
from unihub.errors import first_line
from unihub.formats.model import TensorInfo

# What makes an array of the bytes of an image.
Decode = Callable[[bytes], Any]
# Why rows are bad, by their number.
Bad = Dict[int, str]
# Of integers as float64: this one, and the next.
_LEAST_INEXACT = 2.0**53


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
    if isinstance(values, np.ndarray) and values.dtype.kind in "biufcV" and info.dtype != "string":
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
        return _read(np.array(values), info)
    except (ValueError, OverflowError):
        return values


def _read(texts: Any, info: TensorInfo) -> Any:
    """Numbers of texts, as csv has them."""
    kind = kind_of(info.dtype)
    if kind == "b":
        lower = np.char.lower(texts)
        if not np.isin(lower, ["true", "false"]).all():
            raise ValueError("it is neither true nor false")
        return lower == "true"
    if kind == "i":
        return texts.astype(np.uint64 if info.dtype == "uint64" else np.int64)
    return texts.astype(np.complex128 if kind == "c" else np.float64)


def _whole(values: Any, info: TensorInfo) -> Optional[Any]:
    """All rows at once; None where they are to be looked at one by one."""
    if values.ndim == 0 or not _is_of_row(values.shape[1:], info):
        return None
    dtype = np.dtype(info.dtype)
    if values.dtype == dtype:
        return values
    kind, values = kind_of(info.dtype), _of_numpy(values)
    if values.dtype.kind in {"f": "biuf", "c": "biufc"}.get(kind, ""):
        return values.astype(dtype)
    if kind == "i" and values.dtype.kind in "iu" and _is_in_range(values, info):
        return values.astype(dtype)
    return None


def _of_numpy(values: Any) -> Any:
    """Values of a dtype that is none of NumPy's own, such as bfloat16, as one that is."""
    if values.dtype.kind != "V" or values.dtype.names:
        return values
    return values.astype(np.int64 if "int" in values.dtype.name else np.float32)


def _is_in_range(values: Any, info: TensorInfo) -> bool:
    least, most = limits(info.dtype)
    return not values.size or (int(values.min()) >= least and int(values.max()) <= most)


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
            try:
                return one.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:
                # Half of a character, as JSON may have it.
                raise _NotFitting(f"it is no text in UTF-8: {one!r:.150}") from None
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
    kind = kind_of(info.dtype)
    try:
        if isinstance(value, str) and value.lstrip()[:1] == "[":
            # As csv has lists.
            value = json.loads(value)
        found = np.asarray(value)
        if found.dtype.kind in "US":
            found = _read(found.astype(str), info)
        elif found.dtype.kind == "O" or (
            kind == "i" and found.dtype.kind == "f" and isinstance(value, list)
        ):
            # Large integers together with others are floats to NumPy.
            found = _listed(_plain(value))
    except (ValueError, TypeError, OverflowError) as error:
        reason = str(error)
        if "np.str_(" in reason or isinstance(value, (str, bytes)):
            reason = f"it is {value!r:.150}"
        raise _NotFitting(f"{reason}.") from None
    found = _of_numpy(found)
    if found.dtype.kind not in ("biufc" if kind == "c" else "biuf"):
        raise _NotFitting(f"it is {type(value).__name__}, and no number.")
    if kind == "i" and (
        (found.dtype.kind == "f" and not _is_whole(found)) or not _is_in_range(found, info)
    ):
        raise _NotFitting(f"its value {found.tolist()!r} is none of {info.dtype}."[:200])
    if kind == "i" and found.dtype.kind == "f" and (np.abs(found) >= _LEAST_INEXACT).any():
        # As pandas has a column of integers with a null in it, also in Spark.
        reason = "is a float, and from 2**53 on floats do not tell integers apart."
        raise _NotFitting(f"its value {found.tolist()!r:.150} {reason}")
    if kind == "b" and found.dtype.kind != "b":
        raise _NotFitting(f"it is {found.dtype}, and no bool.")
    return found.astype(np.dtype(info.dtype))


def _listed(values: Any) -> Any:
    """An array of numbers; of integers alone exactly."""
    found = np.asarray(values)
    if found.dtype.kind == "f":
        objects = np.array(values, object)
        if all(type(one) is int for one in objects.flat):
            return objects.astype(np.uint64 if max(objects.flat) >= 2**63 else np.int64)
    return found


def _is_whole(found: Any) -> bool:
    return bool(np.isfinite(found).all() and np.array_equal(found, np.trunc(found)))


def _plain(value: Any) -> Any:
    """Nested lists of what may be arrays of arrays."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(one) for one in value]
    if value is None:
        raise ValueError("there is a null in it")
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
