"""Code that makes an input one that is taken, for the line of an error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from unihub.apis.input_lines import Call
from unihub.apis.traces import dtype_of, shape_of

_IMAGE_CHANNELS = (1, 3, 4)
# By what the axes of images are ordered in, the order that they are put into.
_CHANNELS_LAST, _CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
_SINGLE = (str, bytes, bool, int, float, np.generic)
# What is missing in a column of texts is None, or the NaN of pandas.
_NO_TEXT = "one is None or one != one"
_IMAGE_FILES = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM")


def typed(value: Any, x: str, dtype: tf.DType) -> str:
    """Code for a Python value within other code: of itself it might have another dtype."""
    if isinstance(value, tf.Tensor) and value.dtype == dtype == tf.int64:
        # It may be made of Python's integers, of which TensorFlow makes int32 elsewhere.
        return f'tf.cast({x}, "int64")'
    if hasattr(value, "dtype") or not _works(tf.convert_to_tensor, value):
        return x
    natural = tf.convert_to_tensor(value).dtype
    is_left = natural == dtype or (natural.is_floating and dtype.is_floating)
    if is_left or not _works(lambda given: tf.constant(given, dtype), value):
        return x
    return f"tf.constant({x}, tf.{dtype.name})"


def other_dtype(value: Any, x: str, spec: Any, call: Call) -> Optional[str]:
    """Code that makes an input one of another dtype; None for text that is no number."""
    given, wanted = dtype_of(value), dtype_of(spec)
    if given == wanted or (given.is_floating and wanted.is_floating):
        return x
    if wanted == tf.string:
        return f"tf.strings.as_string({x})"
    known = tf.get_static_value(value) if isinstance(value, tf.Tensor) else None
    if given == tf.string:
        if known is not None and not _works(_numbers_of, known):
            return _image_read(known, x, spec)
        return f"tf.strings.to_number({x}, tf.{wanted.name})"
    if wanted.is_integer and given.is_floating and known is not None:
        numbers = np.asarray(known, np.float64)
        if np.any(numbers != np.rint(numbers)):
            # Cut to whole numbers, a picture of 0 to 1 would be black.
            if wanted == tf.uint8 and numbers.min() >= 0 and numbers.max() <= 1:
                return f"tf.image.convert_image_dtype({x}, tf.uint8)"
            return f'{call.ops}.cast({call.ops}.round({x}), "{wanted.name}")'
    return f'{call.ops}.cast({x}, "{wanted.name}")'


def other_kind(value: Any, x: str, spec: Any, call: Call) -> Optional[str]:
    """Code that makes a tensor of one kind one of another: dense, ragged or sparse."""
    if isinstance(value, tf.RaggedTensor):
        return other_dtype(value, f"{x}.to_tensor()", spec, call)
    if isinstance(value, tf.SparseTensor):
        return other_dtype(value, f"tf.sparse.to_dense({x})", spec, call)
    is_ragged = isinstance(spec, tf.RaggedTensorSpec)
    maker = "RaggedTensor.from_tensor" if is_ragged else "sparse.from_dense"
    dense = other_dtype(value, x, spec, call)
    return dense and f"tf.{maker}({dense})"


def other_value(value: Any, x: str, spec: Any) -> Optional[str]:
    """Code that makes a tensor of a value that TensorFlow makes none of; None without any."""
    dtype, rank = dtype_of(spec), shape_of(spec).rank
    rows = f"tf.ragged.constant({x}, tf.{dtype.name})"
    if isinstance(spec, tf.RaggedTensorSpec):
        return rows
    if isinstance(value, (list, tuple)) and _works(tf.ragged.constant, value):
        # All texts of lists of different lengths, where one list of them is taken.
        return f"{rows}.flat_values" if rank == 1 else f"{rows}.to_tensor()"
    if dtype == tf.string and _is_column(value):
        if any(one is None or (isinstance(one, float) and one != one) for one in value):
            return f'tf.constant(["" if {_NO_TEXT} else str(one) for one in {x}])'
        return f"tf.constant([str(one) for one in {x}])"
    is_some = isinstance(value, Iterable) and not hasattr(value, "__len__")
    if isinstance(value, (set, frozenset)) or (is_some and not _is_dataset(value)):
        return f"list({x})"
    return None


def other_call(value: Any, x: str, spec: Any, call: Call) -> Optional[str]:
    """A line for what is not given to one call: a Dataset, or more rows than a call takes."""
    if _is_dataset(value):
        return f"{x}.map({call.name})"
    sizes = shape_of(spec)
    shape = getattr(value, "shape", None)
    if sizes.rank is None or not sizes.rank or sizes[:1].as_list() != [1] or shape is None:
        return None
    given = tf.TensorShape(shape)
    if given.rank != sizes.rank or not given[1:].is_compatible_with(sizes[1:]):
        return None
    return f"[{call.name}({call.before}{x}[i:i + 1]{call.after}) for i in range(len({x}))]"


def reshaped(x: str, given: Any, wanted: Any, call: Call) -> Optional[str]:
    """Code that most likely makes an input one of the shape that is accepted; None without any."""
    if given.rank is None or wanted.rank is None:
        return None
    surplus = given.rank - wanted.rank
    if surplus == -1 and given.is_compatible_with(wanted[1:]):
        return f"{call.ops}.expand_dims({x}, axis=0)"
    if surplus == 1 and given.as_list()[-1] in (1, None) and given[:-1].is_compatible_with(wanted):
        return f"{call.ops}.squeeze({x}, axis={given.rank - 1})"
    if wanted.rank == 4 and surplus in (-1, 0):
        return _picture(x, given, wanted, call)
    return _same_numbers(x, given, wanted, call)


def _picture(x: str, given: Any, wanted: Any, call: Call) -> Optional[str]:
    """Code for pictures of another size, or with their channels elsewhere."""
    if given.rank == 3:
        batch = given[:0].concatenate([1]).concatenate(given)
        code = _picture(x, batch, wanted, call)
        return code and f"{call.ops}.expand_dims({code}, axis=0)" if "resize" in str(code) else None
    sizes = wanted.as_list()
    for order in (_CHANNELS_LAST, _CHANNELS_FIRST):
        turned = tf.TensorShape([given[axis] for axis in order])
        if wanted[order.index(1)] in _IMAGE_CHANNELS and turned.is_compatible_with(wanted):
            return f"{call.ops}.transpose({x}, {order})"
    code = x
    if None not in sizes[1:3] and not given[1:3].is_compatible_with(wanted[1:3]):
        code = f"{call.ops}.image.resize({x}, {tuple(sizes[1:3])})"
        given = given[:1].concatenate(wanted[1:3]).concatenate(given[3:])
    channels = given.as_list()[3], sizes[3]
    if channels == (1, 3):
        code = f"tf.repeat({code}, 3, axis=-1)"
    elif channels == (4, 3):
        code = f"{code}[..., :3]"
    elif not given.is_compatible_with(wanted):
        return None
    return code if given[:3].is_compatible_with(wanted[:3]) else None


def _same_numbers(x: str, given: Any, wanted: Any, call: Call) -> Optional[str]:
    """Code that gives all numbers another shape, where no row becomes part of another."""
    sizes: Sequence[Optional[int]] = wanted.as_list()
    if not given.is_fully_defined() or list(sizes).count(None) > 1:
        return None
    count, row = given.num_elements(), 1
    for size in sizes:
        row *= 1 if size is None else size
    if row == 0 or (count % row if None in sizes else count != row):
        return None
    rows_stay = given.rank > 0 and given[0] * row == count
    is_table = given.rank >= wanted.rank > 1 and None in sizes
    # A last axis of the size that is wanted holds rows, however many axes are before it.
    if is_table and not rows_stay and (given.rank == wanted.rank or not _ends_alike(given, wanted)):
        return None
    return f"{call.ops}.reshape({x}, {tuple(-1 if size is None else size for size in sizes)})"


def _rows(value: Any, dtype: tf.DType) -> Optional[str]:
    """Code for a ragged tensor of rows; None for what has none."""
    if isinstance(value, (list, tuple)) and not _works(tf.convert_to_tensor, value):
        is_ragged = _works(tf.ragged.constant, value)
        return f"tf.ragged.constant(x, tf.{dtype.name})" if is_ragged else None
    is_table = len(np.shape(value)) == 2 if not tf.is_tensor(value) else value.shape.rank == 2
    return f"tf.RaggedTensor.from_tensor({typed(value, 'x', dtype)})" if is_table else None


def _ends_alike(given: Any, wanted: Any) -> bool:
    """Whether the axes behind the first are those of the end, but for some of size 1."""
    sizes = [size for size in given.as_list() if size != 1]
    behind = wanted.as_list()[1:]
    return sizes[len(sizes) - len(behind) :] == behind or given.num_elements() in sizes


def _image_read(texts: Any, x: str, spec: Any) -> Optional[str]:
    """Code that reads an image, where a text in the place of one can only be its file."""
    shape, dtype = shape_of(spec), dtype_of(spec)
    is_picture = shape.rank == 4 and shape[3] in (1, 3) and dtype in (tf.float32, tf.uint8)
    if not is_picture or np.shape(texts) != ():
        return None
    is_content = bytes(np.asarray(texts).item()).startswith(_IMAGE_FILES)
    file = x if is_content else f"tf.io.read_file({x})"
    code = f"tf.io.decode_image({file}, {shape[3]}, tf.{dtype.name}, expand_animations=False)"
    sizes = tuple(shape.as_list()[1:3])
    if None in sizes:
        return f"{code}[tf.newaxis]"
    code = f"tf.image.resize({code}[tf.newaxis], {sizes})"
    return code if dtype == tf.float32 else f"tf.cast({code}, tf.uint8)"


def _is_column(value: Any) -> bool:
    """Whether a value is a list of single values, or an array or a column of objects."""
    if isinstance(value, (list, tuple)):
        return all(isinstance(one, (*_SINGLE, type(None))) for one in value)
    return len(getattr(value, "shape", ())) == 1 and hasattr(value, "__iter__")


def _is_dataset(value: Any) -> bool:
    return isinstance(value, tf.data.Dataset)


def _works(make: Callable[[Any], Any], value: Any) -> bool:
    try:
        make(value)
    # Nested lists fail in nearly every way.
    except Exception:
        return False
    return True


def _numbers_of(texts: Any) -> List[float]:
    return [float(text) for text in np.ravel(texts)]


def parts_of_sole(accepted: Any, value: Any) -> Optional[Tuple[str, List[str]]]:
    """Code that makes a tensor of a value, and its parts, for inputs that are the parts of one.

    Args:
        accepted: what a signature takes, by name.
        value: that was given as the only input.

    Returns:
        Code before the call and one expression for each name in order; None where the inputs
        are no parts of one tensor.
    """
    names = sorted(accepted)
    stem = names[0] if names else ""
    if names != [stem, *(f"{stem}_{place}" for place in range(1, len(names)))]:
        return None
    if isinstance(value, tf.RaggedTensor) and len(names) == value.ragged_rank + 1:
        splits = [f"x.nested_row_splits[{place}]" for place in range(value.ragged_rank)]
        return "", ["x.flat_values", *splits]
    if len(names) == 2 and [shape_of(accepted[name]).rank for name in names] == [1, 1]:
        make = _rows(value, dtype_of(accepted[stem]))
        return None if make is None else (f"x = {make}; ", ["x.flat_values", "x.row_splits"])
    if len(names) != 3:
        return None
    indices, values, sizes = (accepted[name] for name in names)
    is_sparse = (
        dtype_of(indices) == dtype_of(sizes) == tf.int64
        and (shape_of(indices).rank, shape_of(values).rank, shape_of(sizes).rank) == (2, 1, 1)
        and shape_of(indices)[1:].is_compatible_with(shape_of(sizes))
    )
    if not is_sparse:
        return None
    parts = ["x.indices", "x.values", "x.dense_shape"]
    if isinstance(value, tf.SparseTensor):
        return "", parts
    return f"x = tf.sparse.from_dense({typed(value, 'x', dtype_of(values))}); ", parts
