"""How inputs differ from those that a model takes, and the line that mends it."""

from __future__ import annotations

from typing import Any, Mapping

import tensorflow as tf

from unihub.apis.keras import errors
from unihub.apis.traces import same_structure
from unihub.errors import listed, nearest

_KINDS = (
    (tf.RaggedTensor, tf.RaggedTensorSpec, "ragged "),
    (tf.SparseTensor, tf.SparseTensorSpec, "sparse "),
)


def mismatch(inputs: Any, accepted: Any, handle: str) -> errors.WrongInputs | None:
    """The error that says how ``inputs`` differ from ``accepted``; None when they fit."""
    about = {
        "handle": handle,
        "received": described(inputs),
        "accepted": described(accepted),
    }
    both_named = isinstance(inputs, Mapping) and isinstance(accepted, Mapping)
    if both_named and inputs.keys() != accepted.keys():
        missing = sorted(name for name in accepted if name not in inputs)
        unknown = sorted(name for name in inputs if name not in accepted)
        return errors.WrongInputNames(
            missing=listed(missing),
            unknown=listed(unknown),
            fix=_renaming(accepted, unknown, missing),
            **about,
        )
    if not same_structure(inputs, accepted):
        return errors.WrongInputStructure(fix=_calling_with(accepted, inputs), **about)
    for name, value, spec in _leaves(inputs, accepted):
        found = _leaf_mismatch(name, value, spec, handle)
        if found is not None:
            return found
    return None


def _leaf_mismatch(name: str, value: Any, spec: Any, handle: str) -> errors.WrongInputs | None:
    if not tf.is_tensor(value):
        return None
    about = {
        "name": name,
        "handle": handle,
        "received": described(value),
        "accepted": described(spec),
    }
    if _kind(value) != _kind(spec):
        return errors.WrongInputStructure(fix="layer(x.to_tensor())", **_without_name(about))
    castable = value.dtype.is_floating and spec.dtype.is_floating
    if value.dtype != spec.dtype and not castable:
        return errors.WrongInputDtype(fix=_recasting(value.dtype, spec), **about)
    if value.shape.is_compatible_with(spec.shape):
        return None
    if value.shape.rank != spec.shape.rank:
        return errors.WrongInputRank(fix=_reranking(value.shape, spec), **about)
    return errors.WrongInputShape(fix=_resizing(spec), **about)


def _without_name(about: dict[str, Any]) -> dict[str, Any]:
    return {key: fact for key, fact in about.items() if key != "name"}


def _calling_with(accepted: Any, inputs: Any) -> str:
    if isinstance(accepted, Mapping):
        return "layer({{{}}})".format(", ".join(f"{name!r}: {name}" for name in sorted(accepted)))
    if isinstance(accepted, (list, tuple)):
        return f"layer([{', '.join(f'x{place}' for place in range(len(accepted)))}])"
    if isinstance(inputs, Mapping) and inputs:
        return f"layer(inputs[{min(inputs)!r}])"
    return "layer(x)"


def _renaming(accepted: Any, unknown: list[Any], missing: list[str]) -> str:
    if unknown and missing:
        old = unknown[0]
        return f"rename {old!r} to {nearest(old, missing)!r}: {_calling_with(accepted, None)}"
    return _calling_with(accepted, None)


def _reranking(shape: tf.TensorShape, spec: Any) -> str:
    declared = f"in a model: {_keras_input(spec)}"
    surplus = (shape.rank or 0) - spec.shape.rank
    if surplus == 1 and shape[-1] in (1, None):
        return f"layer(keras.ops.squeeze(x, axis={shape.rank - 1})); {declared}"
    if surplus == -1:
        return f"layer(keras.ops.expand_dims(x, axis=0)), if the batch is missing; {declared}"
    return f"layer(keras.ops.reshape(x, {_sizes(spec)})); {declared}"


def _resizing(spec: Any) -> str:
    sizes = spec.shape.as_list()
    if len(sizes) == 4 and None not in sizes[1:3]:
        return f"layer(keras.ops.image.resize(x, {tuple(sizes[1:3])}))"
    return f"layer(keras.ops.reshape(x, {_sizes(spec)})); in a model: {_keras_input(spec)}"


def _recasting(dtype: tf.DType, spec: Any) -> str:
    declared = f"in a model: {_keras_input(spec)}"
    if spec.dtype == tf.string:
        return f"layer(tf.strings.as_string(x)); {declared}"
    if dtype == tf.string:
        return f"layer(tf.strings.to_number(x, tf.{spec.dtype.name})); {declared}"
    return f'layer(keras.ops.cast(x, "{spec.dtype.name}")); {declared}'


def _keras_input(spec: Any) -> str:
    shape = tuple(spec.shape.as_list()[1:]) if spec.shape.rank else ()
    return f'keras.Input(shape={shape}, dtype="{spec.dtype.name}")'


def _sizes(spec: Any) -> tuple[int, ...]:
    return tuple(-1 if size is None else size for size in spec.shape.as_list())


def described(nest: Any) -> str:
    """A nest of tensors or of TypeSpec in words."""
    if isinstance(nest, Mapping):
        entries = (f"{name!r}: {described(value)}" for name, value in sorted(nest.items()))
        return "{{{}}}".format(", ".join(entries))
    if isinstance(nest, (list, tuple)):
        return f"[{', '.join(map(described, nest))}]"
    if not tf.is_tensor(nest) and not isinstance(nest, tf.TypeSpec):
        return type(nest).__name__
    shape = "any shape" if nest.shape.rank is None else f"shape {tuple(nest.shape.as_list())}"
    return f"{_kind(nest)}{nest.dtype.name} tensor of {shape}"


def _kind(value: Any) -> str:
    for tensor, spec, kind in _KINDS:
        if isinstance(value, (tensor, spec)):
            return kind
    return ""


def _leaves(inputs: Any, accepted: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(accepted, Mapping):
        return [(repr(name), inputs[name], accepted[name]) for name in sorted(accepted)]
    flat = list(zip(tf.nest.flatten(inputs), tf.nest.flatten(accepted)))
    if len(flat) == 1:
        return [(repr(spec.name or "inputs"), value, spec) for value, spec in flat]
    return [(str(place), value, spec) for place, (value, spec) in enumerate(flat)]
