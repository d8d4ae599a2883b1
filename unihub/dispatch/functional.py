"""`unihub.functional`: a model for those who write their own training loops."""

from __future__ import annotations

import os
from typing import Any, Mapping, Optional, Union

from unihub.dispatch.load import load
from unihub.errors import beside, path_text
from unihub.errors.redaction import shown
from unihub.formats.selection import Tags
from unihub.matrix.values import Runtime
from unihub.runtime import current_runtime, tensorflow_version


def functional(
    handle: Union[str, os.PathLike[str]],
    *,
    training: bool = False,
    signature: Optional[str] = None,
    output_key: Optional[str] = None,
    arguments: Optional[Mapping[str, Any]] = None,
    tags: Optional[Tags] = None,
    sha256: Optional[str] = None,
    on_unsafe: Optional[str] = None,
) -> Any:
    """The call of a model as a pure function of weights, state, inputs and a seed.

    Args:
        handle, signature, output_key, tags, sha256, on_unsafe: as for `unihub.load`.
        arguments: further ones of the model's call, by name, the same at each call.
        training: True for the call in training mode, where the model has one: dropout draws,
            batch normalization takes the batch's statistics and moves its own.

    Returns:
        The function, its weights and its state: ``f, weights, state``; the latter two as flat
        dicts of NumPy arrays by the variables' names. The weights are the trainable variables
        that the call does not assign, the state is all others; the functions of both modes
        take the same. ``outputs, state = f(weights, state, inputs, seed)`` changes nothing
        else, and is bitwise what TensorFlow computes on a CPU, but for what is drawn.
        ``f.regularization_losses(weights, state)`` are the model's.

        JAX and PyTorch have gradients of it: JAX in reverse mode, under jit and vmap as well.

    Raises:
        NotLifted: the call does what no pure function does; it says what.
        FunctionalNotHere: in graph mode, and on TensorFlow before 2.15.
        UnihubError: what `unihub.load` raises.

    Source: the idea is that of JAX: https://docs.jax.dev/en/latest/stateful-computations.html.

    Example:
        >>> f, weights, state = unihub.functional("path/to/model", training=True)
        >>> outputs, state = f(weights, state, inputs, seed=1)
    """
    text = shown(path_text(handle))
    version, runtime = tensorflow_version(), current_runtime()
    if runtime is not Runtime.TF2 or tuple(map(int, version.split(".")[:2])) < (2, 15):
        # Imported only here, for it is made in most places.
        from unihub.apis.functional.errors import FunctionalNotHere

        mode, remedy = "eager", beside.with_newer("2.15")
        if runtime is not Runtime.TF2:
            mode, remedy = "graph mode", "tf.compat.v1.enable_v2_behavior()  # first of all"
        raise FunctionalNotHere(handle=text, version=version, mode=mode, remedy=remedy)
    loaded: Any = load(
        handle,
        tags,
        api="load",
        signature=signature,
        output_key=output_key,
        sha256=sha256,
        on_unsafe=on_unsafe,
        fast=False,
    )
    # TensorFlow is imported here.
    from unihub.apis.functional.function import Callee, functional_of
    from unihub.apis.input_lines import Call

    callee = Callee(loaded, text, training, arguments or {})
    told = Call(text, "f", before="weights, state, ")
    return functional_of(loaded, callee, callee.nests, text, told)
