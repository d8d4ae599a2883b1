"""Ops of a model that the TensorFlow here lacks, or has without anything that computes them.

The registries of TensorFlow are asked where it is imported; else tables, and what is
installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Iterable, List, Optional

from unihub import runtime
from unihub.errors import UnihubError, beside, listed
from unihub.runtime import tensorflow as tensorflow_here
from unihub.runtime.op_packages import installing, package_of

# Of every variable that a model of TensorFlow 2.13 and later has.
_NOT_IN_TENSORFLOW_1 = frozenset(("DisableCopyOnRead",))


class MissingOps(UnihubError, RuntimeError, ValueError):
    """The graph uses ops that no imported package registers."""

    code = "missing-ops"
    what = "{handle} uses ops that TensorFlow {version} does not have: {ops}."
    why = "{why}"
    do = "{remedy}"


class OpsWithoutKernel(UnihubError, NotImplementedError):
    """The graph uses ops that TensorFlow knows, and computes on no device."""

    code = "ops-without-kernel"
    what = "{handle} uses ops that TensorFlow {version} does not compute: {ops}."
    why = (
        "it registers them, so that the model may load, and has no kernel for them on any "
        "device, so that what runs them fails."
    )
    do = beside.TF1 + "  # the TensorFlow that computes them"


def lacking_ops(handle: str, ops: Iterable[str], writer: str = "") -> Optional[UnihubError]:
    """Why a model's ops do not run here; None where they do, or where it cannot be told.

    An op of a package that is installed is there: `unihub.load` imports the package.

    Args:
        handle: of the model, for the error.
        ops: names of the ops in the model's graph.
        writer: version of the TensorFlow that wrote it; "" if unknown.
    """
    ops = list(ops)
    unregistered = _unregistered(ops)
    package = package_of(unregistered)
    if unregistered and (package is None or find_spec(package) is None):
        return missing_ops_error(handle, unregistered, writer)
    return without_kernel(handle, ops)


def missing_ops_error(handle: str, ops: List[str], writer: str = "") -> MissingOps:
    """The error for ops that nobody registers, with what brings them."""
    package, version = package_of(ops), runtime.tensorflow_version()
    if package is not None:
        why = f"they come with the package {package}, which is not installed or too old."
        remedy = installing(package, version)
    elif runtime.is_newer(writer):
        why = f"the model was written by TensorFlow {writer}, which has ops that this one lacks."
        remedy = beside.with_newer(writer)
    else:
        why = "they come from a package that unihub does not know, or from a newer TensorFlow."
        remedy = "import the package that the model's page names, before the model is loaded"
    return MissingOps(handle=handle, version=version, ops=listed(ops), why=why, remedy=remedy)


def without_kernel(handle: str, ops: Iterable[str]) -> Optional[OpsWithoutKernel]:
    """The error for ops that TensorFlow registers and does not compute; None without any."""
    found = tensorflow_here.may_lack_kernel(ops)
    if not found:
        return None
    version = runtime.tensorflow_version()
    if runtime.is_imported():
        found = sorted(tensorflow_here.ops_without_kernel(found))
    else:
        gone = tensorflow_here.KERNELS_GONE
        since = {op: gone[name] for op in found for name in gone if op.startswith(name)}
        found = [op for op in found if not runtime.is_newer(since[op])]
    if not found:
        return None
    return OpsWithoutKernel(handle=handle, version=version, ops=listed(found))


def _unregistered(ops: List[str]) -> List[str]:
    if runtime.is_imported():
        return sorted(tensorflow_here.missing_ops(ops))
    # The table of TensorFlow's own ops is read only where they are asked for.
    from unihub.inspection.op_dangers import unknown_ops

    unknown = {op for found in unknown_ops(ops).values() for op in found}
    if runtime.tensorflow_version().startswith("1."):
        unknown |= _NOT_IN_TENSORFLOW_1.intersection(ops)
    return sorted(unknown)
