"""KerasLayer on Keras' JAX and PyTorch backends: a pure function of Keras' own variables."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from unihub.apis import traces
from unihub.apis.functional.errors import CutTo32Bits, NotCompiled
from unihub.apis.functional.function import Functional, functional_of
from unihub.apis.keras.calling import only_training
from unihub.apis.keras3 import layer
from unihub.matrix.backends import LIFTED


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

    _backends = LIFTED
    _is_lean = False

    def _share_variables(self, loaded: Any) -> None:
        self._modes: dict[bool, Functional] = {}
        # By mode, and there by the name that its function has for them.
        self._own: dict[bool, dict[str, Any]] = {}
        self._made: dict[Any, Any] = {}
        for mode in (False, True)[: 1 + (self._trainable and self._callee.takes_training)]:
            self._own_of(mode)
        if self._callee.takes_training or self._modes[False].function.draws:
            # In a place where Keras saves nothing: files of TensorFlow have no such state.
            self._seeds = _Hidden(keras.random.SeedGenerator())
            self._tracker.add_to_store("seed_generators", self._seeds.value)
        self.trainable = self._trainable
        # XLA compiles what is lifted; torch.compile would compile all around it, for minutes.
        self.supports_jit = keras.config.backend() == "jax"

    def _own_of(self, mode: bool) -> dict[str, Any]:
        """The layer's variables, by the names that the function of a mode has for them."""
        if mode not in self._own:
            loaded, functional = self.resolved_object, self._lifted(mode)
            listed = {id(each) for each in getattr(loaded, "trainable_variables", ())}
            own = {}
            for name, variable in functional.function.ordered(loaded).items():
                key = id(variable.handle) if hasattr(variable, "handle") else variable.name
                if key not in self._made:
                    # A model that lists none has nothing that is trained, as with TensorFlow.
                    is_trained = name in functional.weights and id(variable) in listed
                    self._made[key] = self._added(variable, name, is_trained)
                own[name] = self._made[key]
            self._own[mode] = own
        return self._own[mode]

    def _added(self, variable: Any, name: str, is_trained: bool) -> Any:
        dtype = variable.dtype.name
        added = self.add_weight(
            shape=variable.shape,
            dtype=dtype,
            initializer=_initializer(variable),
            trainable=is_trained,
            autocast=False,
            name=name.replace("/", "_"),
        )
        if dtype in ("int64", "uint64"):
            kept = keras.ops.convert_to_numpy(added)
            if not np.array_equal(kept, variable.numpy()):
                raise CutTo32Bits(
                    handle=self._callee.handle, name=f"the variable {name!r}", dtype=dtype
                )
        return added

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
            made = functional_of(self.resolved_object, call, nests, callee.handle)
            if keras.config.backend() == "jax":
                from unihub.apis.functional.in_jax import check_bits

                check_bits(made.function, made.function.reads)
            self._modes[training] = made
        return self._modes[training]

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer on arrays of any kind, or a nest of them."""
        if args or kwargs:
            kwargs = only_training(self, args, kwargs)
        try:
            inputs = keras.tree.map_structure(_converted, inputs)
        except (TypeError, ValueError, NotImplementedError):
            raise self._not_taken(inputs) from None
        return keras.layers.Layer.__call__(self, inputs, **kwargs)

    def _not_taken(self, inputs: Any) -> Exception:
        """The error for inputs of which Keras makes no tensors."""
        callee = self._callee
        found = "text"
        if any(isinstance(leaf, tf.Tensor) for leaf in tf.nest.flatten(inputs)):
            found = "a tensor of TensorFlow's graph"
        elif not self._lifted(False).function.takes_text:
            refusal = callee.refusal(inputs)
            if refusal is not None:
                return refusal
        return NotCompiled(handle=callee.handle, found=found, backend=keras.config.backend())

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Calls the pure function, in training mode when trainable, and takes its state over."""
        callee = self._callee
        if self._trainable:
            self._check_trainability()
        mode = bool(callee.takes_training and self._trainable and training)
        own, function = self._own_of(mode), self._lifted(mode).function
        values = {name: variable.value for name, variable in own.items()}
        seed = self._seeds.value.next() if function.draws else 0
        outputs, after = function({}, values, inputs, seed)
        for name, value in after.items():
            if value is not values[name]:
                own[name].assign(value)
        return outputs

    def _traced_call(self, inputs: Any, training: Any) -> Any:
        mode = bool(self._callee.takes_training and self._trainable and training)
        # As the function of the pure one, which knows its inputs' dtypes.
        keywords = {"training": mode} if self._callee.takes_training else {}
        return self._outputs(inputs, {**self._callee.arguments, **keywords})

    def _losses_of_model(self) -> list[Any]:
        values = {name: variable.value for name, variable in self._own_of(False).items()}
        return self._lifted(False).function.regularization_losses({}, values)


class _Hidden:
    """Something that Keras does not find by going through a layer's attributes."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _converted(value: Any) -> Any:
    if isinstance(value, keras.KerasTensor):
        if value.dtype == "string":
            raise TypeError
        return value
    if isinstance(value, tf.Tensor) and not hasattr(value, "numpy"):
        raise TypeError
    return keras.ops.convert_to_tensor(value)


def _initializer(variable: Any) -> Any:
    def value(shape: Any, dtype: Any) -> Any:
        return keras.ops.convert_to_tensor(variable.numpy(), dtype)

    return value
