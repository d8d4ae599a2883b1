"""Columns of every kind, as a dict and back: NumPy, pyarrow, pandas."""

from __future__ import annotations

import sys
from typing import AbstractSet, Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from unihub.engines.dtypes import held_by
from unihub.engines.errors import ColumnsNotAlike, NotColumns
from unihub.errors import listed

Columns = Dict[str, Any]
# A column's values, its dtype's name and shape, and where it is null (None for nowhere).
Result = Tuple[Any, str, Optional[Tuple[Optional[int], ...]], Optional[Any]]
Back = Callable[[Mapping[str, Result]], Any]


def columns_of(frame: Any, name: str = "x") -> Tuple[Columns, Back]:
    """The columns of a frame, and what makes one of the same kind.

    Args:
        frame: a dict of arrays or lists, a pyarrow RecordBatch or Table, a pandas DataFrame.
        name: of a column, for errors.

    Raises:
        NotColumns: it has none.
        ColumnsNotAlike: they are not of one length.
    """
    back: Back
    if isinstance(frame, Mapping) and frame:
        pairs, back = [*frame.items()], _numpy
    elif _is(frame, "pyarrow", "RecordBatch", "Table"):
        pairs, back = [*zip(frame.schema.names, frame.columns)], _arrow(type(frame))
    elif _is(frame, "pandas", "DataFrame"):
        pairs = [(str(key), frame.iloc[:, place]) for place, key in enumerate(frame.columns)]
        back = _pandas(frame.index)
    else:
        found = "an empty dict" if isinstance(frame, Mapping) else type(frame).__name__
        raise NotColumns(found=found, name=name)
    columns = dict(pairs)
    for key, column in pairs:
        if not _is_column(column):
            raise NotColumns(found=f"{key!r} is {type(column).__name__}", name=key)
    if len(columns) < len(pairs):
        raise NotColumns(
            found=f"names are there twice, of {listed([p[0] for p in pairs])}", name=name
        )
    lengths = {key: len(column) for key, column in pairs}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{key!r} has {length}" for key, length in lengths.items())
        raise ColumnsNotAlike(found=f"{found} rows.", shortest=min(lengths.values()))
    return columns, back


def _is_column(column: Any) -> bool:
    """Whether it has rows, in an order: a set has none, an array of no axis has no rows."""
    if isinstance(column, (str, bytes, bytearray, Mapping, AbstractSet)):
        return False
    return hasattr(column, "__len__") and getattr(column, "ndim", 1) != 0


def pieced(pieces: Sequence[Result]) -> Result:
    """One result of those of successive rows."""
    if len(pieces) == 1:
        return pieces[0]
    _, dtype, shape, _ = pieces[0]
    good = [values for values, _, _, nulls in pieces if nulls is None or not nulls.all()]
    # Of pieces without a good row the sizes may not be known.
    sizes = (good or [pieces[0][0]])[0].shape[1:]
    every = [
        values if nulls is None or not nulls.all() else _filled((len(nulls), *sizes), values.dtype)
        for values, _, _, nulls in pieces
    ]
    masks = [np.zeros(len(p[0]), bool) if p[3] is None else p[3] for p in pieces]
    nulls = np.concatenate(masks)
    return np.concatenate(every), dtype, shape, nulls if nulls.any() else None


def _filled(shape: Tuple[int, ...], dtype: Any) -> Any:
    return np.full(shape, b"" if dtype.kind == "O" else 0, dtype)


def _is(frame: Any, package: str, *names: str) -> bool:
    # A frame of a package that is not imported cannot be here.
    module = sys.modules.get(package)
    return module is not None and isinstance(frame, tuple(getattr(module, n) for n in names))


def _numpy(results: Mapping[str, Result]) -> Columns:
    def column(values: Any, nulls: Any) -> Any:
        if nulls is None:
            return values
        mask = np.broadcast_to(nulls.reshape([-1] + [1] * (values.ndim - 1)), values.shape)
        return np.ma.masked_array(values, mask)

    return {name: column(result[0], result[3]) for name, result in results.items()}


def _arrow(kind: Any) -> Back:
    def back(results: Mapping[str, Result]) -> Any:
        arrays = [arrow_column(*result) for result in results.values()]
        return kind.from_arrays(arrays, names=list(results))

    return back


