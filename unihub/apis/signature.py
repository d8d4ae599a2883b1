"""Calling a signature of a loaded SavedModel as one calls a function."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import tensorflow as tf

from unihub.apis.inputs import (
    Call,
    Leaf,
    leaf_mismatch,
    size_test,
    variables,
    wrong_names,
    wrong_structure,
    wrong_value,
)
from unihub.apis.traces import numbered_parts, sparse_parts
from unihub.formats.model import Signature

_TENSOR = tf.Tensor
_COMPOSITE = (tf.SparseTensor, tf.RaggedTensor)


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
        choice = "signature_outputs_as_dict=True"
        if output_key is not None:
            choice = f"output_key={output_key!r}"
        self._call = Call(
            f"signature {signature.name!r} of {handle}",
            by_keyword=True,
            layer=f"unihub.KerasLayer({handle!r}, signature={signature.name!r}, {choice})",
        )
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
                and expected[1](value.shape)
            ):
                inputs[name] = value
            else:
                inputs.update(self._checked(name, value))
        outputs = self._function(**inputs)
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
                raise wrong_structure(args[0], self._accepted(), self._call)
        elif args:
            raise wrong_structure(args, self._accepted(), self._call)
        if given.keys() != self._names:
            raise wrong_names(given, self._accepted(), self._call)
        return given

    def _checked(self, name: str, value: Any) -> Dict[str, Any]:
        """One input as the tensors that the function takes.

        Raises:
            WrongInputs: when it does not fit.
        """
        info = self._signature.inputs[name]
        if info.kind == "sparse" and isinstance(value, tf.SparseTensor):
            return sparse_parts(name, value)
        if info.kind == "composite" and isinstance(value, _COMPOSITE):
            return numbered_parts(name, value)
        if info.kind != "dense":
            return {name: value}
        if not isinstance(value, (_TENSOR, *_COMPOSITE)):
            if type(value).__name__ == "KerasTensor":
                self._check(name, value)
            try:
                value = tf.convert_to_tensor(value, dtype=self._expected[name][0])
            except (ValueError, TypeError) as error:
                self._check(name, value, error)
                leaf, accepted = self._place(name, value)
                raise wrong_value(leaf, accepted, self._call, error) from error
        self._check(name, value)
        return {name: tf.cast(value, self._expected[name][0])}

    def _check(self, name: str, value: Any, error: Optional[Exception] = None) -> None:
        # AutoGraph of 1.15 mixes up arguments behind a starred one.
        leaf, accepted = self._place(name, value)
        found = leaf_mismatch(leaf, accepted, self._call)
        if found is not None:
            raise found from error

    def _place(self, name: str, value: Any) -> Tuple[Leaf, Any]:
        """One input, and all that is accepted: a sole input goes without its name."""
        accepted = self._accepted()
        if self._sole_input is not None:
            return Leaf(repr(name), "x", value, accepted[name]), accepted[name]
        return Leaf(repr(name), variables(accepted)[name], value, accepted[name]), accepted

    def _accepted(self) -> Dict[str, Any]:
        """What each input is to be, for messages."""
        return {
            name: tf.TensorSpec(info.shape, info.dtype, name) if info.kind == "dense" else info
            for name, info in self._signature.inputs.items()
        }
