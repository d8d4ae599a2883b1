"""Which Keras a layer or model is of, in each installation."""

from __future__ import annotations

from unihub.checking.names import TENSORFLOW_HUB, UNIHUB
from unihub.checking.targets import Target
from unihub.checking.values import Mode
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