def arrow_type(dtype: str, shape: Optional[Tuple[Optional[int], ...]]) -> Any:
    """The pyarrow type of a column.

    Args:
        dtype: name of the tf.DType.
        shape: with the rows; None where the rank is not known.
    """
    import pyarrow as pa

    kind = pa.binary() if dtype == "string" else pa.from_numpy_dtype(np.dtype(held_by(dtype)))
    for size in reversed((shape or ())[1:]):
        kind = pa.list_(kind, -1 if size is None else size)
    return kind


def arrow_column(
    values: Any, dtype: str, shape: Optional[Tuple[Optional[int], ...]], nulls: Optional[Any]
) -> Any:
    """A column in pyarrow, of the type that the signature tells, whatever the values."""
    import pyarrow as pa

    if shape is None:
        shape = (None,) * values.ndim
    if held_by(dtype) != dtype:
        # Such as bfloat16, which pyarrow does not have, and float32 holds.
        values = values.astype(held_by(dtype))
    mask = None if nulls is None else pa.array(nulls)
    if values.ndim == 1:
        kind = arrow_type(dtype, shape)
        return pa.array(values, type=kind, mask=nulls, from_pandas=False)
    flat = np.ascontiguousarray(values).reshape(-1)
    array = pa.array(flat, type=arrow_type(dtype, (None,)))
    sizes = values.shape
    for axis in range(values.ndim - 1, 0, -1):
        rows = int(np.prod(sizes[:axis]))
        here = mask if axis == 1 else None
        if shape[axis] is not None:
            array = pa.FixedSizeListArray.from_arrays(array, sizes[axis], mask=here)
        else:
            offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * sizes[axis])
            array = pa.ListArray.from_arrays(offsets, array, mask=here)
    return array


def _pandas(index: Any) -> Back:
    def back(results: Mapping[str, Result]) -> Any:
        import pandas

        made = {name: _series(result[0], result[3]) for name, result in results.items()}
        return pandas.DataFrame(made, index=index)

    def _series(values: Any, nulls: Any) -> Any:
        if values.ndim == 1 and nulls is None:
            return values
        column = np.empty(len(values), object)
        column[:] = list(values)
        if nulls is not None:
            column[nulls] = None
        return column

    return back


def as_numpy(column: Any) -> Any:
    """A column as a NumPy array, where it is one; else a list of its values, None for nulls."""
    if isinstance(column, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(column).reshape(len(column), -1).any(1)
        return [None if bad else value for bad, value in zip(mask, column.data)]
    if isinstance(column, np.ndarray):
        return column
    if _is(column, "pandas", "Series"):
        if not isinstance(column.dtype, np.dtype) and column.isna().any():
            # It has nulls, which pandas would make NaN: a number.
            return [None if bad else value for bad, value in zip(column.isna(), column)]
        return column.to_numpy()
    if _is(column, "pyarrow", "Array", "ChunkedArray"):
        return _from_arrow(column)
    if hasattr(column, "numpy"):
        return column.numpy()
    return list(column)


def _from_arrow(column: Any) -> Any:
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            return [value for chunk in column.chunks for value in chunk.to_pylist()]
    size = _common_size(column)
    if size is not None:
        found = _from_arrow(column.flatten())
        if isinstance(found, np.ndarray):
            return found.reshape((len(column), size, *found.shape[1:]))
    kind = column.type
    if column.null_count == 0 and (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return column.to_numpy(zero_copy_only=False)
    if column.null_count == 0 and pa.types.is_boolean(kind):
        return column.to_numpy(zero_copy_only=False)
    return column.to_pylist()


def _common_size(column: Any) -> Optional[int]:
    """How many values each row of a column of lists has; None where they differ."""
    import pyarrow as pa
    import pyarrow.compute as compute

    kind = column.type
    if column.null_count or not len(column):
        return None
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size)
    if not pa.types.is_list(kind) and not pa.types.is_large_list(kind):
        return None
    sizes = compute.min_max(compute.list_value_length(column)).as_py()
    return int(sizes["min"]) if sizes["min"] == sizes["max"] else None
