"""Nested inputs and outputs of a model's __call__, as a SavedModel writes them down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterable, Iterator, List, Optional, Sequence

import tensorflow as tf

from unihub.apis.lean.nodes import check_dtype
from unihub.apis.lean.objects import shape_of
from unihub.apis.lean.plan import Declined, Shape

_LITERALS = {"bool_value": bool, "float64_value": float, "int64_value": int, "string_value": str}
_CONTAINERS = (dict, list, tuple)


@dataclass(frozen=True)
class Tensor:
    """A tensor in a structure.

    Attributes:
        dtype: number of its tf.DType.
        shape: None for any rank, with None for any size.
        place: among the tensors of a call; None in what a function takes.
    """

    dtype: int
    shape: Shape
    place: Optional[int] = None


@dataclass(frozen=True)
class Literal:
    """A Python value in a structure: None, or of one of four types."""

    value: Any


def decoded(value: Any) -> Any:
    """A StructuredValue as dicts, lists, tuples, Tensors and Literals.

    Raises:
        Declined: it has something else in it.
    """
    kind = value.WhichOneof("kind")
    if kind == "tensor_spec_value":
        check_dtype(value.tensor_spec_value.dtype, "a tensor of a call")
        return Tensor(value.tensor_spec_value.dtype, shape_of(value.tensor_spec_value.shape))
    if kind == "none_value":
        return Literal(None)
    if kind in _LITERALS:
        return Literal(_LITERALS[kind](getattr(value, kind)))
    if kind == "dict_value":
        return {name: decoded(one) for name, one in value.dict_value.fields.items()}
    if kind == "list_value":
        return [decoded(one) for one in value.list_value.values]
    if kind == "tuple_value":
        return tuple(decoded(one) for one in value.tuple_value.values)
    raise Declined(f"a call has a {kind} in its inputs or outputs")


def parts(structure: Any) -> Sequence[Any]:
    """What is directly in a container, in the order in which TensorFlow flattens it."""
    if isinstance(structure, dict):
        return [structure[name] for name in sorted(structure)]
    return list(structure)


def leaves(structure: Any) -> Iterator[Any]:
    """The Tensors and Literals in a structure, in TensorFlow's order."""
    if isinstance(structure, _CONTAINERS):
        for part in parts(structure):
            yield from leaves(part)
    else:
        yield structure


def tensors(structure: Any) -> List[Tensor]:
    """The Tensors in a structure, in TensorFlow's order."""
    return [leaf for leaf in leaves(structure) if isinstance(leaf, Tensor)]


def fits(given: Any, expected: Any) -> Optional[bool]:
    """Whether TensorFlow finds that inputs are what a function takes, as they are.

    Returns:
        None where it is not sure.
    """
    if isinstance(expected, _CONTAINERS):
        if type(given) is not type(expected) or len(given) != len(expected):
            return False
        if isinstance(expected, dict) and set(given) != set(expected):
            return False
        return _all(map(fits, parts(given), parts(expected)))
    if isinstance(expected, Tensor):
        return (
            isinstance(given, Tensor)
            and given.dtype == expected.dtype
            and _are_compatible(given.shape, expected.shape)
        )
    if not isinstance(given, Literal):
        return False
    if given.value != expected.value:
        return False
    return True if type(given.value) is type(expected.value) else None


def converted(given: Any, expected: Any) -> Optional[List[Any]]:
    """The Tensors and constant values of a call, in the order in which a function takes them.

    TensorFlow tries this once no function takes the inputs as they are.

    Returns:
        None where the function does not take them, converted or not.
    """
    if isinstance(expected, Tensor) and not isinstance(given, Tensor):
        constant = _constant(given, tf.as_dtype(expected.dtype))
        fit = constant is not None and constant.dtype.as_datatype_enum == expected.dtype
        return [constant] if fit and _are_compatible(constant.shape, expected.shape) else None
    if isinstance(expected, _CONTAINERS):
        if type(given) is not type(expected) or len(given) != len(expected):
            return None
        if isinstance(expected, dict) and set(given) != set(expected):
            return None
        found = [converted(one, other) for one, other in zip(parts(given), parts(expected))]
        return None if None in found else [leaf for some in found for leaf in some or ()]
    return tensors(given) if fits(given, expected) else None


def _constant(structure: Any, dtype: tf.DType) -> Any:
    """A structure of Python values as TensorFlow makes a tensor of it; None if it cannot."""
    if any(isinstance(leaf, Tensor) for leaf in leaves(structure)):
        return None
    try:
        return tf.convert_to_tensor(plain(structure), dtype_hint=dtype)
    except (TypeError, ValueError):
        return None


def plain(structure: Any) -> Any:
    """Python's own values in the place of Literals."""
    if isinstance(structure, dict):
        return {name: plain(part) for name, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(map(plain, structure))
    if isinstance(structure, Tensor):
        raise Declined("a tensor is among Python's own values")
    return structure.value


def packer(structure: Any) -> Callable[[Sequence[Any]], Any]:
    """A function that gives a structure with these tensors in it, in TensorFlow's order.

    Raises:
        Declined: a Python value other than None is in the structure.
    """
    if isinstance(structure, Tensor):
        return lambda flat: flat[0]
    if any(isinstance(leaf, Literal) and leaf.value is not None for leaf in leaves(structure)):
        raise Declined("a call returns a Python value")
    return lambda flat: _packed(structure, iter(flat))


def _packed(structure: Any, flat: Iterator[Any]) -> Any:
    if isinstance(structure, Tensor):
        return next(flat)
    if isinstance(structure, Literal):
        return None
    if isinstance(structure, dict):
        packed = {name: _packed(structure[name], flat) for name in sorted(structure)}
        return {name: packed[name] for name in structure}
    return type(structure)(_packed(part, flat) for part in structure)


def _all(verdicts: Iterable[Optional[bool]]) -> Optional[bool]:
    found = set(verdicts)
    return False if False in found else None if None in found else True


def _are_compatible(first: Shape, second: Shape) -> bool:
    return bool(tf.TensorShape(first).is_compatible_with(tf.TensorShape(second)))
