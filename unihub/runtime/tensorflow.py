"""The TensorFlow that is loaded or installed here, and its mode.

Only what asks for ops imports TensorFlow. For all else it is asked where it is imported
already; where it is not, the answer comes from the installed packages' metadata.
"""

from __future__ import annotations

import sys
from enum import Enum
from importlib.util import find_spec
from typing import Any, Iterable, List, Optional, Set, Tuple

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
    # Who has imported it needs no metadata.
    from unihub.runtime.distributions import distribution_version

    for name in TENSORFLOW_DISTRIBUTIONS:
        version = distribution_version(name)
        if version is not None:
            return version
    # Built from source without metadata: only importing it tells.
    import tensorflow

    return str(tensorflow.__version__)


def release_of(version: str) -> Tuple[int, ...]:
    """The numbers of a version: (2, 15, 1)."""
    numbers = version.split(".")
    if all(map(str.isdecimal, numbers)):
        return tuple(map(int, numbers))
    # Its import takes longer than all that most ask of it.
    from packaging.version import Version

    return Version(version).release


# What TensorFlow went on to register when the code behind it was gone: by how the names of
# the ops begin, the first release that was seen without.
# Source: the kernel registries of 1.15.5, 2.15.1 and 2.21.
KERNELS_GONE = {"BoostedTrees": "2.15", "IsBoostedTrees": "2.15"}


def op_definition(name: str) -> Optional[Any]:
    """The OpDef of an op type, or None where this TensorFlow has no such op.

    Imports TensorFlow.
    """
    # No public API tells which ops there are, and whether one is stateful.
    from tensorflow.python.framework import op_def_registry

    if hasattr(op_def_registry, "get"):
        return op_def_registry.get(name)
    # 1.15 keeps a dict of what Python code has used so far.
    return op_def_registry.get_registered_ops().get(name)


def missing_ops(names: Iterable[str]) -> Set[str]:
    """Those op types that this TensorFlow has not registered at all. Imports TensorFlow."""
    from tensorflow.python.framework import op_def_registry

    missing = {name for name in names if op_definition(name) is None}
    if missing and hasattr(op_def_registry, "get_registered_ops"):
        _register_linked_ops(missing)
        missing = {name for name in missing if op_definition(name) is None}
    return missing


def may_lack_kernel(ops: Iterable[str]) -> List[str]:
    """Those op types that some TensorFlow registers without anything that computes them."""
    return sorted(op for op in ops if op.startswith(tuple(KERNELS_GONE)))


def ops_without_kernel(names: Iterable[str]) -> Set[str]:
    """Those op types that this TensorFlow computes on no device. Imports TensorFlow.

    Each name takes a millisecond: ask about few.
    """
    from tensorflow.python.framework import kernels

    return {name for name in names if not kernels.get_registered_kernels_for_op(name).kernel}


def _register_linked_ops(names: Set[str]) -> None:
    """Tells the Python side of 1.15 about ops that only C++ code has registered.

    import_graph_def of 1.15 looks ops up in Python and fails for those that no
    Python module has declared yet. Later releases ask C++.
    """
    from tensorflow.core.framework.op_def_pb2 import OpList
    from tensorflow.python import pywrap_tensorflow
    from tensorflow.python.framework import op_def_registry

    linked = OpList()
    linked.ParseFromString(pywrap_tensorflow.TF_GetBuffer(pywrap_tensorflow.TF_GetAllOpList()))
    registered = op_def_registry.get_registered_ops()
    for definition in linked.op:
        if definition.name in names:
            registered[definition.name] = definition
