"""KerasLayer on Keras' JAX and PyTorch backends: a pure function of Keras' own variables."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from unihub.apis import traces
from unihub.apis.functional.errors import NotCompiled
from unihub.apis.functional.function import Functional, functional_of
from unihub.apis.keras3 import layer


def _registered(layer_class: Any) -> Any:
    # Files of Keras name the layer so, whatever the backend; each has but one of this name.
    if keras.config.backend() == "tensorflow":
        return layer_class
    return keras.saving.register_keras_serializable(package="unihub")(layer_class)


@_registered
class KerasLayer(layer.KerasLayer):
    """`keras3.layer.KerasLayer` where the rest of a model is not TensorFlow's.

    Its weights are Keras variables of its own, which begin as the model's: fit() trains
    them, and files of Keras hold them. The loaded object, `resolved_object`, stays as it is.

    Args:
        handle, trainable, ...: see `CommonLayer`.

    Raises:
        NotLifted: the call does what no pure function does.
        NotCompiled: of text, tables and the like, when it is called.
        UnihubError: what the layer raises with TensorFlow.

    Example:
        >>> layer = KerasLayer("path/to/model", trainable=True)    # KERAS_BACKEND=jax
        >>> model = keras.Sequential([keras.Input((224, 224, 3)), layer, keras.layers.Dense(10)])
    """

    _backends = ("jax", "torch")
    _is_lean = False

    def _share_variables(self, loaded: Any) -> None:
        self._modes: dict[bool, Functional] = {}
        self._own: dict[str, Any] = {}
        self._seeds: Any = None
        functional = self._lifted(False)
        if self._trainable and self._callee.takes_training:
            self._lifted(True)
        listed = {id(each) for each in getattr(loaded, "trainable_variables", ())}
        order = functional.function.ordered(loaded)
        for name, variable in order.items():
            self._own[name] = self.add_weight(
                shape=variable.shape,
                dtype=variable.dtype.name,
                initializer=_initializer(variable),
                trainable=name in functional.weights and (not listed or id(variable) in listed),
                autocast=False,
                name=name.replace("/", "_"),
            )
        if any(mode.function.draws for mode in self._modes.values()):
            self._seeds = keras.random.SeedGenerator()
        self.trainable = self._trainable
        # XLA compiles what is lifted.
        self.supports_jit = True

    def _lifted(self, training: bool) -> Functional:
        if training not in self._modes:
            callee = self._callee
            keywords = dict(callee.arguments)
            if callee.takes_training:
                keywords["training"] = training

            def call(inputs: Any) -> Any:
                return self._outputs(inputs, keywords)

            nests = traces.accepted_inputs(callee.function)
            if callee.signature:
                nests = [next(iter(nest.values())) if len(nest) == 1 else nest for nest in nests]
            self._modes[training] = functional_of(self.resolved_object, call, nests, callee.handle)
        return self._modes[training]

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer on arrays of any kind, or a nest of them."""
        inputs = keras.tree.map_structure(self._converted, inputs)
        return keras.layers.Layer.__call__(self, inputs, *args, **kwargs)

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Calls the pure function, in training mode when trainable, and takes its state over."""
        callee = self._callee
        if self._trainable:
            self._check_trainability()
        mode = bool(callee.takes_training and self._trainable and training)
        function = self._lifted(mode).function
        values = {name: variable.value for name, variable in self._own.items()}
        seed = 0 if self._seeds is None else self._seeds.next()
        outputs, after = function({}, values, inputs, seed)
        for name, value in after.items():
            if value is not values[name]:
                self._own[name].assign(value)
        return outputs

    def _traced_call(self, inputs: Any, training: Any) -> Any:
        mode = bool(self._callee.takes_training and self._trainable and training)
        # As the function of the pure one, which knows its inputs' dtypes.
        keywords = {"training": mode} if self._callee.takes_training else {}
        return self._outputs(inputs, {**self._callee.arguments, **keywords})

    def _losses_of_model(self) -> list[Any]:
        values = {name: variable.value for name, variable in self._own.items()}
        return self._lifted(False).function.regularization_losses({}, values)

    def _converted(self, value: Any) -> Any:
        if isinstance(value, keras.KerasTensor):
            if value.dtype == "string":
                raise NotCompiled(
                    handle=self._callee.handle, found="text", backend=keras.config.backend()
                )
            return value
        try:
            return keras.ops.convert_to_tensor(value)
        except (TypeError, ValueError):
            kind = np.asarray(value).dtype
            if kind.kind not in "OSU":
                raise
            raise NotCompiled(
                handle=self._callee.handle, found="text", backend=keras.config.backend()
            ) from None


def _initializer(variable: Any) -> Any:
    def value(shape: Any, dtype: Any) -> Any:
        return keras.ops.convert_to_tensor(variable.numpy(), dtype)

    return value
