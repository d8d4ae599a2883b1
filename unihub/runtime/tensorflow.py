"""The TensorFlow that is loaded or installed here, and its mode.

Nothing here imports TensorFlow. Where TensorFlow is imported already it is
asked; where it is not, the answer comes from the installed packages' metadata.
"""

from __future__ import annotations

import sys
from enum import Enum
from importlib.util import find_spec
from typing import Any, Optional, Tuple

from unihub.errors import UnihubError
from unihub.matrix.values import Runtime

OLDEST_TENSORFLOW = "1.15"

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


class Context(str, Enum):
    """Where the caller stands: eager execution, a traced function, or a graph."""

    EAGER = "eager"
    FUNCTION = "function"
    GRAPH = "graph"


def tensorflow_version() -> str:
    """The version of the imported, else of the installed TensorFlow.

    Raises:
        TensorFlowMissing: when there is none.
        TensorFlowTooOld: when it is older than 1.15.
    """
    tensorflow = imported_tensorflow()
    version = tensorflow.__version__ if tensorflow else _installed_tensorflow()
    if version is None:
        raise TensorFlowMissing(python=sys.executable)
    if release_of(version) < release_of(OLDEST_TENSORFLOW):
        raise TensorFlowTooOld(version=version, oldest=OLDEST_TENSORFLOW)
    return version


def is_newer(version: str) -> bool:
    """Whether a version of TensorFlow, "" if unknown, came after the one that is here."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version) > Version(tensorflow_version())
    except InvalidVersion:
        return False


def is_imported() -> bool:
    """Whether TensorFlow is imported, so that its registries can be asked."""
    return imported_tensorflow() is not None


def current_runtime() -> Runtime:
    """The column of the matrix that holds where the caller stands.

    TensorFlow decides, not its version alone: TF 1.15 with v2 behaviour
    enabled executes eagerly and is TF2; TF 2 in graph mode is TF1_COMPAT.
    """
    version = release_of(tensorflow_version())
    tensorflow = imported_tensorflow()
    eager = version >= (2,) if tensorflow is None else _eager_outside_functions(tensorflow)
    if eager:
        return Runtime.TF2
    return Runtime.TF1_COMPAT if version >= (2,) else Runtime.TF1


def current_context() -> Context:
    """Whether the caller executes eagerly, traces a tf.function, or builds a graph."""
    tensorflow = imported_tensorflow()
    if tensorflow is None:
        return Context.EAGER if current_runtime() is Runtime.TF2 else Context.GRAPH
    if tensorflow.executing_eagerly():
        return Context.EAGER
    return Context.FUNCTION if _eager_outside_functions(tensorflow) else Context.GRAPH


def imported_tensorflow() -> Any:
    """TensorFlow where it is imported already; else None."""
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
        version = distribution_version(name)
        if version is not None:
            return version
    # Built from source without metadata: only importing it tells.
    import tensorflow

    return str(tensorflow.__version__)


def distribution_version(name: str) -> Optional[str]:
    """The version of an installed distribution; None where it is not installed."""
    if sys.version_info >= (3, 8):
        from importlib import metadata
    else:
        import importlib_metadata as metadata
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def release_of(version: str) -> Tuple[int, ...]:
    """The numbers of a version: (2, 15, 1)."""
    from packaging.version import Version

    return Version(version).release
