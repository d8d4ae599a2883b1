"""Nested inputs and outputs of a model's __call__, as a SavedModel writes them down."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator, List, NoReturn, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis.lean.functions import check_dtype
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
        name: that it was saved with; "" for none.
    """

    dtype: int
    shape: Shape
    place: Optional[int] = None
    name: str = field(default="", compare=False)


@dataclass(frozen=True)
class Literal:
    """A Python value in a structure: None, or of one of four types."""

    value: Any


@dataclass(frozen=True)
class Value:
    """A Python value that TensorFlow makes a tensor of, as a TensorProto."""

    tensor: Any


class Fit(enum.Enum):
    """Whether a function takes the inputs of a call."""

    YES = "yes"
    NO = "no"
    # TensorFlow's own object is to find out.
    UNSURE = "unsure"

    def __bool__(self) -> NoReturn:
        raise TypeError("a Fit is one of three: compare it")


def decoded(value: Any) -> Any:
    """A StructuredValue as dicts, lists, tuples, Tensors and Literals.

    Raises:
        Declined: it has something else in it.
    """
    kind = value.WhichOneof("kind")
    if kind == "tensor_spec_value":
        spec = value.tensor_spec_value
        check_dtype(spec.dtype, "a tensor of a call")
        return Tensor(spec.dtype, shape_of(spec.shape), name=spec.name)
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
    """The direct parts of a container, in the order in which TensorFlow flattens it."""
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


def fits(given: Any, expected: Any) -> Fit:
    """Whether TensorFlow finds that inputs are what a function takes, as they are."""
    if isinstance(expected, _CONTAINERS):
        if not _are_alike(given, expected):
            return Fit.NO
        return _all(map(fits, parts(given), parts(expected)))
    if isinstance(expected, Tensor):
        return _verdict(
            isinstance(given, Tensor)
            and given.dtype == expected.dtype
            and _are_compatible(given.shape, expected.shape)
        )
    if not isinstance(given, Literal) or given.value != expected.value:
        return Fit.NO
    # To Python True is 1, and 1 is 1.0.
    return Fit.YES if type(given.value) is type(expected.value) else Fit.UNSURE


def covers(wider: Any, given: Any) -> bool:
    """Whether a function that was traced for some inputs takes others, of known sizes too."""
    if isinstance(wider, _CONTAINERS):
        return _are_alike(given, wider) and all(map(covers, parts(wider), parts(given)))
    if isinstance(wider, Literal):
        return isinstance(given, Literal) and wider.value == given.value
    if not isinstance(given, Tensor) or given.dtype != wider.dtype:
        return False
    return _is_part(given.shape, wider.shape)


def _is_part(shape: Shape, of: Shape) -> bool:
    if of is None or shape is None:
        return of is None
    return len(shape) == len(of) and all(b is None or a == b for a, b in zip(shape, of))


def converted(given: Any, expected: Any) -> Tuple[Fit, List[Any]]:
    """Whether a function takes the inputs of a call once they are made tensors.

    TensorFlow tries this once no function takes the inputs as they are.

    Returns:
        The verdict, and the Tensors and Values in the order in which the function takes
        them.
    """
    if isinstance(expected, Tensor) and not isinstance(given, Tensor):
        return _as_value(given, expected)
    if isinstance(expected, _CONTAINERS):
        if not _are_alike(given, expected):
            return Fit.NO, []
        found = [converted(one, other) for one, other in zip(parts(given), parts(expected))]
        return _all(fit for fit, _ in found), [leaf for _, some in found for leaf in some]
    return fits(given, expected), tensors(given)


def _are_alike(given: Any, expected: Any) -> bool:
    """Whether two containers are of one type and have as many or the same parts."""
    if type(given) is not type(expected) or len(given) != len(expected):
        return False
    return not isinstance(expected, dict) or set(given) == set(expected)


def _as_value(structure: Any, expected: Tensor) -> Tuple[Fit, List[Any]]:
    """A structure of Python values as the tensor that TensorFlow makes of it."""
    if any(isinstance(leaf, Tensor) for leaf in leaves(structure)):
        # TensorFlow packs lists of tensors and numbers, some of them.
        return Fit.UNSURE, []
    try:
        # In a graph, as TensorFlow does: there numbers become what they do not eagerly.
        with tf.Graph().as_default():
            constant = tf.convert_to_tensor(
                plain(structure), dtype_hint=tf.as_dtype(expected.dtype)
            )
    except (TypeError, ValueError):
        return Fit.NO, []
    if constant.op.type != "Const":
        return Fit.UNSURE, []
    fit = constant.dtype.as_datatype_enum == expected.dtype and _are_compatible(
        constant.shape, expected.shape
    )
    return _verdict(fit), [Value(constant.op.get_attr("value"))]


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


def _all(verdicts: Iterable[Fit]) -> Fit:
    found = set(verdicts)
    for verdict in (Fit.NO, Fit.UNSURE):
        if verdict in found:
            return verdict
    return Fit.YES


def _verdict(found: bool) -> Fit:
    return Fit.YES if found else Fit.NO


def _are_compatible(first: Any, second: Any) -> bool:
    return bool(tf.TensorShape(first).is_compatible_with(tf.TensorShape(second)))
