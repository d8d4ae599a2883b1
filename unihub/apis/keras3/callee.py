"""The callee of a Keras layer: the object itself or one of its signatures."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Sequence

import tensorflow as tf

from unihub.apis import traces
from unihub.apis.inputs import WrongInputs
from unihub.apis.keras import errors
from unihub.apis.keras.layer import (
    ALL_OUTPUTS,
    Arguments,
    check_output_choice,
    lists_of,
    nest_of_shapes,
    outputs_of_callable,
)
from unihub.apis.keras3.inputs import Inputs, inputs_of
from unihub.errors import listed, nearest
from unihub.formats import not_there

# For a layer that is made, or that was made of an object.
_LOAD_TO_TRAIN = "unihub.load(path, op='fine_tuning')  # says whether and how it is trained"


@dataclass(frozen=True)
class Callee:
    """The callee of a layer, and how to call it; apart from the layer: Keras would track it."""

    handle: str
    loaded: Any
    function: Callable[..., Any]
    inputs: Inputs
    takes_training: bool
    arguments: dict[str, Any]
    signature: str | None
    output_key: str | None
    outputs_as_dict: bool | None
    output_shape: Any
    is_tf1_hub: bool
    regularization_losses: tuple[Callable[[], tf.Tensor], ...]

    def refusal(self, inputs: Any) -> WrongInputs | None:
        """The error for inputs that cannot be called with; None where they are not the reason."""
        further = {"training": False} if self.takes_training else {}
        return self.inputs.refusal(self.function, inputs, {**self.arguments, **further})


def callee_of(loaded: Any, handle: str, given: Arguments) -> Callee:
    """Chooses what to call of a loaded object, and checks that the choice is sound.

    Raises:
        UnihubError: when there is no such thing, or its output is not chosen.
    """
    signature, output_key = given.signature, given.output_key
    outputs_as_dict = given.signature_outputs_as_dict
    is_tf1_hub = getattr(loaded, "_is_hub_module_v1", False)
    if is_tf1_hub:
        signature = signature or "default"
        if not outputs_as_dict:
            output_key = output_key or "default"
    function = _function(loaded, handle, signature)
    _check_output_choice(loaded, function, handle, signature, outputs_as_dict, output_key)
    return Callee(
        handle=handle,
        loaded=loaded,
        function=function,
        inputs=inputs_of(function, handle, signature),
        takes_training=_takes_training(function)
        and not traces.lacks_other_mode(function, given.arguments),
        arguments=given.arguments,
        signature=signature,
        output_key=output_key,
        outputs_as_dict=outputs_as_dict,
        output_shape=None if given.output_shape is None else nest_of_shapes(given.output_shape),
        is_tf1_hub=is_tf1_hub,
        regularization_losses=lists_of(loaded, handle),
    )


def _function(loaded: Any, handle: str, signature: str | None) -> Callable[..., Any]:
    function: Callable[..., Any]
    if callable(loaded) and not signature:
        function = loaded
        return function
    signatures = _signatures(loaded)
    names = sorted(signatures)
    if signature in names:
        function = signatures[signature]
        return function
    if signature:
        raise not_there.unknown_signature(
            handle, signature, names, call=errors.layer_call(handle), further=ALL_OUTPUTS
        )
    if names:
        raise errors.SignatureRequired(
            handle=handle, choices=listed(names), nearest=nearest("serving_default", names)
        )
    parts = sorted(p for p, value in vars(loaded).items() if callable(value) and p[:1] != "_")
    line = f"unihub.KerasLayer(unihub.load({handle!r}).{parts[0]})" if parts else ""
    raise not_there.nothing_to_call(handle, parts, line)


def _signatures(loaded: Any) -> Mapping[str, Any]:
    found = getattr(loaded, "signatures", {})
    # A model may have anything under any name.
    return found if isinstance(found, Mapping) else {}


def _check_output_choice(
    loaded: Any,
    function: Any,
    handle: str,
    signature: str | None,
    outputs_as_dict: bool | None,
    output_key: str | None,
) -> None:
    declared = getattr(function, "structured_outputs", None)
    names = sorted(declared) if isinstance(declared, dict) else []
    if signature:
        check_output_choice(handle, signature, outputs_as_dict, output_key, names)
    elif outputs_as_dict:
        raise outputs_of_callable(handle, sorted(_signatures(loaded)))
    if output_key and names and output_key not in names:
        raise unknown_output_key(handle, signature, output_key, names)


def unknown_output_key(
    handle: str, signature: str | None, output_key: str, names: Sequence[str]
) -> not_there.UnknownOutputKey:
    """The error for an output key that is not among ``names``."""
    return not_there.unknown_output_key(
        handle, signature, output_key, names, call=errors.layer_call(handle)
    )


def check_trainable(callee: Callee) -> None:
    """Raises TF1HubNotTrainable or SignatureNotTrainable for what cannot be trained."""
    if callee.is_tf1_hub:
        raise errors.TF1HubNotTrainable(
            handle=callee.handle, signature=callee.signature, remedy=_LOAD_TO_TRAIN
        )
    if callee.signature:
        if callable(callee.loaded):
            found, instead = "has a __call__", "or leave signature= out to train its __call__"
        else:
            found, instead = "has no __call__", "or use a Reusable SavedModel, which has one"
        raise errors.SignatureNotTrainable(
            handle=callee.handle, signature=callee.signature, found=found, instead=instead
        )


def _takes_training(function: Callable[..., Any]) -> bool:
    try:
        spec = inspect.getfullargspec(function.__call__)  # type: ignore[operator]
    except TypeError:
        return False
    return "training" in spec.args or "training" in spec.kwonlyargs
