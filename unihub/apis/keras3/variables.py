"""The variables of a loaded object as Keras variables."""

from __future__ import annotations

import weakref
from typing import Any

import keras
import tensorflow as tf


class SharedVariable(keras.Variable):
    """A tf.Variable as a Keras variable, one and the same for all layers that use it.

    Two Keras variables of one tf.Variable would be updated twice in a step.

    Attributes:
        trained_by: the layers whose callable lists it as trainable.
    """

    def __init__(self, variable: tf.Variable, name: str) -> None:
        super().__init__(
            initializer=variable,
            dtype=variable.dtype,
            trainable=variable.trainable,
            autocast=False,
            name=name,
        )
        self.trained_by: Any = weakref.WeakSet()

    def _initialize(self, value: tf.Variable) -> None:
        self._value = value


_shared_variables: Any = weakref.WeakValueDictionary()


def shared_variable(variable: tf.Variable, names: set[str]) -> SharedVariable:
    """The Keras variable of a tf.Variable, with a name that is not in ``names`` yet."""
    shared: SharedVariable | None = _shared_variables.get(variable.ref())
    if shared is None:
        stem = variable.name.partition(":")[0].replace("/", "_")
        name, count = stem, 0
        while name in names:
            count += 1
            name = f"{stem}_{count}"
        names.add(name)
        shared = _shared_variables[variable.ref()] = SharedVariable(variable, name)
    return shared


def follow_layers(variable: SharedVariable) -> None:
    """Makes a variable trainable if one of the layers that train it is."""
    variable.trainable = any(layer.trainable for layer in variable.trained_by)
