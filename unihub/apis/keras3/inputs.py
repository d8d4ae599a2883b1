"""Between the inputs of a Keras layer and those of a TensorFlow function."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence, Union

import keras
import numpy as np
import tensorflow as tf

from unihub.apis.keras3 import errors
from unihub.apis.keras3.mismatch import mismatch, same_structure

# What TensorFlow raises when inputs do not fit a function.
_NOT_FITTING = (TypeError, ValueError, tf.errors.InvalidArgumentError)

_SPARSE_COMPONENTS = ("indices", "values", "dense_shape")


class PositionalInputs:
    """The inputs of a function that takes them as its first argument.

    Args:
        alternatives: nests of TypeSpec that it accepts; none when it does not tell.
        handle: of the model, for errors.
    """

    def __init__(self, alternatives: Sequence[Any], handle: str) -> None:
        self._alternatives = tuple(alternatives)
        self._handle = handle
        specs = [spec for nest in alternatives for spec in tf.nest.flatten(nest)]
        self._floats = {spec.dtype for spec in specs if spec.dtype.is_floating}
        self._float = next(iter(self._floats)) if len(self._floats) == 1 else None
        self.dtype = _natural_dtype([tf.nest.flatten(nest) for nest in alternatives])

    def cast_floats_to(self, dtype: str) -> None:
        """Sets what floating-point inputs become where the function does not tell."""
        fallback = tf.as_dtype(dtype)
        if not self._alternatives and fallback.is_floating:
            self._float = fallback

    def tensors(self, inputs: Any) -> Any:
        """Python and numpy values in ``inputs`` as tensors."""
        return _tensors(inputs, self._alternatives[0] if self._alternatives else None)

    def call(self, function: Callable[..., Any], inputs: Any, keywords: dict[str, Any]) -> Any:
        """Calls ``function`` on the inputs.

        Raises:
            WrongInputs: when TensorFlow refuses them and they are the reason.
        """
        try:
            return function(self._fitted(inputs), **keywords)
        except _NOT_FITTING as error:
            found = self._mismatch(inputs)
            if found is None:
                raise
            raise found from error

    def specs(self, shapes: Any) -> Any:
        """The nest of TensorSpec for a nest of TensorShape, with the accepted dtypes."""
        for accepted in self._alternatives:
            if same_structure(shapes, accepted):
                return tf.nest.map_structure(
                    lambda shape, spec: tf.TensorSpec(shape, spec.dtype), shapes, accepted
                )
        dtype = self._float or tf.as_dtype(keras.config.floatx())
        return tf.nest.map_structure(lambda shape: tf.TensorSpec(shape, dtype), shapes)

    def _fitted(self, inputs: Any) -> Any:
        if isinstance(inputs, tf.Tensor):
            return self._cast(inputs)
        if len(self._floats) > 1:
            for accepted in self._alternatives:
                if same_structure(inputs, accepted):
                    return tf.nest.map_structure(_cast_to_spec, inputs, accepted)
            return inputs
        return tf.nest.map_structure(self._cast, inputs)

    def _cast(self, value: Any) -> Any:
        wanted = self._float
        if wanted is None or value is None or value.dtype is wanted or not value.dtype.is_floating:
            return value
        return tf.cast(value, wanted)

    def _mismatch(self, inputs: Any) -> errors.WrongInputs | None:
        closest: errors.WrongInputs | None = None
        for accepted in self._alternatives:
            found = mismatch(inputs, accepted, self._handle)
            if found is None:
                return None
            closest = closest or found
        return closest


class NamedInputs:
    """The inputs of a signature, which takes them by name.

    Args:
        specs: TensorSpec by name.
        handle: of the model, for errors.
    """

    def __init__(self, specs: Mapping[str, Any], handle: str) -> None:
        self._specs = dict(specs)
        self._handle = handle
        self._expected = {name: (s.dtype, s.shape.rank) for name, s in self._specs.items()}
        self._sparse = _sparse_inputs(self._specs)
        self._composite = _composite_inputs(self._specs)
        components = {f"{name}_{part}" for name in self._sparse for part in _SPARSE_COMPONENTS}
        components.update(part for parts in self._composite.values() for part in parts)
        whole = [*self._sparse, *self._composite]
        whole += [name for name in self._specs if name not in components]
        self._sole = whole[0] if len(whole) == 1 else None
        self.dtype = _natural_dtype([tf.nest.flatten(self._specs)])

    def cast_floats_to(self, dtype: str) -> None:
        """A signature always tells its dtypes."""

    def tensors(self, inputs: Any) -> Any:
        """Python and numpy values in ``inputs`` as tensors."""
        if isinstance(inputs, Mapping) or self._sole is None:
            return _tensors(inputs, self._specs)
        return _tensors(inputs, self._specs.get(self._sole))

    def call(self, function: Callable[..., Any], inputs: Any, keywords: dict[str, Any]) -> Any:
        """Calls ``function`` on the inputs.

        A signature runs in silence on tensors of another rank when called
        eagerly, and of another dtype when traced, so both are checked here.

        Raises:
            WrongInputs: when they do not fit.
        """
        named = dict(keywords)
        if isinstance(inputs, dict):
            named.update(inputs)
        elif self._sole is not None:
            named[self._sole] = inputs
        else:
            raise self._mismatch(inputs)
        for name in self._sparse:
            if isinstance(named.get(name), tf.SparseTensor):
                value = named.pop(name)
                named.update({f"{name}_{p}": getattr(value, p) for p in _SPARSE_COMPONENTS})
        for name, parts in self._composite.items():
            if isinstance(named.get(name), tf.RaggedTensor):
                tensors = tf.nest.flatten(named.pop(name), expand_composites=True)
                named.update(zip(parts, tensors))
        if named.keys() != self._expected.keys():
            raise self._mismatch(named)
        for name, (dtype, rank) in self._expected.items():
            value = named[name]
            if not tf.is_tensor(value):
                named[name] = tf.convert_to_tensor(value, dtype)
                continue
            if value.dtype is not dtype:
                if not (value.dtype.is_floating and dtype.is_floating):
                    raise self._mismatch(named)
                named[name] = tf.cast(value, dtype)
            if rank is not None and value.shape.rank not in (rank, None):
                raise self._mismatch(named)
        try:
            return function(**named)
        except _NOT_FITTING as error:
            found = mismatch(named, self._specs, self._handle)
            if found is None:
                raise
            raise found from error

    def specs(self, shapes: Any) -> Any:
        """The nest of TensorSpec for a nest of TensorShape, with the accepted dtypes."""
        if isinstance(shapes, Mapping):
            return {
                name: tf.TensorSpec(shape, self._expected.get(name, (self.dtype,))[0])
                for name, shape in shapes.items()
            }
        return tf.TensorSpec(shapes, self.dtype)

    def _mismatch(self, inputs: Any) -> errors.WrongInputs:
        found = mismatch(inputs, self._specs, self._handle)
        assert found is not None
        return found


def _sparse_inputs(specs: Mapping[str, Any]) -> tuple[str, ...]:
    """The inputs that are one SparseTensor each, which a loaded TF1 signature takes apart."""
    suffix = "_indices"
    names = [name[: -len(suffix)] for name in specs if name.endswith(suffix)]
    return tuple(n for n in names if all(f"{n}_{part}" in specs for part in _SPARSE_COMPONENTS))


def _composite_inputs(specs: Mapping[str, Any]) -> dict[str, list[str]]:
    """The inputs that are one RaggedTensor each, to the names of their components."""
    infix = "_component_"
    found: dict[str, list[str]] = {}
    for part in sorted(specs):
        name, _, place = part.rpartition(infix)
        if name and place.isdigit():
            found.setdefault(name, []).append(part)
    return found


Inputs = Union[PositionalInputs, NamedInputs]


def inputs_of(function: Any, handle: str) -> Inputs:
    """What a TensorFlow function, signature or other callable takes, as far as it tells."""
    alternatives: list[Any] = []
    for args, keywords in _accepted_arguments(function):
        if args:
            if all(isinstance(leaf, tf.TypeSpec) for leaf in tf.nest.flatten(args[0])):
                alternatives.append(args[0])
        elif keywords:
            return NamedInputs(keywords, handle)
    return PositionalInputs(alternatives, handle)


def _accepted_arguments(function: Any) -> list[tuple[tuple[Any, ...], Mapping[str, Any]]]:
    # A loaded object has its __call__ as an attribute, which knows what was traced.
    candidates: list[Any] = [function, function.__call__]
    for candidate in candidates:
        if isinstance(candidate, tf.types.experimental.ConcreteFunction):
            return [candidate.structured_input_signature]
        concrete = getattr(candidate, "concrete_functions", None)
        if concrete:
            return [traced.structured_input_signature for traced in concrete]
        if getattr(candidate, "input_signature", None):
            return [(tuple(candidate.input_signature), {})]
    return []


def _natural_dtype(alternatives: Sequence[Sequence[Any]]) -> tf.DType | None:
    """The dtype of the only input, or of the first floating-point one."""
    for specs in alternatives:
        if len(specs) == 1:
            return specs[0].dtype
        for spec in specs:
            if spec.dtype.is_floating:
                return spec.dtype
    return None


def _cast_to_spec(value: Any, spec: Any) -> Any:
    if value.dtype.is_floating and spec.dtype.is_floating:
        return tf.cast(value, spec.dtype)
    return value


def _tensors(value: Any, accepted: Any) -> Any:
    """Turns what is no tensor into one; lists only where ``accepted`` or tensors in them say."""
    if isinstance(value, Mapping):
        specs = accepted if isinstance(accepted, Mapping) else {}
        return {name: _tensors(part, specs.get(name)) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        if isinstance(accepted, (list, tuple)) and len(accepted) == len(value):
            return type(accepted)(map(_tensors, value, accepted))
        if any(isinstance(part, np.ndarray) or _is_tensor(part) for part in value):
            return type(value)(_tensors(part, None) for part in value)
    return _tensor(value, getattr(accepted, "dtype", None))


def _tensor(value: Any, dtype_hint: tf.DType | None) -> Any:
    if isinstance(value, keras.Variable):
        return value.value
    if type(value).__name__ == "KerasTensor" and not isinstance(value, keras.KerasTensor):
        other = type(value).__module__.partition(".")[0]
        raise errors.MixedKeras(version=keras.__version__, other=other, found=str(value))
    if value is None or _is_tensor(value):
        return value
    # Python numbers become what the model takes; an array has a dtype of its own.
    hint = None if isinstance(value, np.ndarray) else dtype_hint
    return tf.convert_to_tensor(value, dtype_hint=hint)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (keras.KerasTensor, keras.Variable)) or bool(tf.is_tensor(value))


def nest_of_shapes(shapes: Any) -> Any:
    """A nest of TensorShape from one of lists or tuples of int or None.

    Raises:
        BadOutputShape: when it is neither a shape nor a dict or list of shapes.
    """
    if isinstance(shapes, Mapping):
        return {name: nest_of_shapes(shape) for name, shape in shapes.items()}
    try:
        return tf.TensorShape(shapes)
    except (TypeError, ValueError):
        if isinstance(shapes, (list, tuple)) and not all(isinstance(s, int) for s in shapes):
            return type(shapes)(nest_of_shapes(shape) for shape in shapes)
    raise errors.BadOutputShape(found=repr(shapes))
