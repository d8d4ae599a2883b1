"""What is done about ops that this TensorFlow lacks: a package imported, or an error."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Iterable, Optional, Sequence

import tensorflow as tf
from packaging.version import InvalidVersion, Version

from unihub import runtime
from unihub.errors import UnihubError, listed
from unihub.op_packages import installing, package_of
from unihub.runtime import installed


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


def is_newer(writer: str) -> bool:
    """Whether a version of TensorFlow, "" if unknown, came after the one that runs."""
    try:
        return Version(writer) > Version(runtime.tensorflow_version())
    except InvalidVersion:
        return False


def import_package(handle: str, missing: Iterable[str]) -> Optional[str]:
    """Imports the package that registers ops, if it is known and installed.

    Args:
        handle: of the model, for the error.
        missing: names of the ops.

    Returns:
        Name of the package, whether it is installed or not; None for an unknown one.

    Raises:
        OpsPackageBroken: it is installed and does not import.
    """
    package = package_of(missing)
    if package is not None and find_spec(package) is not None:
        _import_package(handle, package)
    return package


def _import_package(handle: str, package: str) -> None:
    from unihub.apis.tensorflow_hub import import_tensorflow_hub

    hub = installed.hub_release()
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


def missing_ops_error(
    handle: str, missing: Sequence[str], package: Optional[str], writer: str
) -> MissingOps:
    """Says where the ops come from that stay unknown.

    Args:
        handle: of the model.
        missing: names of the ops.
        package: that registers them, if it is known.
        writer: version of the TensorFlow that wrote the model; "" if unknown.
    """
    if package is None and is_newer(writer):
        why = f"the model was written by TensorFlow {writer}, which has ops that this one lacks."
        remedy = f'pip install "tensorflow>={writer}"'
    elif package is None:
        why = "they come from a package that unihub does not know, or from a newer TensorFlow."
        remedy = "import the package that the model's page names, before the model is loaded"
    else:
        why = f"they come with the package {package}, which is not installed or too old."
        remedy = installing(package, tf.__version__)
    return MissingOps(
        handle=handle, version=tf.__version__, ops=listed(missing), why=why, remedy=remedy
    )
