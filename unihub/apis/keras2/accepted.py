"""What a TensorFlow function accepts, as far as it tells."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

import tensorflow as tf

_SPARSE_COMPONENTS = ("indices", "values", "dense_shape")


def accepted_inputs(function: Any) -> List[Any]:
    """The nests of TypeSpec that a function takes, one for each way to call it.

    Args:
        function: a restored function, tf.function, signature or any callable.

    Returns:
        Nests for the first argument; dicts by name for signatures. Empty when
        the function does not tell.
    """
    nests = []
    for args, keywords in _traced_arguments(function):
        nest = args[0] if args else keywords
        leaves = tf.nest.flatten(nest)
        if leaves and all(isinstance(leaf, tf.TypeSpec) for leaf in leaves):
            nests.append(nest)
    return nests


def _traced_arguments(function: Any) -> List[Any]:
    # A loaded object has its __call__ as an attribute, which knows what was traced.
    for candidate in (function, function.__call__):
        # In this order: a concrete function has an input_signature in some releases.
        traced = getattr(candidate, "structured_input_signature", None)
        if traced is not None:
            return [traced]
        concrete = getattr(candidate, "concrete_functions", None)
        if concrete:
            return [each.structured_input_signature for each in concrete]
        declared = getattr(candidate, "input_signature", None)
        if declared:
            return [(tuple(declared), {})]
    return []


def natural_dtype(nests: Sequence[Any]) -> Optional[tf.DType]:
    """The dtype of the only input, or of the first floating-point one."""
    for nest in nests:
        specs = tf.nest.flatten(nest)
        if len(specs) == 1:
            return dtype_of(specs[0])
        for spec in specs:
            if dtype_of(spec).is_floating:
                return dtype_of(spec)
    return None


def float_dtypes(nests: Sequence[Any]) -> List[tf.DType]:
    """The floating-point dtypes among the inputs, each once."""
    found = {dtype_of(spec).name for nest in nests for spec in tf.nest.flatten(nest)}
    return [tf.as_dtype(name) for name in sorted(found) if tf.as_dtype(name).is_floating]


def dtype_of(spec: Any) -> tf.DType:
    """The dtype of a TypeSpec; TensorFlow 1.15 hides that of a RaggedTensorSpec."""
    return spec.dtype if hasattr(spec, "dtype") else spec._dtype


def taken_apart(inputs: Any, names: Mapping[str, Any]) -> Any:
    """Sparse and ragged tensors as the components that a loaded TF1 signature takes.

    Args:
        inputs: what the layer is called on: a tensor, or a dict of them.
        names: of the signature's inputs.

    Returns:
        The same, with each such tensor replaced by tensors by name.
    """
    if isinstance(inputs, dict):
        parts: Dict[str, Any] = {}
        for name, value in inputs.items():
            apart = _components(name, value) if name not in names else None
            parts.update({name: value} if apart is None else apart)
        return parts
    for whole in {_whole(name) for name in names} - {None}:
        apart = _components(whole, inputs)
        if apart is not None and apart.keys() == set(names):
            return apart
    return inputs


def _components(name: Any, value: Any) -> Optional[Dict[str, Any]]:
    if isinstance(value, tf.SparseTensor):
        return {f"{name}_{part}": getattr(value, part) for part in _SPARSE_COMPONENTS}
    if isinstance(value, tf.RaggedTensor):
        parts = tf.nest.flatten(value, expand_composites=True)
        return {f"{name}_component_{place}": part for place, part in enumerate(parts)}
    return None


def _whole(component: str) -> Optional[str]:
    for part in ("_indices", "_component_0"):
        if component.endswith(part):
            return component[: -len(part)]
    return None
