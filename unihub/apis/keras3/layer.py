"""KerasLayer for Keras 3: any SavedModel or callable as a native Keras layer."""

from __future__ import annotations

import json
import logging
from typing import Any, Sequence

import keras
import tensorflow as tf
from keras.src.saving.serialization_lib import in_safe_mode

from unihub.apis.copying import LoadedNotCopied
from unihub.apis.inputs import described
from unihub.apis.keras import errors
from unihub.apis.keras.calling import only_training
from unihub.apis.keras.errors import handle_text
from unihub.apis.keras.layer import (
    Arguments,
    CommonLayer,
    check_callable,
    check_training,
    full_object,
    nest_of_shapes,
    of_config,
    say_once_that_dtypes_stay,
)
from unihub.apis.keras3.callee import (
    Callee,
    callee_of,
    check_trainable,
    unknown_output_key,
)
from unihub.apis.keras3.variables import SharedVariable, follow_layers, shared_variable
from unihub.apis.request import Request
from unihub.apis.saved_model import load_frozen, load_meta_graph
from unihub.errors import UnihubError, first_line
from unihub.errors.guard import guarded
from unihub.errors.redaction import shown
from unihub.formats import selection
from unihub.formats.model import open_saved_model
from unihub.handles import resolving
from unihub.inspection import before_loading
from unihub.matrix.values import Format

_log = logging.getLogger(__name__)

# Attributes of tensorflow_hub's layer that scripts reach for, to those of a Callee. They are
# no properties: Keras would find a layer under their names, and save its weights there.
_AS_IN_TENSORFLOW_HUB = {
    "_arguments": "arguments",
    "_callable": "function",
    "_func": "loaded",
    "_has_training_argument": "takes_training",
    "_is_hub_module_v1": "is_tf1_hub",
    "_output_key": "output_key",
    "_output_shape": "output_shape",
    "_signature": "signature",
    "_signature_outputs_as_dict": "outputs_as_dict",
}


# What Keras takes for a way to quantize.
_QUANTIZED = ("int8", "int4", "float8")


class _TrustedHandle(str):
    """A handle that a layer of this process gave out: text read from a file is never one."""


