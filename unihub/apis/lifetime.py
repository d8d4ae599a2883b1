"""How long an object lives that is loaded while a function is traced."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_COLLECTION = "unihub_loaded"


def keep_while_traced(loaded: Any) -> None:
    """Lets an object live as long as the function that is being traced, if one is.

    The first releases of TensorFlow free variables with the object that holds them,
    which, loaded within a function, nobody holds when the trace is done.
    """
    if tf.executing_eagerly():
        return
    if tf.compat.v1.get_default_graph().building_function:
        tf.compat.v1.add_to_collection(_COLLECTION, loaded)
