"""The one place of conversion for what is not public API or differs by release."""

from __future__ import annotations

from typing import Any, List

import tensorflow as tf

# Only the SavedModel's own messages and registries have these.
from tensorflow.core.framework.variable_pb2 import VariableDef
from tensorflow.python.framework import ops

__all__ = ["VariableDef", "has_gradient", "save_options"]

# TensorFlow differentiates calls of functions by their bodies.
_CALLS = ("PartitionedCall", "StatefulPartitionedCall", "SymbolicGradient")


def has_gradient(op: Any, functions: List[str]) -> bool:
    """Whether TensorFlow knows how to differentiate an op."""
    if op.type in _CALLS or op.type in functions:
        return True
    try:
        ops.get_gradient_function(op)
    except LookupError:
        return False
    return True


def save_options() -> Any:
    """How to save: the nested functions find their gradients without further copies."""
    return tf.saved_model.SaveOptions(experimental_custom_gradients=False)
