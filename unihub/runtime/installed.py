"""The packages that go with the TensorFlow here: its Keras, and tensorflow_hub.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from types import ModuleType
from typing import Optional

from unihub.matrix.values import Runtime
from unihub.runtime.distributions import distribution_version
from unihub.runtime.tensorflow import (
    Context,
    current_context,
    current_runtime,
    imported_tensorflow,
    release_of,
    tensorflow_version,
)

# From 2.15 on TensorFlow takes tf.keras from tf_keras, Keras 2 or Keras 3, whichever
# TF_USE_LEGACY_KERAS and the package keras say; earlier releases know Keras 2 alone.
_CHOOSES_KERAS = (2, 15)
# TensorFlow's own test of TF_USE_LEGACY_KERAS, made when tf.keras is first used.
LEGACY_KERAS_VALUES = ("true", "True", "1")


class Keras(str, Enum):
    """Which Keras ``tf.keras`` is."""

    KERAS2 = "keras2"
    TF_KERAS = "tf_keras"
    KERAS3 = "keras3"


@dataclass(frozen=True)
class HubRelease:
    """The installed tensorflow_hub.

    Attributes:
        version: its release, such as "0.16.1".
        importable: whether it imports beside the installed TensorFlow, once
            `unihub.apis.tensorflow_hub` has supplied what it misses.
        has_module: whether it offers hub.Module and the TF1 Hub format's API.
        fits_tensorflow: whether it is for this TensorFlow; it may still miss tf_keras.
    """

    version: str
    importable: bool
    has_module: bool
    fits_tensorflow: bool


@dataclass(frozen=True)
class Environment:
    """A picture of the whole, for reports."""

    python: str
    tensorflow: str
    runtime: Runtime
    context: Context
    keras: Keras
    hub: Optional[HubRelease]


def current_keras() -> Keras:
    """Which Keras ``tf.keras`` is, or will be once it is used.

    Nothing is imported for it, so that this also answers where tf.keras cannot be imported.
    """
    version = tensorflow_version()
    loaded = getattr(imported_tensorflow(), "__dict__", {}).get("keras")
    # TensorFlow puts the module in the place of its lazy loader, which is of a
    # subclass, when tf.keras is first used; from then on the choice is made.
    if release_of(version) >= _CHOOSES_KERAS and type(loaded) is ModuleType:
        # By a class of it: `import tensorflow.keras` makes a module of that name.
        package = loaded.layers.Layer.__module__.partition(".")[0]  # type: ignore[attr-defined]
        if package == "tf_keras":
            return Keras.TF_KERAS
        return keras_chosen(version, sys.modules[package].__version__, None)
    legacy = os.environ.get("TF_USE_LEGACY_KERAS")
    return keras_chosen(version, distribution_version("keras"), legacy)


def keras_chosen(tensorflow: str, keras: Optional[str], legacy: Optional[str]) -> Keras:
    """Which Keras TensorFlow takes for ``tf.keras``, whether or not the two go together.

    Args:
        tensorflow, keras: the installed releases; None for no keras.
        legacy: the value of the variable TF_USE_LEGACY_KERAS; None where it is not set.

    Example:
        >>> keras_chosen("2.15.1", "3.6.0", None)
        <Keras.KERAS3: 'keras3'>
    """
    if release_of(tensorflow) < _CHOOSES_KERAS:
        return Keras.KERAS2
    if legacy in LEGACY_KERAS_VALUES:
        return Keras.TF_KERAS
    # What TensorFlow requires: Keras 3 from 2.16 on.
    own = (3,) if release_of(tensorflow) >= (2, 16) else (2,)
    return Keras.KERAS3 if (release_of(keras) if keras else own) >= (3,) else Keras.KERAS2


def hub_release() -> Optional[HubRelease]:
    """The names that the installed tensorflow_hub offers here; None when there is none."""
    version = distribution_version("tensorflow-hub")
    if version is None:
        return None
    fits, has_module = True, release_of(version) < (0, 16)
    keras = current_keras()
    # Its layer is one of tf.keras; since 0.16 one of tf_keras where that is Keras 3.
    needs_tf_keras = keras is Keras.TF_KERAS or (keras is Keras.KERAS3 and not has_module)
    importable = not needs_tf_keras or find_spec("tf_keras") is not None
    if has_module:
        # It reads tf.compat.v1.estimator, which left TensorFlow with 2.16.
        fits = release_of(tensorflow_version()) < (2, 16)
        importable = importable and fits
    return HubRelease(version, importable, has_module and importable, fits)


def environment() -> Environment:
    """All of the above at once."""
    return Environment(
        python="{}.{}.{}".format(*sys.version_info[:3]),
        tensorflow=tensorflow_version(),
        runtime=current_runtime(),
        context=current_context(),
        keras=current_keras(),
        hub=hub_release(),
    )
