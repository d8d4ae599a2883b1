"""Inputs of a signature that are not what it takes: made so where they can be, or refused."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

import tensorflow as tf

from unihub.apis import inputs
from unihub.apis.input_lines import Call, variables
from unihub.apis.inputs import Leaf, WrongInputs
from unihub.apis.traces import numbered_parts, sparse_parts
from unihub.formats.model import Signature

_COMPOSITE = (tf.SparseTensor, tf.RaggedTensor)


class OtherInputs:
    """What a signature takes, and how it is told of what it does not.

    Args:
        signature: what the SavedModel says of it.
        handle: of the model, for errors.
        output_key: the output that is returned by itself; None for the dict of all.
    """

    def __init__(self, signature: Signature, handle: str, output_key: Optional[str]) -> None:
        self._signature = signature
        choice = "signature_outputs_as_dict=True"
        if output_key is not None:
            choice = f"output_key={output_key!r}"
        self._call = Call(
            f"signature {signature.name!r} of {handle}",
            by_keyword=True,
            layer=f"unihub.KerasLayer({handle!r}, signature={signature.name!r}, {choice})",
        )

    def wrong_structure(self, given: Any) -> WrongInputs:
        """The error for inputs that are neither by name nor the sole one."""
        return inputs.wrong_structure(given, self._accepted(), self._call)

    def wrong_names(self, given: Mapping[str, Any]) -> WrongInputs:
        """The error for inputs by other names than the signature's."""
        return inputs.wrong_names(given, self._accepted(), self._call)

    def fitted(self, name: str, value: Any) -> Dict[str, Any]:
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
        if not isinstance(value, (tf.Tensor, *_COMPOSITE)):
            if type(value).__name__ == "KerasTensor":
                self._check(name, value)
            try:
                value = tf.convert_to_tensor(value, dtype=info.dtype)
            except (ValueError, TypeError, RuntimeError) as error:
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
        """What each input is to be, for messages."""
        return {
            name: tf.TensorSpec(info.shape, info.dtype, name) if info.kind == "dense" else info
            for name, info in self._signature.inputs.items()
        }
