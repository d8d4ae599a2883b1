"""Inputs of a signature that are not what it takes: made so where they can be, or refused."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

import tensorflow as tf

from unihub.apis import inputs
from unihub.apis.exact import inexact
from unihub.apis.input_lines import Call, variables
from unihub.apis.inputs import Leaf, WrongInputs
from unihub.apis.traces import numbered_parts, sparse_parts
from unihub.formats.model import DENSE, SPARSE, Signature, TensorInfo

_COMPOSITE = (tf.SparseTensor, tf.RaggedTensor)


class OtherInputs:
    """The inputs of a signature, and how it is told of others.

    Args:
        signature: what the SavedModel says of it.
        handle: of the model, for errors.
        output_key: the output that is returned by itself; None for the dict of all.
    """

    def __init__(self, signature: Signature, handle: str, output_key: Optional[str]) -> None:
        self._signature = signature
        self._handle = handle
        choice = "signature_outputs_as_dict=True"
        if output_key is not None:
            choice = f"output_key={output_key!r}"
        self._call = Call(
            f"signature {signature.name!r} of {handle}",
            by_keyword=True,
            layer=f"unihub.KerasLayer({handle!r}, signature={signature.name!r}, {choice})",
        )

    def explain(self, error: Exception) -> None:
        """Raises what says why TensorFlow failed in the call, where that is known."""
        from unihub.apis.failed_calls import why_failed

        found = why_failed(error, self._call, self._handle, self._signature.name)
        if found is not None:
            raise found from None

    def wrong_structure(self, given: Any) -> WrongInputs:
        """The error for inputs that are neither by name nor the sole one."""
        return inputs.wrong_structure(given, self._accepted(), self._call)

    def wrong_names(self, given: Mapping[str, Any]) -> WrongInputs:
        """The error for inputs by other names than the signature's."""
        return inputs.wrong_names(given, self._accepted(), self._call)

    def fitted(self, name: str, value: Any) -> Dict[str, Any]:
        """One input as the tensors that the function takes.

        Tensors of floating-point numbers are cast, and all that is no tensor yet: to
        floating-point numbers with rounding, to whole ones where that is exact.

        Raises:
            WrongInputs: when it does not fit.
        """
        info = self._signature.inputs[name]
        if info.kind != DENSE:
            self._check(name, value)
            if not isinstance(value, _COMPOSITE):
                return {name: value}
            parts = sparse_parts if info.kind == SPARSE else numbered_parts
            return parts(name, tf.cast(value, info.dtype))
        if not isinstance(value, (tf.Tensor, *_COMPOSITE)):
            if type(value).__name__ == "KerasTensor":
                self._check(name, value)
            numbers = inexact(value, tf.as_dtype(info.dtype))
            if numbers is not None:
                self._check(name, numbers)
            try:
                value = tf.convert_to_tensor(value, dtype=info.dtype)
            except (ValueError, TypeError, RuntimeError, tf.errors.OpError) as error:
                self._check(name, value, error)
                leaf, accepted = self._place(name, value)
                raise inputs.wrong_value(leaf, accepted, self._call, error) from error
        self._check(name, value)
        return {name: tf.cast(value, info.dtype)}

    def _check(self, name: str, value: Any, error: Optional[Exception] = None) -> None:
        # AutoGraph of 1.15 mixes up arguments behind a starred one.
        leaf, accepted = self._place(name, value)
        found = inputs.leaf_mismatch(leaf, accepted, self._call)
        if found is not None:
            raise found from error

    def _place(self, name: str, value: Any) -> Tuple[Leaf, Any]:
        """One input, and all that is accepted: a sole input goes without its name."""
        accepted = self._accepted()
        if len(accepted) == 1:
            return Leaf(repr(name), "x", value, accepted[name]), accepted[name]
        return Leaf(repr(name), variables(accepted)[name], value, accepted[name]), accepted

    def _accepted(self) -> Dict[str, Any]:
        """The specs of the inputs, for messages."""
        return {name: _spec_of(name, info) for name, info in self._signature.inputs.items()}


def _spec_of(name: str, info: TensorInfo) -> Any:
    if info.kind == SPARSE:
        return tf.SparseTensorSpec(info.shape, info.dtype)
    if info.type_spec == "RaggedTensorSpec":
        # Its values, and the splits of each ragged dimension.
        return tf.RaggedTensorSpec(info.shape, info.dtype, len(info.components) - 1)
    return tf.TensorSpec(info.shape, info.dtype, name) if info.kind == DENSE else info
