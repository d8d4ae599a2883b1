"""What is loaded and installed here: TensorFlow, its mode, its Keras, tensorflow_hub.

Nothing here imports TensorFlow. Where TensorFlow is imported already it is
asked; where it is not, the answer comes from the installed packages' metadata.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Optional, Tuple

from unihub.errors import UnihubError
from unihub.matrix.values import Runtime

OLDEST_TENSORFLOW = "1.15"

# From 2.15 on TensorFlow takes tf.keras from tf_keras, Keras 2 or Keras 3, whichever
# TF_USE_LEGACY_KERAS and the package keras say; earlier releases know Keras 2 alone.
_CHOOSES_KERAS = (2, 15)
# TensorFlow's own test of TF_USE_LEGACY_KERAS, made when tf.keras is first used.
LEGACY_KERAS_VALUES = ("true", "True", "1")

# The distributions that provide the module `tensorflow`.
TENSORFLOW_DISTRIBUTIONS = (
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-gpu",
    "tensorflow-intel",
    "tensorflow-macos",
    "tensorflow-rocm",
    "tensorflow-cpu-aws",
    "intel-tensorflow",
    "tf-nightly",
    "tf-nightly-cpu",
)


class TensorFlowMissing(UnihubError, ImportError):
    """TensorFlow is not installed."""

    code = "tensorflow-missing"
    what = "TensorFlow is not installed here."
    why = "no distribution that provides the module tensorflow was found for {python}."
    do = "pip install tensorflow"


class TensorFlowTooOld(UnihubError, ImportError, NotImplementedError):
    """The installed TensorFlow is older than the matrix knows."""

    code = "tensorflow-too-old"
    what = "TensorFlow {version} is older than unihub supports."
    why = (
        "the compatibility matrix begins with TensorFlow {oldest}: TF2 SavedModels do "
        "not load before it."
    )
    do = 'pip install "tensorflow>={oldest}"'


class Keras(str, Enum):
    """Which Keras ``tf.keras`` is."""

    KERAS2 = "keras2"
    TF_KERAS = "tf_keras"
    KERAS3 = "keras3"


class Context(str, Enum):
    """Where the caller stands: eager execution, a traced function, or a graph."""

    EAGER = "eager"
    FUNCTION = "function"
    GRAPH = "graph"


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


def tensorflow_version() -> str:
    """The version of the imported, else of the installed TensorFlow.

    Raises:
        TensorFlowMissing: when there is none.
        TensorFlowTooOld: when it is older than 1.15.
    """
    tensorflow = _imported_tensorflow()
    version = tensorflow.__version__ if tensorflow else _installed_tensorflow()
    if version is None:
        raise TensorFlowMissing(python=sys.executable)
    if _release(version) < _release(OLDEST_TENSORFLOW):
        raise TensorFlowTooOld(version=version, oldest=OLDEST_TENSORFLOW)
    return version


def current_runtime() -> Runtime:
    """The column of the matrix that holds where the caller stands.

    TensorFlow decides, not its version alone: TF 1.15 with v2 behaviour
    enabled executes eagerly and is TF2; TF 2 in graph mode is TF1_COMPAT.
    """
    version = _release(tensorflow_version())
    tensorflow = _imported_tensorflow()
    eager = version >= (2,) if tensorflow is None else _eager_outside_functions(tensorflow)
    if eager:
        return Runtime.TF2
    return Runtime.TF1_COMPAT if version >= (2,) else Runtime.TF1


def current_context() -> Context:
    """Whether the caller executes eagerly, traces a tf.function, or builds a graph."""
    tensorflow = _imported_tensorflow()
    if tensorflow is None:
        return Context.EAGER if current_runtime() is Runtime.TF2 else Context.GRAPH
    if tensorflow.executing_eagerly():
        return Context.EAGER
    return Context.FUNCTION if _eager_outside_functions(tensorflow) else Context.GRAPH


def current_keras() -> Keras:
    """Which Keras ``tf.keras`` is, or will be once it is used.

    Nothing is imported for it, so that this also answers where tf.keras cannot be imported.
    """
    version = tensorflow_version()
    loaded = getattr(_imported_tensorflow(), "__dict__", {}).get("keras")
    # TensorFlow puts the module in the place of its lazy loader, which is of a
    # subclass, when tf.keras is first used; from then on the choice is made.
    if _release(version) >= _CHOOSES_KERAS and type(loaded) is ModuleType:
        # By a class of it: `import tensorflow.keras` makes a module of that name.
        package = loaded.layers.Layer.__module__.partition(".")[0]  # type: ignore[attr-defined]
        if package == "tf_keras":
            return Keras.TF_KERAS
        return keras_chosen(version, sys.modules[package].__version__, None)
    legacy = os.environ.get("TF_USE_LEGACY_KERAS")
    return keras_chosen(version, _distribution_version("keras"), legacy)


def keras_chosen(tensorflow: str, keras: Optional[str], legacy: Optional[str]) -> Keras:
    """Which Keras TensorFlow takes for ``tf.keras``, whether or not the two go together.

    Args:
        tensorflow, keras: the installed releases; None for no keras.
        legacy: the value of the variable TF_USE_LEGACY_KERAS; None where it is not set.

    Example:
        >>> keras_chosen("2.15.1", "3.6.0", None)
        <Keras.KERAS3: 'keras3'>
    """
    if _release(tensorflow) < _CHOOSES_KERAS:
        return Keras.KERAS2
    if legacy in LEGACY_KERAS_VALUES:
        return Keras.TF_KERAS
    # What TensorFlow requires: Keras 3 from 2.16 on.
    own = (3,) if _release(tensorflow) >= (2, 16) else (2,)
    return Keras.KERAS3 if (_release(keras) if keras else own) >= (3,) else Keras.KERAS2


def hub_release() -> Optional[HubRelease]:
    """What the installed tensorflow_hub offers here; None when there is none."""
    version = _distribution_version("tensorflow-hub")
    if version is None:
        return None
    fits, has_module = True, _release(version) < (0, 16)
    keras = current_keras()
    # Its layer is one of tf.keras; since 0.16 one of tf_keras where that is Keras 3.
    needs_tf_keras = keras is Keras.TF_KERAS or (keras is Keras.KERAS3 and not has_module)
    importable = not needs_tf_keras or find_spec("tf_keras") is not None
    if has_module:
        # It reads tf.compat.v1.estimator, which left TensorFlow with 2.16.
        fits = _release(tensorflow_version()) < (2, 16)
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


def _imported_tensorflow() -> Any:
    tensorflow = sys.modules.get("tensorflow")
    # A module that is still being imported has no version yet.
    return tensorflow if hasattr(tensorflow, "__version__") else None


def _eager_outside_functions(tensorflow: Any) -> bool:
    with tensorflow.init_scope():
        eager: bool = tensorflow.executing_eagerly()
        return eager


def _installed_tensorflow() -> Optional[str]:
    if find_spec("tensorflow") is None:
        return None
    for name in TENSORFLOW_DISTRIBUTIONS:
        version = _distribution_version(name)
        if version is not None:
            return version
    # Built from source without metadata: only importing it tells.
    import tensorflow

    return str(tensorflow.__version__)


def _distribution_version(name: str) -> Optional[str]:
    if sys.version_info >= (3, 8):
        from importlib import metadata
    else:
        import importlib_metadata as metadata
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _release(version: str) -> Tuple[int, ...]:
    from packaging.version import Version

    return Version(version).release