@keras.saving.register_keras_serializable(package="unihub")
class KerasLayer(CommonLayer, keras.layers.Layer):  # type: ignore[misc]
    """Wraps a SavedModel, or any callable, as a Keras 3 layer.

    The callable is called with one positional argument, the tensor or nest of
    tensors that the layer is called on; a signature with its inputs by name.
    If it has an argument ``training``, that is True when the layer is trainable
    and called for training. Its ``trainable_variables``, ``variables`` and
    ``regularization_losses``, as far as it has them, become the layer's; the
    variables are shared, so that fit() trains the loaded object itself.

    Strings go in as ``keras.Input((), dtype="string")``. For fit(), Keras takes
    them as a tf.string tensor, a tf.data.Dataset or a one-dimensional numpy array
    of dtype object, and refuses numpy's own string dtypes.

    The constructor's arguments are those of `CommonLayer`.

    Attributes:
        resolved_object: the callable or loaded object.

    Raises:
        UnihubError: one class per cause, each a ValueError, TypeError,
            RuntimeError or NotImplementedError as well.

    Source: https://www.tensorflow.org/hub/reusable_saved_models and
        https://www.tensorflow.org/hub/api_docs/python/hub/KerasLayer.

    Example:
        >>> embed = KerasLayer("path/to/text_embedding")
        >>> model = keras.Sequential([keras.Input((), dtype="string"), embed])
    """

    _keras = "keras"
    # On which it runs, and whether it loads what its call needs, and no more.
    _backends: tuple[str, ...] = ("tensorflow",)
    _is_lean = True

    def _make(self, given: Arguments, kwargs: dict[str, Any]) -> None:
        handle = given.handle
        text = handle_text(handle)
        check_backend(keras.config.backend(), text, self._backends)
        if not tf.executing_eagerly() and not tf.inside_function():
            minor = ".".join(tf.__version__.split(".")[:2])
            raise errors.GraphModeNotSupported(handle=text, minor=minor)
        if tf.distribute.has_strategy():
            # Most are made without one.
            from unihub.apis.keras3.workers import warn_of_workers

            warn_of_workers(text)
        loaded = _load(handle, given, self._is_lean and given.fast)
        callee = callee_of(loaded, text, given)
        if given.trainable:
            check_trainable(callee)
        input_shape = _pop_input_shape(kwargs)
        dtype = kwargs.pop("dtype", None)
        if dtype is None and callee.inputs.dtype is not None:
            dtype = callee.inputs.dtype.name
            if dtype in _QUANTIZED:
                # By these names Keras has policies of quantization, and not of a dtype.
                dtype = keras.config.floatx()
            say_once_that_dtypes_stay(keras.config.dtype_policy().name, dtype)
        keras.layers.Layer.__init__(
            self, trainable=given.trainable, dtype=dtype, autocast=False, **kwargs
        )
        callee.inputs.cast_floats_to(self.variable_dtype)
        if input_shape is not None:
            # Of a layer with this attribute, keras.Sequential takes compute_dtype as
            # well; where Keras keeps the argument itself, the inputs become float32.
            self.input_shape = input_shape
        # __call__ converts inputs; Keras' own conversion knows one dtype for all of them.
        self._convert_input_args = False
        # XLA compiles no lookup tables, which a model may hold.
        self.supports_jit = False
        self._handle = handle
        self._tags = given.tags
        self._load_options = given.load_options
        self._callee = callee
        self._loaded = loaded
        self._said_that_nothing_trains = False
        self._share_variables(loaded)
        self.built = True

    @property
    def resolved_object(self) -> Any:
        """The callable or loaded object that ``handle`` stands for."""
        return full_object(self._loaded)

    @property
    def trainable(self) -> bool:
        """Whether the layer is trainable; may be set at any time."""
        trainable: bool = self._trainable
        return trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        keras.layers.Layer.trainable.fset(self, value)
        for variable in self._trainable_variables:
            if isinstance(variable, SharedVariable):
                follow_layers(variable)

    def __getattr__(self, name: str) -> Any:
        callee = vars(self).get("_callee")
        if callee is not None and name in _AS_IN_TENSORFLOW_HUB:
            value = full_object(getattr(callee, _AS_IN_TENSORFLOW_HUB[name]))
            # tensorflow_hub's has none where no shape was given.
            if name != "_output_shape" or value is not None:
                return value
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer on a tensor or nest of tensors; Python values will do.

        Raises:
            WrongArguments: for more than inputs and ``training``.
        """
        if args or kwargs:
            kwargs = only_training(self, args, kwargs)
        if not isinstance(inputs, (tf.Tensor, keras.KerasTensor)):
            try:
                inputs = self._callee.inputs.tensors(inputs)
            except (TypeError, ValueError, RuntimeError) as error:
                found = None if isinstance(error, UnihubError) else self._callee.refusal(inputs)
                if found is None:
                    raise
                raise found from None
        return super().__call__(inputs, **kwargs)

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Calls the callable on ``inputs``, in training mode when trainable."""
        callee = self._callee
        if self._trainable:
            self._check_trainability()
        if not callee.takes_training:
            outputs = self._outputs(inputs, callee.arguments)
        elif self._trainable and isinstance(training, tf.Tensor):
            outputs = keras.ops.cond(
                training,
                lambda: self._outputs(inputs, {**callee.arguments, "training": True}),
                lambda: self._outputs(inputs, {**callee.arguments, "training": False}),
            )
        else:
            training = self._trainable and bool(training)
            outputs = self._outputs(inputs, {**callee.arguments, "training": training})
        if callee.output_shape is not None:
            _set_shapes(inputs, outputs, callee)
        return outputs

    def _traced_call(self, inputs: Any, training: Any) -> Any:
        return self.call(inputs, training)

    def compute_output_spec(self, inputs: Any, training: Any = None) -> Any:
        """The nest of KerasTensor that the layer gives for ``inputs``, found by tracing."""
        specs = tf.nest.map_structure(_type_spec, inputs)

        def shapes_of_keras_layer(traced: Any) -> Any:
            return self._traced_call(traced, training)

        function = tf.function(shapes_of_keras_layer, autograph=False)
        outputs = function.get_concrete_function(specs).structured_outputs
        return tf.nest.map_structure(self._keras_tensor, outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape, or a nest of them: from ``output_shape``, else by tracing.

        Args:
            input_shape: shape with the batch size (int or None), or a nest of them.

        Returns:
            A tuple of int or None, or a nest of such tuples.
        """
        shapes = nest_of_shapes(input_shape)
        outputs = self._callee.output_shape
        if outputs is not None:
            batch = tf.nest.flatten(shapes)[0][:1]
            return tf.nest.map_structure(lambda s: tuple(batch.concatenate(s).as_list()), outputs)
        inputs = tf.nest.map_structure(_keras_tensor_of, self._callee.inputs.specs(shapes))
        spec = self.compute_output_spec(inputs)
        return tf.nest.map_structure(lambda tensor: tuple(tensor.shape), spec)

    def get_config(self) -> dict[str, Any]:
        """The arguments to make this layer again.

        Raises:
            ConfigNeedsTextHandle: when the handle is an object.
            ArgumentNotJson: when a value in ``arguments`` is no plain Python value.
        """
        if not isinstance(self._handle, str):
            raise errors.ConfigNeedsTextHandle(found=self._callee.handle)
        callee = self._callee
        for key, value in callee.arguments.items():
            _check_json(self._handle, key, value)
        shapes = callee.output_shape
        if shapes is not None:
            shapes = tf.nest.map_structure(lambda shape: shape.as_list(), shapes)
        optional = {
            "arguments": dict(callee.arguments) or None,
            "tags": None if self._tags is None else list(self._tags),
            "signature": callee.signature,
            "signature_outputs_as_dict": callee.outputs_as_dict,
            "output_key": callee.output_key,
            "output_shape": shapes,
        }
        config: dict[str, Any] = super().get_config()
        config["handle"] = _TrustedHandle(self._handle)
        config.update({name: value for name, value in optional.items() if value is not None})
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None
    ) -> KerasLayer:
        """Makes a layer from its config.

        Args:
            config: what ``get_config`` gave, or what was read from a file.
            custom_objects: unused; Keras passes it.
            safe_mode: False to load the SavedModel that a file names; by
                default as Keras' safe mode is, which is on.

        Raises:
            UnsafeDeserialization: when safe mode is on and the config is not
                that of a layer of this process.
            SavedModelMoved: when nothing is at the handle any more.
        """
        handle = config["handle"]
        safe_mode = in_safe_mode() if safe_mode is None else safe_mode
        if safe_mode is not False and not isinstance(handle, _TrustedHandle):
            raise errors.UnsafeDeserialization(handle=str(handle))
        with of_config(handle):
            # A file has no say in what is done about a model that acts.
            return cls(**{**config, "handle": _TrustedHandle(handle), "on_unsafe": None})

    @classmethod
    def from_trusted_config(cls, config: dict[str, Any]) -> KerasLayer:
        return cls.from_config(config, safe_mode=False)

    def __reduce__(self) -> Any:
        try:
            return super().__reduce__()
        except LoadedNotCopied:
            if isinstance(self._handle, str) and shown(self._handle) != self._handle:
                raise
        # Keras writes all the weights, whatever they have become.
        written = keras.layers.Layer.__reduce__(self)
        # Few are copied.
        from unihub.apis.keras.copying import reduced_with_weights

        return reduced_with_weights(self, written) if isinstance(self._handle, str) else written

    def _outputs(self, inputs: Any, keywords: dict[str, Any]) -> Any:
        callee = self._callee
        try:
            outputs = callee.inputs.call(callee.function, inputs, keywords)
        except tf.errors.OpError as error:
            from unihub.apis.failed_calls import why_failed
            from unihub.apis.keras.calling import layer_as_called

            call = layer_as_called(callee.handle, callee.handle, keras="keras")
            found = why_failed(error, call, callee.handle, callee.signature)
            if found is None:
                raise
            raise found from None
        key = callee.output_key
        if not key:
            return outputs
        if not isinstance(outputs, dict):
            raise errors.OutputKeyWithoutDict(
                output_key=key, handle=callee.handle, found=type(outputs).__name__
            )
        if key not in outputs:
            raise unknown_output_key(callee.handle, callee.signature, key, sorted(outputs))
        return outputs[key]

    def _check_trainability(self) -> None:
        check_trainable(self._callee)
        if not self._said_that_nothing_trains and not self.trainable_weights:
            self._said_that_nothing_trains = True
            _log.error(
                "KerasLayer is trainable but has no trainable weights: %s", self._callee.handle
            )

    def _share_variables(self, loaded: Any) -> None:
        names: set[str] = set()
        tracked: set[int] = set()
        for attribute, trainable in (("trainable_variables", True), ("variables", False)):
            for variable in getattr(loaded, attribute, ()):
                # Keras tracks the variables of a Keras layer by itself.
                if variable is None or isinstance(variable, keras.Variable):
                    continue
                with keras.name_scope(self.name, caller=self):
                    shared = shared_variable(variable, names)
                if id(shared) in tracked:
                    continue
                tracked.add(id(shared))
                shared.trainable = trainable
                self._track_variable(shared)
                if trainable:
                    shared.trained_by.add(self)
                follow_layers(shared)

    def _get_own_losses(self) -> list[tf.Tensor]:
        # Evaluated whenever losses are read, called or not, as Keras 2 does. Keras 3
        # has no public hook for it: add_loss() takes tensors, and within call().
        losses: list[Any] = super()._get_own_losses()
        if not self._trainable:
            zeros = [keras.ops.zeros([])] * len(self._callee.regularization_losses)
            return [*losses, *zeros]
        return [*losses, *self._losses_of_model()]

    def _losses_of_model(self) -> list[Any]:
        return [loss() for loss in self._callee.regularization_losses]

    def _keras_tensor(self, output: Any) -> Any:
        if not tf.is_tensor(output) and not isinstance(output, tf.TypeSpec):
            return output
        if output.shape.rank is None:
            raise errors.UnknownOutputShape(handle=self._callee.handle, found=described(output))
        return _keras_tensor_of(output)


def check_backend(backend: str, handle: str, runs: Sequence[str] = ("tensorflow",)) -> None:
    """Raises BackendNotTensorFlow when Keras' backend is none that a layer runs on."""
    if backend not in runs:
        raise errors.BackendNotTensorFlow(backend=backend, handle=handle)


def _load(handle: Any, given: Arguments, fast: bool) -> Any:
    if isinstance(handle, str):
        if in_safe_mode() and not isinstance(handle, _TrustedHandle):
            raise errors.UnsafeDeserialization(handle=handle)
        return _load_object(handle, given, fast)
    for argument, value in (("tags", given.tags), ("load_options", given.load_options)):
        if value is not None:
            raise errors.LoadedHandleTakesNoLoadArguments(
                argument=argument, handle=handle_text(handle)
            )
    if callable(handle) or hasattr(handle, "signatures"):
        return handle
    raise errors.BadHandle(handle=repr(handle), found=type(handle).__name__)


@guarded("loading")
def _load_object(handle: str, given: Arguments, fast: bool) -> Any:
    """The loaded object of a handle, as tensorflow_hub's ``load`` gives it."""
    with open_saved_model(resolving.resolve(handle)) as (model, _):
        before_loading.check(handle, model, given.on_unsafe, call="unihub.KerasLayer")
        meta_graph = selection.choose_meta_graph(model, handle, tags=given.tags)
        options, signature = given.load_options, given.signature
        if given.trainable:
            check_training(handle, model, meta_graph, given)
        if not signature and model.format is not Format.TF1_HUB:
            check_callable(handle, meta_graph)
        if fast:
            request = Request(handle, model, meta_graph, signature=signature, options=options)
            frozen = load_frozen(request)
            if frozen is not None:
                return frozen
        return load_meta_graph(handle, model, meta_graph, options, signature=signature)


def _set_shapes(inputs: Any, outputs: Any, callee: Callee) -> None:
    batch, shapes = tf.nest.flatten(inputs)[0].shape[:1], callee.output_shape
    try:
        tf.nest.map_structure(
            lambda output, shape: output.set_shape(batch.concatenate(shape)), outputs, shapes
        )
    except (TypeError, ValueError) as error:
        raise errors.OtherOutputShape(
            handle=callee.handle, declared=shapes, reason=first_line(error)
        ) from None


def _type_spec(value: Any) -> tf.TypeSpec:
    if not isinstance(value, keras.KerasTensor):
        return tf.type_spec_from_value(value)
    if value.sparse:
        return tf.SparseTensorSpec(value.shape, value.dtype)
    # Keras knows ragged tensors from 3.9 on.
    if getattr(value, "ragged", False):
        return tf.RaggedTensorSpec(value.shape, value.dtype)
    return tf.TensorSpec(value.shape, value.dtype)


def _keras_tensor_of(tensor: Any) -> keras.KerasTensor:
    if isinstance(tensor, (tf.RaggedTensor, tf.RaggedTensorSpec)):
        return keras.KerasTensor(tensor.shape, tensor.dtype, ragged=True)
    sparse = isinstance(tensor, (tf.SparseTensor, tf.SparseTensorSpec))
    return keras.KerasTensor(tensor.shape, tensor.dtype, sparse=sparse)


def _pop_input_shape(keywords: dict[str, Any]) -> tuple[int | None, ...] | None:
    """Takes the arguments of Keras 2 for a first layer's inputs; gives the batched shape."""
    batched = keywords.pop("batch_input_shape", None)
    units = keywords.pop("input_dim", None)
    shape = keywords.pop("input_shape", None if units is None else (units,))
    if batched is not None:
        return tuple(batched)
    return None if shape is None else (None, *shape)


def _check_json(handle: str, key: str, value: Any) -> None:
    try:
        json.dumps(value)
    except TypeError:
        found = type(value).__name__
        raise errors.ArgumentNotJson(handle=handle, key=key, found=found) from None
