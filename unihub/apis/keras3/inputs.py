"""Between the inputs of a Keras layer and those of a TensorFlow function."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence, Union

import keras
import numpy as np
import tensorflow as tf

from unihub.apis import traces
from unihub.apis.input_lines import Call
from unihub.apis.inputs import WrongInputs, mismatch
from unihub.apis.keras.calling import layer_as_called
from unihub.apis.keras.kerases import check_keras
from unihub.apis.keras.layer import nest_of_specs
from unihub.apis.refused import why_refused
from unihub.apis.signature import size_test

# What TensorFlow raises when inputs do not fit a function.
_NOT_FITTING = (TypeError, ValueError, tf.errors.InvalidArgumentError)


class PositionalInputs:
    """The inputs of a function that takes them as its first argument.

    Args:
        alternatives: nests of TypeSpec that it accepts; none when it does not tell.
        call: how errors name it.
    """

    def __init__(self, alternatives: Sequence[Any], call: Call) -> None:
        self._alternatives = tuple(alternatives)
        self._call = call
        self._floats = traces.float_dtypes(alternatives)
        self._float = self._floats[0] if len(self._floats) == 1 else None
        self.dtype = traces.natural_dtype(alternatives)

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
        except _NOT_FITTING:
            found = self.refusal(function, inputs, keywords)
            if found is None:
                raise
            # TensorFlow lists every trace, and the values of all that was given.
            raise found from None

    def refusal(self, function: Any, inputs: Any, keywords: dict[str, Any]) -> WrongInputs | None:
        """The error that says how inputs differ from what ``function`` takes, if they do."""
        return why_refused(function, (inputs,), keywords, self._call)

    def specs(self, shapes: Any) -> Any:
        """The nest of TensorSpec for a nest of TensorShape, with the accepted dtypes."""
        fallback = self._float or tf.as_dtype(keras.config.floatx())
        return nest_of_specs(shapes, self._alternatives, fallback)

    def _fitted(self, inputs: Any) -> Any:
        if isinstance(inputs, tf.Tensor):
            return self._cast(inputs)
        if len(self._floats) > 1:
            for accepted in self._alternatives:
                if traces.same_structure(inputs, accepted):
                    return tf.nest.map_structure(_cast_to_spec, inputs, accepted)
            return inputs
        return tf.nest.map_structure(self._cast, inputs)

    def _cast(self, value: Any) -> Any:
        wanted = self._float
        if wanted is None or value is None or value.dtype is wanted or not value.dtype.is_floating:
            return value
        return tf.cast(value, wanted)


class NamedInputs:
    """The inputs of a signature, which takes them by name.

    Args:
        specs: TensorSpec by name.
        call: how errors name it.
    """

    def __init__(self, specs: Mapping[str, Any], call: Call) -> None:
        self._specs = dict(specs)
        self._call = call
        self._expected = {name: (s.dtype, size_test(s.shape)) for name, s in self._specs.items()}
        self._composites = traces.composites_of(specs)
        self._sole = self._composites.sole
        self.dtype = traces.natural_dtype([self._specs])

    def cast_floats_to(self, dtype: str) -> None:
        """A signature always tells its dtypes."""

    def tensors(self, inputs: Any) -> Any:
        """Python and numpy values in ``inputs`` as tensors."""
        if isinstance(inputs, Mapping) or self._sole is None:
            return _tensors(inputs, self._specs)
        return _tensors(inputs, self._specs.get(self._sole))

    def call(self, function: Callable[..., Any], inputs: Any, keywords: dict[str, Any]) -> Any:
        """Calls ``function`` on the inputs.

        A signature runs in silence on tensors of another shape when called
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
            raise self._wrong(inputs)
        named = self._composites.taken_apart(named)
        if named.keys() != self._expected.keys():
            raise self._wrong(named)
        for name, (dtype, fits) in self._expected.items():
            value = named[name]
            if not tf.is_tensor(value):
                try:
                    value = named[name] = tf.convert_to_tensor(value, dtype)
                except (ValueError, TypeError, tf.errors.OpError) as error:
                    raise (self._mismatch(named) or error) from None
            elif value.dtype is not dtype:
                if not (value.dtype.is_floating and dtype.is_floating):
                    raise self._wrong(named)
                named[name] = tf.cast(value, dtype)
            if not fits(value.shape):
                found = self._mismatch(named)
                if found is not None:
                    raise found
        try:
            return function(**named)
        except _NOT_FITTING:
            found = self._mismatch(named)
            if found is None:
                raise
            raise found from None

    def specs(self, shapes: Any) -> Any:
        """The nest of TensorSpec for a nest of TensorShape, with the accepted dtypes."""
        if isinstance(shapes, Mapping):
            return {
                name: tf.TensorSpec(shape, self._expected.get(name, (self.dtype,))[0])
                for name, shape in shapes.items()
            }
        return tf.TensorSpec(shapes, self.dtype)

    def refusal(self, function: Any, inputs: Any, keywords: dict[str, Any]) -> WrongInputs | None:
        """The error that says how inputs differ from what the signature takes, if they do."""
        if not isinstance(inputs, Mapping) and self._sole is not None:
            inputs = {self._sole: inputs}
        return self._mismatch(inputs)

    def _wrong(self, inputs: Any) -> WrongInputs:
        found = self._mismatch(inputs)
        assert found is not None
        return found

    def _mismatch(self, inputs: Any) -> WrongInputs | None:
        accepted = self._composites.wholes(self._specs, inputs)
        sole = self._sole or ""
        if sole in accepted and isinstance(inputs, Mapping) and [*inputs] == [sole]:
            # A line to paste needs no name for it.
            return mismatch(inputs[sole], accepted[sole], self._call)
        return mismatch(inputs, accepted, self._call)


Inputs = Union[PositionalInputs, NamedInputs]


def inputs_of(function: Any, handle: str, signature: str | None = None) -> Inputs:
    """The inputs of a TensorFlow function, signature or other callable, as far as it tells.

    Args:
        function: to be called.
        handle, signature: as which errors name it.
    """
    model = handle if signature is None else f"signature {signature!r} of {handle}"
    call = layer_as_called(handle, model, ops="keras.ops", keras="keras")
    for args, keywords in traces.accepted_arguments(function):
        if not args and (keywords or signature is not None):
            return NamedInputs(keywords, call)
    return PositionalInputs(traces.accepted_inputs(function), call)


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
            # A list may stand for a tuple, and not for a namedtuple.
            kind = value if hasattr(accepted, "_fields") else accepted
            return traces.sequence_like(kind, map(_tensors, value, accepted))
        if any(isinstance(part, np.ndarray) or _is_tensor(part) for part in value):
            return traces.sequence_like(value, [_tensors(part, None) for part in value])
    return _tensor(value, getattr(accepted, "dtype", None))


def _tensor(value: Any, dtype_hint: tf.DType | None) -> Any:
    if isinstance(value, keras.Variable):
        return value.value
    check_keras(value, "keras")
    if value is None or _is_tensor(value):
        return value
    # Python numbers become what the model takes; an array has a dtype of its own.
    hint = None if isinstance(value, np.ndarray) else dtype_hint
    return tf.convert_to_tensor(value, dtype_hint=hint)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (keras.KerasTensor, keras.Variable)) or bool(tf.is_tensor(value))
