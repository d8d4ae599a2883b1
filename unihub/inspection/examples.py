"""A line of code that calls a model, with made-up inputs of the right kind."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from unihub.formats.model import COMPOSITE, SPARSE, Shape, Signature, TensorInfo
from unihub.inspection.callables import Callable
from unihub.inspection.parsed_inputs import ParsedInputs
from unihub.inspection.structures import Fields, Listed, Spec, show

_BATCH = 1
# For images whose size is open: the most common one.
_IMAGE_SIZE = 224
_NO_NUMBERS = ("resource", "variant", "invalid", "")
_NUMBER = re.compile(r"-?\d+(\.\d*)?(e-?\d+)?$")
# For what no code can be told.
UNKNOWN = "..."


def signature_example(
    handle: str,
    signature: Signature,
    tags: Optional[Iterable[str]],
    parsed: ParsedInputs,
    composites: Mapping[str, Spec],
) -> str:
    """The call of a signature, through `unihub.load`; "" where its inputs cannot be told.

    Args:
        handle: as the caller wrote it.
        signature: to be called.
        tags: of its MetaGraph, where they have to be named.
        parsed: which inputs are serialized tf.train.Examples.
        composites: which may be the first of the components of one tensor; see
            `composite_arguments`.
    """
    chosen = f", tags={sorted(tags)!r}" if tags is not None else ""
    load = f"m = unihub.load({handle!r}{chosen}, signature={signature.name!r}); m"
    inputs = {
        name: _parsed_code(parsed, info.dtype, info.shape)
        if info.dtype == "string" and parsed.is_parsed(info.name)
        else tensor_code(info)
        for name, info in signature.inputs.items()
    }
    for name, spec in composites.items():
        inputs.update(_components(name, spec, signature))
    if any(UNKNOWN in code for code in inputs.values()):
        return ""
    if len(inputs) == 1:
        return f"{load}({next(iter(inputs.values()))})"
    if not inputs:
        return f"{load}()"
    return f"{load}({{{', '.join(f'{name!r}: {code}' for name, code in inputs.items())}}})"


def composite_arguments(callables: Iterable[Callable]) -> Dict[str, Spec]:
    """By name the arguments that are a ragged or sparse tensor, which signatures take apart."""
    return {
        name: value
        for one in callables
        for accepted in one.accepted
        for name, value in accepted.arguments
        if isinstance(value, Spec) and value.type_spec
    }


def _components(name: str, spec: Spec, signature: Signature) -> Dict[str, str]:
    """Code for the components of a tensor beyond the first, which fit made-up ones of that."""
    named = [f"{name}_{place}" for place in (1, 2, 3) if f"{name}_{place}" in signature.inputs]
    if name not in signature.inputs or not named:
        return {}
    if spec.type_spec == "RaggedTensorSpec":
        return {one: f"tf.constant([0, 1], tf.{signature.inputs[one].dtype})" for one in named}
    if spec.type_spec == "SparseTensorSpec" and len(named) == 2 and spec.shape is not None:
        return {named[1]: f"tf.constant({list(_sizes(spec.shape))}, tf.int64)"}
    return dict.fromkeys(named, UNKNOWN)


def callable_example(handle: str, target: Callable, parsed: ParsedInputs) -> str:
    """The call of an object, with the first structure of inputs that it accepts.

    It is "" where they cannot be told.
    """
    load = f"m = unihub.load({handle!r}); m{'.' if target.path else ''}{target.path}"
    if not target.accepted:
        return ""
    is_parsed = parsed.parses(target.functions)
    accepted = min(target.accepted, key=_trains)
    defaults = {argument.name: argument.default for argument in target.arguments}
    parts = []
    by_name = False
    for name, value in accepted.arguments:
        default = defaults.get(name)
        # What follows an argument that was left out has to be named.
        if default is not None and (default == show(value) or _stands_for(default, value)):
            by_name = True
            continue
        code = _value_code(value)
        if is_parsed and isinstance(value, Spec) and value.dtype == "string":
            code = _parsed_code(parsed, value.dtype, value.shape)
        named = by_name or not _has_tensor(value) or name not in defaults
        if UNKNOWN in code or (by_name and not name.isidentifier()):
            return ""
        parts.append(f"{name}={code}" if named and name.isidentifier() else code)
    return f"{load}({', '.join(parts)})"


def _stands_for(default: str, value: Any) -> bool:
    """Whether a default, a number, is what a scalar tensor was traced in the place of."""
    return isinstance(value, Spec) and value.shape == () and _NUMBER.match(default) is not None


def _parsed_code(parsed: ParsedInputs, dtype: str, shape: Shape) -> str:
    """An expression for an input that is to hold serialized tf.train.Examples."""
    sizes = _sizes(shape)
    if parsed.code is None or len(sizes) > 1:
        return UNKNOWN
    if not sizes:
        return f"tf.constant({parsed.code})"
    return f"tf.constant([{parsed.code}]{f' * {sizes[0]}' if sizes[0] != 1 else ''})"


def tensor_code(info: TensorInfo) -> str:
    """An expression for one input of a signature."""
    type_spec = {SPARSE: "SparseTensorSpec", COMPOSITE: info.type_spec}.get(info.kind, "")
    return value_code(info.dtype, info.shape, type_spec)


def value_code(dtype: str, shape: Shape, type_spec: str = "") -> str:
    """An expression for a value of a kind; `UNKNOWN` where none can be told."""
    if dtype in _NO_NUMBERS or dtype.startswith("unknown"):
        return UNKNOWN
    if type_spec == "SparseTensorSpec" and (shape is None or None in shape[1:]):
        # Each index counts, and how far they go is not told.
        return UNKNOWN
    sizes = _sizes(shape)
    if type_spec == "RaggedTensorSpec":
        return f"tf.RaggedTensor.from_tensor({_dense(dtype, (*sizes, 1)[: max(2, len(sizes))])})"
    if type_spec == "SparseTensorSpec":
        return f"tf.sparse.from_dense({_dense(dtype, sizes)})"
    return _dense(dtype, sizes) if not type_spec else UNKNOWN


def _dense(dtype: str, sizes: Tuple[int, ...]) -> str:
    if dtype == "string":
        if not sizes:
            return 'tf.constant("text")'
        return 'tf.constant(["text"])' if sizes == (1,) else f'tf.fill({list(sizes)}, "text")'
    kind = "" if dtype == "float32" else f", tf.{dtype}"
    return f"tf.zeros({list(sizes)}{kind})"


def _sizes(shape: Shape) -> Tuple[int, ...]:
    if shape is None:
        return (_BATCH,)
    is_image = len(shape) == 4 and shape[3] in (1, 3)
    open_size = {1: _IMAGE_SIZE, 2: _IMAGE_SIZE} if is_image else {}
    return tuple(
        open_size.get(axis, _BATCH) if size is None else size for axis, size in enumerate(shape)
    )


def _value_code(value: Any) -> str:
    if isinstance(value, Spec):
        return value_code(value.dtype, value.shape, value.type_spec)
    if isinstance(value, Listed):
        return f"[{', '.join(map(_value_code, value.values))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_value_code, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, Fields) and not value.name:
        return "{" + ", ".join(f"{key!r}: {_value_code(item)}" for key, item in value.items) + "}"
    return repr(value) if value is None or isinstance(value, (bool, int, float, str)) else UNKNOWN


def _has_tensor(value: Any) -> bool:
    if isinstance(value, Fields):
        return any(_has_tensor(item) for _, item in value.items)
    parts = value.values if isinstance(value, Listed) else value
    if isinstance(parts, tuple):
        return any(map(_has_tensor, parts))
    return isinstance(value, Spec)


def _trains(accepted: Any) -> bool:
    return ("training", True) in accepted.arguments
