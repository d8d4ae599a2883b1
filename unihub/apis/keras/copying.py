"""Copying KerasLayers, and sending them to other processes: as how they were made."""

from __future__ import annotations

from typing import Any, Callable, Dict, Tuple

from unihub.apis.arrival import Sent, place_of, sent
from unihub.apis.copying import check_variables, refusal
from unihub.handles import resolving
from unihub.matrix.values import Runtime
from unihub.runtime import current_runtime


def reduced_layer(layer: Any) -> Tuple[Callable[..., Any], Tuple[Any, ...]]:
    """The value that pickle writes of a layer, as ``__reduce__`` returns it.

    Raises:
        LoadedNotCopied: the layer is of an object, in graph mode, or its variables are not
            those of the model's files.
    """
    if not isinstance(layer._handle, str) or current_runtime() is not Runtime.TF2:
        raise refusal(layer)
    folder = resolving.resolve(layer._handle)
    check_variables(layer.resolved_object, folder)
    given = sent(layer._handle, folder, {})
    # No subclass of str, and without secrets.
    config = {**layer.get_config(), "handle": given.handle}
    if getattr(layer, "_load_options", None) is not None:
        config["load_options"] = layer._load_options
    return layer_that_arrived, (type(layer), config, given)


def reduced_with_weights(layer: Any, written: Any) -> Tuple[Callable[..., Any], Tuple[Any, ...]]:
    """The value that pickle writes of a layer that Keras writes with its weights.

    Args:
        written: what makes it again, as ``__reduce__`` of Keras returns it.
    """
    given = sent(layer._handle, resolving.resolve(layer._handle), {})
    return weights_that_arrived, (given, *written)


def weights_that_arrived(given: Sent, make: Callable[..., Any], arguments: Tuple[Any, ...]) -> Any:
    """Makes a layer of Keras' own making; pickles name it.

    Raises:
        SentContentDiffers: the weights would come to another model.
    """
    place_of(given)
    return make(*arguments)


def layer_that_arrived(kind: Any, config: Dict[str, Any], given: Sent) -> Any:
    """Makes a layer that was sent, or is copied; pickles name it.

    Args:
        kind: class of the layer.
        config: of the layer.
        given: what was sent of its model.

    Raises:
        SentContentDiffers: another model is there.
        HandleSecretNotSent: it is nowhere without the secret.
    """
    handle, _ = place_of(given)
    return kind.from_trusted_config({**config, "handle": handle})
