"""Which Keras a layer or model is of, in each installation."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Optional, Tuple

from unihub.checking.models import Model
from unihub.checking.names import TENSORFLOW_HUB, UNIHUB
from unihub.checking.targets import Target
from unihub.checking.values import Mode
from unihub.matrix import backends
from unihub.runtime.installed import Keras

WORDS = {Keras.KERAS2: "Keras 2", Keras.TF_KERAS: "tf_keras", Keras.KERAS3: "Keras 3"}


def of_layer(library: str, mode: Mode, tf_keras: Keras) -> Keras:
    """The Keras of a library's KerasLayer.

    Args:
        library: "tensorflow_hub" or "unihub".
        mode: how TensorFlow executes where the layer is made.
        tf_keras: which Keras tf.keras is.
    """
    if tf_keras is not Keras.KERAS3:
        return tf_keras
    # Keras 3 has no graph mode, so unihub's layer is one of tf_keras there.
    return Keras.KERAS3 if library == UNIHUB and mode is Mode.EAGER else Keras.TF_KERAS


def of_model(library: str, tf_keras: Keras, target: Target) -> Keras:
    """The Keras of a model that a script takes from "tensorflow", "tf_keras" or "keras"."""
    if library == "tensorflow":
        return tf_keras
    if library == "tf_keras":
        return Keras.TF_KERAS
    newer = tf_keras is Keras.KERAS3 or target.tensorflow_release >= (2, 16)
    return Keras.KERAS3 if newer else Keras.KERAS2


def on_backend(
    backend: Optional[str], handle: str, model: Optional[Model]
) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """The rules, and their facts, of a layer of Keras 3 on the backend that a script sets.

    Args:
        backend: None where it sets none.
        handle: of the layer, as shown.
        model: that it is of; None where it is not known.
    """
    if backend and backend not in backends.NAMES:
        choices = ", ".join(backends.NAMES)
        yield "keras-layer-backend", {"backend": backend, "handle": handle, "choices": choices}
    elif backend in backends.LIFTED and model is not None and model.saved is not None:
        signatures = [one for graph in model.saved.meta_graphs for one in graph.signatures.values()]
        inputs = [info for one in signatures for info in one.inputs.values()]
        if inputs and all(info.dtype == "string" for info in inputs):
            yield "keras-layer-text-on-backend", {"backend": backend, "handle": handle}


def remedy(library: str, follows_tensorflow: bool) -> str:
    """Says what to write instead.

    Args:
        library: that the layer is of.
        follows_tensorflow: whether the model is of what tf.keras is.
    """
    if library == TENSORFLOW_HUB and follows_tensorflow:
        return "import unihub as hub  # its KerasLayer is a layer of what tf.keras is"
    if library == TENSORFLOW_HUB:
        return "import tf_keras as keras  # for the whole model"
    return "from tensorflow import keras  # for the whole model"
