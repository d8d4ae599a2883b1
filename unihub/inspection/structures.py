"""Values as TensorFlow stores them with a function: nested structures of TensorSpecs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Tuple, Union

from unihub.formats.message import Message
from unihub.formats.model import Shape, read_shape
from unihub.formats.schema import dtype_name

_KINDS = (
    "none_value",
    "float64_value",
    "int64_value",
    "string_value",
    "bool_value",
    "tensor_shape_value",
    "tensor_dtype_value",
    "tensor_spec_value",
    "type_spec_value",
    "bounded_tensor_spec_value",
    "list_value",
    "tuple_value",
    "dict_value",
    "named_tuple_value",
)
_DEEPEST = 30


@dataclass(frozen=True)
class Spec:
    """The type of a tensor.

    Attributes:
        type_spec: class of a composite tensor's TypeSpec, else ``""``.
    """

    dtype: str
    shape: Shape
    name: str = ""
    type_spec: str = ""

    def __str__(self) -> str:
        sizes = "..." if self.shape is None else ",".join(map(_size, self.shape))
        return f"{self.type_spec} {self.dtype}[{sizes}]".strip()


@dataclass(frozen=True)
class Unknown:
    """A value that has no meaning outside of TensorFlow."""

    kind: str

    def __str__(self) -> str:
        return f"<{self.kind}>"


@dataclass(frozen=True)
class Fields:
    """A dict, or a namedtuple where it has a name."""

    items: Tuple[Tuple[str, Any], ...]
    name: str = ""


@dataclass(frozen=True)
class Listed:
    """A list, which as an input is not the same as a tuple."""

    values: Tuple[Any, ...]


Value = Union[None, bool, int, float, str, Spec, Unknown, Fields, Listed, Tuple[Any, ...]]


def read_value(message: Message, depth: int = 0) -> Value:
    """Decodes a StructuredValue: Python values, tuples, Listed, Fields, Specs."""
    kind = message.which(*_KINDS)
    if kind is None or depth > _DEEPEST:
        return Unknown("unset")
    if kind in _SCALARS:
        scalar: Value = _SCALARS[kind](message)
        return scalar
    inner = message.message(kind)
    if kind in ("list_value", "tuple_value"):
        values = tuple(read_value(value, depth + 1) for value in inner.messages("values"))
        return Listed(values) if kind == "list_value" else values
    if kind in ("dict_value", "named_tuple_value"):
        pairs = inner.messages("fields" if kind == "dict_value" else "values")
        items = tuple((p.text("key"), read_value(p.message("value"), depth + 1)) for p in pairs)
        return Fields(items, inner.text("name") if kind == "named_tuple_value" else "")
    if kind == "type_spec_value":
        return _type_spec(inner, depth)
    return _tensor_spec(inner)


def show(value: Value) -> str:
    """A value in Python's notation, tensors as ``float32[?,3]``."""
    if isinstance(value, tuple):
        return f"({', '.join(map(show, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, Listed):
        return f"[{', '.join(map(show, value.values))}]"
    if isinstance(value, Fields):
        if value.name:
            return f"{value.name}({', '.join(f'{key}={show(item)}' for key, item in value.items)})"
        return "{" + ", ".join(f"{key!r}: {show(item)}" for key, item in value.items) + "}"
    return str(value) if isinstance(value, (Spec, Unknown)) else repr(value)


def sequence(value: Value) -> Tuple[Any, ...]:
    """The elements of a list or tuple; none of anything else."""
    if isinstance(value, Listed):
        return value.values
    return value if isinstance(value, tuple) else ()


def _tensor_spec(message: Message) -> Spec:
    return Spec(
        dtype_name(message.number("dtype")),
        read_shape(message.message("shape")),
        message.text("name"),
    )


def _type_spec(message: Message, depth: int) -> Value:
    state = read_value(message.message("type_state"), depth + 1)
    parts = sequence(state)
    dtype = next((part.kind for part in parts if isinstance(part, Unknown)), "")
    shape = next((part for part in parts if isinstance(part, tuple)), None)
    return Spec(dtype, shape, type_spec=message.text("type_spec_class_name"))


def _size(size: Any) -> str:
    return "?" if size is None else str(size)


_SCALARS: Dict[str, Any] = {
    "none_value": lambda message: None,
    "float64_value": lambda message: message.real("float64_value"),
    "int64_value": lambda message: message.number("int64_value"),
    "string_value": lambda message: message.text("string_value"),
    "bool_value": lambda message: bool(message.number("bool_value")),
    "tensor_shape_value": lambda message: read_shape(message.message("tensor_shape_value")),
    # A dtype is kept by name, for only the specs that hold it have a use for it.
    "tensor_dtype_value": lambda message: Unknown(dtype_name(message.number("tensor_dtype_value"))),
}
