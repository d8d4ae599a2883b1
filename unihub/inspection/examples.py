"""A line of code that calls a model, with made-up inputs of the right kind."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from unihub.formats.model import COMPOSITE, DENSE, SPARSE, Shape, Signature, TensorInfo
from unihub.inspection.callables import Callable
from unihub.inspection.parsed_inputs import UNKNOWN, ParsedInputs
from unihub.inspection.structures import Fields, Listed, Spec

_BATCH = 1
# For images whose size is open: the most common one.
_IMAGE_SIZE = 224
_NO_NUMBERS = ("resource", "variant", "invalid", "")


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
    texts = sum(info.dtype == "string" for info in signature.inputs.values())
    inputs = {
        name: _text_code(parsed, info.shape, parsed.is_parsed(info.name), texts == 1)
        if info.dtype == "string" and info.kind == DENSE
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
    needed = target.needed()
    if needed is None:
        return ""
    is_parsed = parsed.parses(target.functions)
    parts = []
    for name, value, by_name in needed:
        code = _value_code(value)
        if isinstance(value, Spec) and value.dtype == "string" and not value.type_spec:
            code = _text_code(parsed, value.shape, is_parsed, len(needed) == 1)
        if UNKNOWN in code:
            return ""
        parts.append(f"{name}={code}" if by_name else code)
    return f"{load}({', '.join(parts)})"


def _text_code(parsed: ParsedInputs, shape: Shape, is_parsed: bool, is_sole: bool) -> str:
    """An expression for texts, which may be serialized tf.train.Examples or images."""
    sizes = _sizes(shape)
    if not is_parsed and parsed.encoded:
        # Which of several is decoded is not told.
        return f"tf.fill({list(sizes)}, {parsed.encoded})" if is_sole else UNKNOWN
    if not is_parsed:
        return _dense("string", sizes)
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
