"""Calling a signature of a loaded SavedModel as one calls a function."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import tensorflow as tf

from unihub.errors import UnihubError
from unihub.formats.model import Signature

_TENSOR = tf.Tensor


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
            name: (tf.as_dtype(info.dtype), size_test(tf.TensorShape(info.shape)))
            for name, info in signature.inputs.items()
            if info.kind == "dense"
        }
        names = list(signature.inputs)
        self._sole_input = names[0] if len(names) == 1 else None
        self._names = frozenset(names)
        self._other_inputs: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs = {}
        for name, value in self._named(args, kwargs).items():
            expected = self._expected.get(name)
            if (
                expected is not None
                and isinstance(value, _TENSOR)
                # Dtypes are compared by identity: their == costs more than all the rest.
                and value.dtype is expected[0]
                and expected[1](value.shape)
            ):
                inputs[name] = value
            else:
                inputs.update(self._others().fitted(name, value))
        try:
            outputs = self._function(**inputs)
        except tf.errors.OpError as error:
            self._others().explain(error)
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
                raise self._others().wrong_structure(args[0])
        elif args:
            raise self._others().wrong_structure(args)
        if given.keys() != self._names:
            raise self._others().wrong_names(given)
        return given

    def _others(self) -> Any:
        """The helper for inputs that are not, as they are, tensors of the right kind."""
        if self._other_inputs is None:
            # Who only loads, or gives what the signature takes, needs none of it.
            from unihub.apis.other_inputs import OtherInputs

            self._other_inputs = OtherInputs(self._signature, self._handle, self._output_key)
        return self._other_inputs


class Undecided:
    """Stands for a signature where none is evident, and says so when it is called."""

    def __init__(self, error: UnihubError) -> None:
        self._error = error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._error


def size_test(shape: Any) -> Callable[[Any], bool]:
    """A test whether a tensor's shape is one that fits, as cheap as can be.

    Args:
        shape: tf.TensorShape that is accepted.

    Returns:
        A function of a tf.TensorShape. Where it says no, one of unknown sizes may fit too.
    """
    if shape.rank is None:
        return lambda given: True
    rank, sizes = shape.rank, shape.as_list()
    if not any(size is not None for size in sizes):
        return lambda given: bool(given.rank == rank)
    unknown = next(axis for axis, size in enumerate(sizes) if size is not None)
    known = sizes[unknown:]
    if None in known:
        return lambda given: given.rank == rank and bool(given.is_compatible_with(shape))
    return lambda given: given.rank == rank and given.as_list()[unknown:] == known
