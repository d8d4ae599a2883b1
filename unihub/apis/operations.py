"""Ops that a model needs and this TensorFlow may lack."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any, Iterable, List, Optional, Set

from packaging.version import InvalidVersion, Version

# No public API tells which ops there are, and whether one is stateful.
from tensorflow.python.framework import op_def_registry

from unihub import runtime
from unihub.errors import UnihubError, listed


class MissingOps(UnihubError, RuntimeError, ValueError):
    """The graph uses ops that no imported package registers."""

    code = "missing-ops"
    what = "{handle} uses ops that TensorFlow {version} does not have: {ops}."
    why = "{why}"
    do = "{remedy}"


class OpsPackageBroken(UnihubError, ImportError, RuntimeError, ValueError):
    """The package that registers a model's ops is installed and does not import."""

    code = "ops-package-broken"
    what = "{handle} uses ops of {package}, which does not import."
    why = "it is installed, and importing it raises {reason}."
    do = "{remedy}"


def op_definition(name: str) -> Optional[Any]:
    """The OpDef of an op type, or None where this TensorFlow has no such op."""
    if hasattr(op_def_registry, "get"):
        return op_def_registry.get(name)
    # 1.15 keeps a dict of what Python code has used so far.
    return op_def_registry.get_registered_ops().get(name)


def missing_ops(names: Iterable[str]) -> Set[str]:
    """Those op types that this TensorFlow has not registered at all."""
    missing = {name for name in names if op_definition(name) is None}
    if missing and hasattr(op_def_registry, "get_registered_ops"):
        _register_linked_ops(missing)
        missing = {name for name in missing if op_definition(name) is None}
    return missing


def register_ops(handle: str, ops: Iterable[str], writer: str = "") -> None:
    """Makes sure that every op a model uses is known, importing packages for it.

    Args:
        handle: of the model, for the error.
        ops: names of the ops in the model's graph.
        writer: version of the TensorFlow that wrote it; "" if unknown.

    Raises:
        MissingOps: when an op stays unknown; names the package to install.
        OpsPackageBroken: when that package is installed and does not import.
    """
    missing = sorted(missing_ops(ops))
    if not missing:
        return
    # Most models need TensorFlow's own ops alone.
    from unihub.op_packages import package_of

    package = package_of(missing)
    if package is not None and find_spec(package) is not None:
        _import_package(handle, package)
        missing = sorted(missing_ops(missing))
    if missing:
        raise _missing_ops(handle, missing, package, writer)


def is_newer(writer: str) -> bool:
    """Whether a version of TensorFlow, "" if unknown, came after the one that runs."""
    try:
        return Version(writer) > Version(runtime.tensorflow_version())
    except InvalidVersion:
        return False


def _register_linked_ops(names: Set[str]) -> None:
    """Tells the Python side of 1.15 about ops that only C++ code has registered.

    import_graph_def of 1.15 looks ops up in Python and fails for those that no
    Python module has declared yet. Later releases ask C++.
    """
    from tensorflow.core.framework.op_def_pb2 import OpList
    from tensorflow.python import pywrap_tensorflow

    linked = OpList()
    linked.ParseFromString(pywrap_tensorflow.TF_GetBuffer(pywrap_tensorflow.TF_GetAllOpList()))
    registered = op_def_registry.get_registered_ops()
    for definition in linked.op:
        if definition.name in names:
            registered[definition.name] = definition


def _import_package(handle: str, package: str) -> None:
    from unihub.apis.tensorflow_hub import import_tensorflow_hub
    from unihub.op_packages import installing

    hub = runtime.hub_release()
    if hub is not None and hub.importable:
        # tensorflow_text imports it, and it needs our help where pkg_resources is gone.
        import_tensorflow_hub()
    try:
        importlib.import_module(package)
    # A shared object of another TensorFlow raises TensorFlow's own NotFoundError.
    except Exception as error:
        raise OpsPackageBroken(
            handle=handle,
            package=package,
            reason=f"{type(error).__name__}: {error}",
            remedy=installing(package, runtime.tensorflow_version()),
        ) from error


def _missing_ops(
    handle: str, missing: List[str], package: Optional[str], writer: str
) -> MissingOps:
    import tensorflow as tf

    if package is None and is_newer(writer):
        why = f"the model was written by TensorFlow {writer}, which has ops that this one lacks."
        remedy = f'pip install "tensorflow>={writer}"'
    elif package is None:
        why = "they come from a package that unihub does not know, or from a newer TensorFlow."
        remedy = "import the package that the model's page names, before the model is loaded"
    else:
        why = f"they come with the package {package}, which is not installed or too old."
        # Imported only here, for most processes end without an error.
        from unihub.op_packages import installing

        remedy = installing(package, tf.__version__)
    return MissingOps(
        handle=handle, version=tf.__version__, ops=listed(missing), why=why, remedy=remedy
    )
