"""Ops that this TensorFlow lacks: a package imported, or an error."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Iterable, List

from unihub import runtime
from unihub.errors import UnihubError, warn
from unihub.inspection.lacking import without_kernel
from unihub.runtime import installed
from unihub.runtime.op_packages import installing, package_of


class OpsWithoutKernelWarning(UserWarning):
    """A model was loaded whose ops this TensorFlow registers and does not compute."""


class OpsPackageBroken(UnihubError, ImportError, RuntimeError, ValueError):
    """The package that registers a model's ops is installed and does not import."""

    code = "ops-package-broken"
    what = "{handle} uses ops of {package}, which does not import."
    why = "it is installed, and importing it raises {reason}."
    do = "{remedy}"


def import_package(handle: str, missing: Iterable[str]) -> None:
    """Imports the package that registers ops, if it is known and installed.

    Args:
        handle: of the model, for the error.
        missing: names of the ops.

    Raises:
        OpsPackageBroken: it is installed and does not import.
    """
    package = package_of(missing)
    if package is not None and find_spec(package) is not None:
        _import_package(handle, package)


def warn_of_missing_kernels(handle: str, ops: List[str]) -> None:
    """Warns of ops that TensorFlow registers and does not compute."""
    found = without_kernel(handle, ops)
    if found is not None:
        warn(f"{found.what} {found.why} To run it: {found.do}", OpsWithoutKernelWarning)


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
