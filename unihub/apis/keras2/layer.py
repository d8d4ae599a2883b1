"""KerasLayer for Keras 2 and tf_keras: tensorflow_hub's, with its gaps filled."""

from __future__ import annotations

import functools
import logging
import os
import sys
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

import tensorflow as tf

from unihub.apis.keras.serving import keras_module, layer_card
from unihub.apis.keras2 import accepted
from unihub.apis.keras2.errors import OtherKeras
from unihub.apis.keras3.mismatch import mismatch, same_structure
from unihub.apis.operations import register_ops
from unihub.apis.surroundings import check_fork, check_strategy, keep_while_traced
from unihub.apis.tensorflow_hub import import_tensorflow_hub
from unihub.formats import selection
from unihub.formats.model import read_ops, read_saved_model
from unihub.handles import resolving
from unihub.inspection.security import refuse_escaping_assets
from unihub.matrix.values import Runtime
from unihub.runtime import Keras, current_keras, current_runtime

_log = logging.getLogger(__name__)
_HubKerasLayer: Any = import_tensorflow_hub("a KerasLayer").KerasLayer

# What TensorFlow raises when inputs do not fit a function.
_NOT_FITTING = (TypeError, ValueError, tf.errors.InvalidArgumentError)
_KERASES = ("keras", "tf_keras")


