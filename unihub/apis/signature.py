"""Calling a signature of a loaded SavedModel as one calls a function."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import tensorflow as tf

from unihub.apis.traces import numbered_parts, sparse_parts
from unihub.errors import UnihubError, first_line, listed
from unihub.formats.model import Signature, TensorInfo

_TENSOR = tf.Tensor
_COMPOSITE = (tf.SparseTensor, tf.RaggedTensor)


class WrongInputs(UnihubError, TypeError):
    """The inputs' names are not the signature's."""

    code = "wrong-inputs"
    what = "signature {signature!r} of {handle} was called with the inputs {given}."
    why = "it takes {accepted}."
    do = "{remedy}"


class WrongInputDtype(UnihubError, TypeError):
    """An input's dtype is not the signature's."""

    code = "wrong-input-dtype"
    what = "input {name!r} of signature {signature!r} of {handle} is {given}."
    why = "the signature takes {accepted}."
    do = "m(tf.cast(x, tf.{dtype}))"


class WrongInputValue(UnihubError, TypeError, ValueError):
    """An input cannot be made a tensor of the signature's dtype."""

    code = "wrong-input-value"
    what = "input {name!r} of signature {signature!r} of {handle} cannot be made a tensor."
    why = "the signature takes {accepted}, and TensorFlow says: {reason}"
    do = "m(tf.constant(x, tf.{dtype}))"


class WrongInputShape(UnihubError, ValueError):
    """An input's shape does not fit the signature's."""

    code = "wrong-input-shape"
    what = "input {name!r} of signature {signature!r} of {handle} is {given}."
    why = "the signature takes {accepted}; ? stands for any size."
    do = "{remedy}"


class SignatureFunction:
    """A signature that takes its inputs by position, by name or as a dict.

    Args:
        function: the ConcreteFunction of the loaded object.
        signature: what the SavedModel says of it.
        handle: of the model, for errors.
        output_key: the output to return by itself; None for the dict of all.
    """

    def __init__(
        self,
        function: Callable[..., Dict[str, Any]],
        signature: Signature,
        handle: str,
        output_key: Optional[str] = None,
    ) -> None:
        self._function = function
        self._signature = signature
        self._handle = handle
        self._output_key = output_key
        self._expected = {
            name: (tf.as_dtype(info.dtype), None if info.shape is None else len(info.shape))
            for name, info in signature.inputs.items()
            if info.kind == "dense"
        }
        names = list(signature.inputs)
        self._sole_input = names[0] if len(names) == 1 else None
        self._names = frozenset(names)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs = {}
        for name, value in self._named(args, kwargs).items():
            expected = self._expected.get(name)
            if (
                expected is not None
                and isinstance(value, _TENSOR)
                # Dtypes are compared by identity: their == costs more than all the rest.
                and value.dtype is expected[0]
                and value.shape.rank == expected[1]
            ):
                inputs[name] = value
            else:
                inputs.update(self._checked(name, value))
        try:
            outputs = self._function(**inputs)
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            self._check_shapes(inputs, error)
            raise
        return outputs if self._output_key is None else outputs[self._output_key]

    def _named(self, args: Tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Inputs by name, checked to be the signature's."""
        given = kwargs
        if len(args) == 1:
            if isinstance(args[0], dict):
                given = {**args[0], **kwargs} if kwargs else args[0]
            elif self._sole_input and not kwargs:
                return {self._sole_input: args[0]}
            else:
                raise self._wrong_inputs("1 by position")
        elif args:
            raise self._wrong_inputs(f"{len(args)} by position")
        if given.keys() != self._names:
            raise self._wrong_inputs(listed(sorted(given, key=str)))
        return given

    def _checked(self, name: str, value: Any) -> Dict[str, Any]:
        """One input as the tensors that the function takes."""
        if name not in self._expected or not isinstance(value, _TENSOR):
            return self._converted(name, value)
        dtype, rank = self._expected[name]
        if value.dtype != dtype:
            raise WrongInputDtype(dtype=dtype.name, **self._about(name, value))
        if None not in (rank, value.shape.rank) and value.shape.rank != rank:
            raise self._wrong_shape(name, value)
        return {name: value}

    def _converted(self, name: str, value: Any) -> Dict[str, Any]:
        """An input that is not one dense tensor, as the tensors that the function takes."""
        info = self._signature.inputs[name]
        if info.kind == "sparse" and isinstance(value, tf.SparseTensor):
            return sparse_parts(name, value)
        if info.kind == "composite" and isinstance(value, _COMPOSITE):
            return numbered_parts(name, value)
        if info.kind != "dense" or isinstance(value, _COMPOSITE):
            return {name: value}
        dtype, _ = self._expected[name]
        try:
            tensor = tf.convert_to_tensor(value, dtype=dtype)
        except (ValueError, TypeError) as error:
            raise WrongInputValue(
                name=name,
                signature=self._signature.name,
                handle=self._handle,
                accepted=str(info),
                dtype=dtype.name,
                reason=first_line(error),
            ) from error
        return self._checked(name, tensor)

    def _check_shapes(self, inputs: Mapping[str, Any], error: Exception) -> None:
        """Raises the clear error when the inputs' shapes explain TensorFlow's."""
        for name in self._expected:
            accepted = tf.TensorShape(self._signature.inputs[name].shape)
            if not inputs[name].shape.is_compatible_with(accepted):
                raise self._wrong_shape(name, inputs[name]) from error

    def _wrong_shape(self, name: str, value: Any) -> WrongInputShape:
        info = self._signature.inputs[name]
        return WrongInputShape(remedy=_reshaping(info, value), **self._about(name, value))

    def _about(self, name: str, value: Any) -> Dict[str, Any]:
        shape = value.shape.as_list() if value.shape.rank is not None else None
        shown = TensorInfo("", value.dtype.name, None if shape is None else tuple(shape), "dense")
        return {
            "name": name,
            "signature": self._signature.name,
            "handle": self._handle,
            "given": str(shown),
            "accepted": str(self._signature.inputs[name]),
        }

    def _wrong_inputs(self, given: str) -> WrongInputs:
        accepted = self._signature.inputs
        described = ", ".join(f"{name}: {info}" for name, info in accepted.items())
        example = ", ".join(f"{name}={name}" for name in accepted)
        return WrongInputs(
            signature=self._signature.name,
            handle=self._handle,
            given=given,
            accepted=described or "no inputs",
            remedy=f"m({example})",
        )


def _reshaping(info: TensorInfo, value: Any) -> str:
    """The line that most likely gives the value the accepted rank."""
    if info.shape is None or value.shape.rank is None:
        return f"m(tf.ensure_shape(x, {info.shape}))"
    missing = len(info.shape) - value.shape.rank
    if missing == 1:
        return "m(tf.expand_dims(x, axis=0))"
    if missing == -1 and value.shape[-1] == 1:
        return "m(tf.squeeze(x, axis=-1))"
    wanted = [-1 if size is None else size for size in info.shape]
    if wanted.count(-1) <= 1:
        return f"m(tf.reshape(x, {wanted}))"
    return "pass inputs of the shape that the signature takes"
