"""The ops that the TensorFlow here has, and those that it only has the names of."""

from __future__ import annotations

from typing import Any, Iterable, List, Optional, Set

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