class KerasLayer(_HubKerasLayer):  # type: ignore[misc]
    """Wraps a SavedModel, or any callable, as a layer of Keras 2 or tf_keras.

    An instance of tensorflow_hub's KerasLayer, which reads its configs and
    whose configs it reads. Beyond that, ``tags`` come back from a config, the
    dtype stays that of the model whatever Keras' dtype policy says, output
    shapes are found by tracing, sparse and ragged tensors go into TF1
    signatures, and inputs that do not fit are explained.

    Args:
        handle: path or URL of a model, or an object to call: a loaded
            SavedModel, a tf.Module, a function. A config needs text.
        trainable: whether the layer is trainable. Not for signatures, nor for
            models in TF1 Hub format.
        arguments: further keyword arguments for the callable; plain Python
            values, if the layer is to be saved.
        tags: of the MetaGraph to load.
        signature: name of the signature to call instead of the object itself;
            "default" for models in TF1 Hub format.
        signature_outputs_as_dict: True to return all outputs of a signature.
        output_key: name of the output to return, where outputs are a dict.
        output_shape: shape of the output without the batch size, or a nest of
            shapes like the output, where tracing does not tell.
        load_options: tf.saved_model.LoadOptions.
        **kwargs: for Keras' Layer: name, dtype, input_shape. The dtype is by
            default that of the callable's inputs.

    Attributes:
        resolved_object: the callable or loaded object.

    Raises:
        StrategyNotSupported: for a TF1 format under a distribution strategy.
        MissingOps: when this TensorFlow lacks an op of the model.
        ValueError: for a signature or an output that is not there.

    Source: https://www.tensorflow.org/hub/api_docs/python/hub/KerasLayer.

    Example:
        >>> embed = KerasLayer("path/to/text_embedding", input_shape=[])
        >>> model = tf.keras.Sequential([embed, tf.keras.layers.Dense(1)])
    """

    def __init__(
        self,
        handle: Any,
        trainable: bool = False,
        arguments: Optional[Mapping[str, Any]] = None,
        _sentinel: Any = None,
        tags: Optional[Iterable[str]] = None,
        signature: Optional[str] = None,
        signature_outputs_as_dict: Optional[bool] = None,
        output_key: Optional[str] = None,
        output_shape: Any = None,
        load_options: Any = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(handle, os.PathLike):
            handle = os.fspath(handle)
        if tags is not None:
            tags = [tags] if isinstance(tags, str) else sorted(tags)
        self._tags = None if tags is None else tuple(tags)
        folder = handle
        if isinstance(handle, str):
            folder, tags = _prepared(handle, tags)
        super().__init__(
            folder,
            trainable=trainable,
            arguments=arguments,
            tags=tags,
            signature=signature,
            signature_outputs_as_dict=signature_outputs_as_dict,
            output_key=output_key,
            output_shape=output_shape,
            load_options=load_options,
            **kwargs,
        )
        keep_while_traced(self)
        # What a config needs, on this machine and others.
        self._handle = handle
        if self._signature:
            # tensorflow_hub 0.12 asks the whole object whether it takes `training`,
            # and then passes it to the signature, which does not.
            self._has_training_argument = False

    def _setup_layer(self, trainable: bool = False, **kwargs: Any) -> None:
        # tensorflow_hub calls this between loading the model and making the layer.
        specs = accepted.accepted_inputs(self._callable)
        dtype = accepted.natural_dtype(specs)
        policy = _policy_name(kwargs.get("dtype"))
        if dtype is not None and (kwargs.get("dtype") is None or policy.startswith("mixed_")):
            kwargs["dtype"] = dtype.name
            _say_once_that_dtypes_stay(policy, dtype.name)
        if len(accepted.float_dtypes(specs)) > 1:
            # Keras would cast them all to one dtype.
            kwargs.setdefault("autocast", False)
        super()._setup_layer(trainable, **kwargs)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer on a tensor or nest of tensors."""
        for leaf in tf.nest.flatten(inputs):
            _check_keras(leaf)
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Calls the callable on ``inputs``, in training mode when trainable.

        Raises:
            WrongInputs: when TensorFlow refuses them and they are the reason.
        """
        if self._signature:
            specs = accepted.accepted_inputs(self._callable)
            inputs = accepted.taken_apart(inputs, specs[0] if specs else {})
        try:
            # AutoGraph makes this a function outside of the class.
            return super(KerasLayer, self).call(inputs, training=training)  # noqa: UP008
        except _NOT_FITTING as error:
            found = self._mismatch(inputs)
            if found is None:
                raise
            raise found from error

    def _repr_html_(self) -> str:
        return layer_card(self._handle, self._signature, self._tags, self.trainable, self._func)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape, or a nest of them: from ``output_shape``, else by tracing.

        Args:
            input_shape: shape with the batch size (int or None), or a nest of them.

        Returns:
            A tf.TensorShape, or a nest of them.
        """
        shapes = _nest_of_shapes(input_shape)
        declared = getattr(self, "_output_shape", None)
        if declared is not None:
            batch = tf.nest.flatten(shapes)[0][:1]
            return tf.nest.map_structure(batch.concatenate, declared)
        function = tf.function(lambda inputs: self.call(inputs, training=False), autograph=False)
        outputs = function.get_concrete_function(self._specs(shapes)).structured_outputs
        return tf.nest.map_structure(lambda output: output.shape, outputs)

    def get_config(self) -> Dict[str, Any]:
        """The arguments to make this layer again."""
        config: Dict[str, Any] = super().get_config()
        if self._tags is not None:
            config["tags"] = list(self._tags)
        return config

    def __repr__(self) -> str:
        # The other Keras shows this when it refuses the layer.
        own = _own_keras()
        others = [name for name in _KERASES if name != own and name in sys.modules]
        if own not in _KERASES or not others:
            return str(super().__repr__())
        return (
            f"<KerasLayer name={self.name}, of {_keras_name(own)}, "
            f"not of {_keras_name(others[0])}: {_one_keras(own)}>"
        )

    def _specs(self, shapes: Any) -> Any:
        for specs in self._accepted():
            if same_structure(shapes, specs):
                return tf.nest.map_structure(
                    lambda shape, spec: tf.TensorSpec(shape, accepted.dtype_of(spec)),
                    shapes,
                    specs,
                )
        dtype = tf.as_dtype(self.dtype or keras_module().backend.floatx())
        return tf.nest.map_structure(lambda shape: tf.TensorSpec(shape, dtype), shapes)

    def _accepted(self) -> List[Any]:
        """What the layer may be called on: the sole input of a signature without its name."""
        nests = accepted.accepted_inputs(self._callable)
        if self._signature:
            nests += [nest[min(nest)] for nest in nests if len(nest) == 1]
        return nests

    def _mismatch(self, inputs: Any) -> Any:
        handle = self._handle if isinstance(self._handle, str) else "the callable"
        closest = None
        # From the last one: a tensor is best compared with the sole input of a signature.
        for nest in reversed(self._accepted()):
            found = mismatch(inputs, nest, handle)
            if found is None:
                return None
            closest = closest or found
        if closest is None:
            return None
        # These ops have the same arguments in both, and Keras 2 has no keras.ops.
        fix = closest.facts["fix"].replace("keras.ops.", "tf.")
        return type(closest)(**{**closest.facts, "fix": fix})


def register(keras: Any) -> None:
    """Lets Keras find the layer by the name that tensorflow_hub's has in saved models."""
    keras.utils.get_custom_objects().setdefault("KerasLayer", KerasLayer)


register(keras_module())


def _prepared(handle: str, tags: Optional[List[str]]) -> Tuple[str, Optional[List[str]]]:
    """Sees to the ops of a model before it is loaded; returns its folder and the tags to use."""
    folder = resolving.resolve(handle)
    model = read_saved_model(folder)
    meta_graph = selection.choose_meta_graph(model, handle, tags=tags)
    refuse_escaping_assets(handle, model)
    check_fork(handle)
    check_strategy(handle, model.format)
    ops = read_ops(folder, meta_graph.tags)
    register_ops(handle, ops, meta_graph.tensorflow_version)
    if tags is None and len(model.meta_graphs) > 1:
        return folder, list(meta_graph.tags)
    return folder, tags


def _policy_name(dtype: Any) -> str:
    """The name of a dtype policy: Keras' own where ``dtype`` is None."""
    if dtype is None:
        # TensorFlow 1.15 has no global policy.
        policy = getattr(keras_module().mixed_precision, "global_policy", None)
        dtype = policy() if policy else ""
    if isinstance(dtype, dict):
        return str(dtype.get("config", {}).get("name", ""))
    return str(getattr(dtype, "name", dtype))


@functools.lru_cache(maxsize=None)
def _say_once_that_dtypes_stay(policy: str, dtype: str) -> None:
    if policy.startswith("mixed_") and tf.as_dtype(dtype).is_floating:
        _log.warning(
            "The dtype policy %s has no effect inside a KerasLayer: a SavedModel's dtypes "
            "are fixed when it is saved. This one takes %s; floating-point inputs are cast.",
            policy,
            dtype,
        )


def _check_keras(tensor: Any) -> None:
    if type(tensor).__name__ != "KerasTensor":
        return
    own, other = _own_keras(), _keras_of(type(tensor))
    # TensorFlow up to 2.5 has a Keras of its own.
    if other == own or own.startswith("tensorflow"):
        return
    raise OtherKeras(
        own=_keras_name(own), other=_keras_name(other), found=str(tensor), remedy=_one_keras(own)
    )


def _own_keras() -> str:
    return _keras_of(_HubKerasLayer.__mro__[1])


def _keras_of(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _keras_name(package: str) -> str:
    version = "2" if package == "tf_keras" or _own_keras() == "keras" else "3"
    return f"{package} (Keras {version})" if package in _KERASES else package


def _one_keras(own: str) -> str:
    if own == "keras":
        return "from tensorflow import keras  # for the whole model"
    remedy = "import tf_keras as keras  # for the whole model"
    if current_runtime() is Runtime.TF2 and current_keras() is Keras.TF_KERAS:
        remedy += "; or, for Keras 3, leave the environment variable TF_USE_LEGACY_KERAS unset."
    return remedy


def _nest_of_shapes(shapes: Any) -> Any:
    if isinstance(shapes, Mapping):
        return {name: _nest_of_shapes(shape) for name, shape in shapes.items()}
    try:
        return tf.TensorShape(shapes)
    except (TypeError, ValueError):
        return type(shapes)(_nest_of_shapes(shape) for shape in shapes)
