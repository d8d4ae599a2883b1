"""KerasLayer for Keras 2 and tf_keras: tensorflow_hub's, with its gaps filled."""

from __future__ import annotations

import logging
import re
from typing import Any, Dict, Optional, Tuple

import numpy as np
import tensorflow as tf

from unihub.apis import traces
from unihub.apis.copying import shallow
from unihub.apis.inputs import WrongInputs, WrongInputShape, mismatch
from unihub.apis.keras.calling import layer_as_called, only_training
from unihub.apis.keras.errors import (
    BadHandle,
    OtherOutputShape,
    OutputKeyWithoutDict,
    handle_text,
    layer_call,
)
from unihub.apis.keras.kerases import check_keras, keras_module, keras_of
from unihub.apis.keras.layer import (
    ALL_OUTPUTS,
    Arguments,
    CommonLayer,
    check_callable,
    check_output_choice,
    check_training,
    full_object,
    lists_of,
    nest_of_shapes,
    nest_of_specs,
    of_config,
    outputs_of_callable,
    say_once_that_dtypes_stay,
)
from unihub.apis.proxy import CallableObject
from unihub.apis.refused import why_refused
from unihub.apis.request import Request
from unihub.apis.saved_model import load_frozen, load_meta_graph
from unihub.apis.signature import size_test
from unihub.apis.surroundings import check_fork, check_strategy, keep_while_traced, register_ops
from unihub.apis.tensorflow_hub import import_tensorflow_hub
from unihub.errors import UnihubError
from unihub.formats import not_there, selection
from unihub.formats.model import open_saved_model, read_ops, read_saved_model
from unihub.handles import resolving
from unihub.inspection import before_loading
from unihub.matrix.values import Format, Runtime
from unihub.runtime import current_runtime

_log = logging.getLogger(__name__)
_HubKerasLayer: Any = import_tensorflow_hub("a KerasLayer").KerasLayer

# What TensorFlow raises when inputs do not fit a function.
_QUOTED = re.compile(r"'([^']*)'")
_OF_SHAPES = re.compile("is not compatible with supplied shape|in both shapes must be equal")
_NOT_FITTING = (TypeError, ValueError, AttributeError, tf.errors.InvalidArgumentError)
Tags = Tuple[str, ...]


class KerasLayer(CommonLayer, _HubKerasLayer):  # type: ignore[misc]
    """Wraps a SavedModel, or any callable, as a layer of Keras 2 or tf_keras.

    An instance of tensorflow_hub's KerasLayer, which reads its configs and
    whose configs it reads. Beyond that, ``tags`` come back from a config, the
    dtype stays that of the model whatever Keras' dtype policy says, output
    shapes are found by tracing, sparse and ragged tensors go into TF1
    signatures, and inputs that do not fit are explained.

    Args:
        handle, trainable, arguments, tags, signature, signature_outputs_as_dict,
            output_key, output_shape, load_options, **kwargs: see `CommonLayer`.

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

    _keras = keras_of(_HubKerasLayer.__mro__[1])

    def _make(self, given: Arguments, kwargs: Dict[str, Any]) -> None:
        self._tags = given.tags
        source, tags, options = _prepared(given)
        try:
            _HubKerasLayer.__init__(
                self,
                source,
                trainable=given.trainable,
                arguments=given.arguments,
                tags=None if tags is None else list(tags),
                signature=given.signature,
                signature_outputs_as_dict=given.signature_outputs_as_dict,
                output_key=given.output_key,
                output_shape=given.output_shape,
                load_options=options,
                **kwargs,
            )
        except UnihubError:
            raise
        # TensorFlow raises nearly every type while the model is loaded.
        except Exception as error:
            if isinstance(given.handle, str) and getattr(self, "_func", None) is None:
                raise _failure(error, given, source) from error
            raise
        keep_while_traced(self)
        if isinstance(source, CallableObject):
            self._func = source.__wrapped__
        self._load_options = given.load_options
        # What a config needs, on this machine and others.
        self._handle = given.handle
        if self._signature or traces.lacks_other_mode(self._func, given.arguments):
            # tensorflow_hub 0.12 asks the whole object whether it takes `training`,
            # and then passes it to the signature, which does not.
            self._has_training_argument = False

    def __copy__(self) -> KerasLayer:
        return shallow(self)  # type: ignore[no-any-return]

    @property
    def resolved_object(self) -> Any:
        """The callable or loaded object that ``handle`` stands for."""
        return full_object(self._func)

    def _add_existing_weight(self, weight: Any, trainable: Optional[bool] = None) -> None:
        # See lists_of.
        if weight is not None:
            super()._add_existing_weight(weight, trainable=trainable)

    def _setup_layer(self, trainable: bool = False, **kwargs: Any) -> None:
        # tensorflow_hub calls this between loading the model and making the layer.
        lists_of(self._func, self._handle)
        specs = traces.accepted_inputs(self._callable)
        dtype = traces.natural_dtype(specs)
        policy = _policy_name(kwargs.get("dtype"))
        if dtype is not None and (kwargs.get("dtype") is None or policy.startswith("mixed_")):
            kwargs["dtype"] = dtype.name
            say_once_that_dtypes_stay(policy, dtype.name)
        if len(traces.float_dtypes(specs)) > 1:
            # Keras would cast them all to one dtype.
            kwargs.setdefault("autocast", False)
        super()._setup_layer(trainable, **kwargs)
        named = specs[0] if self._signature and specs else {}
        self._composites = traces.composites_of(named)
        shapes = ((name, traces.shape_of(spec)) for name, spec in named.items())
        self._size_tests = tuple((name, size_test(shape)) for name, shape in shapes)
        self._said_that_shapes_differ = False

    def _call_loss_if_trainable(self, loss: Any) -> Any:
        # AutoGraph cannot read the one of tensorflow_hub where that is set aside.
        return tf.autograph.experimental.do_not_convert(lambda: loss() if self.trainable else 0.0)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer on a tensor or nest of tensors.

        Raises:
            WrongArguments: for more than inputs and ``training``.
        """
        leaves = tf.nest.flatten(inputs)
        for leaf in leaves:
            check_keras(leaf, self._keras)
        if args or kwargs:
            kwargs = only_training(self, args, kwargs)
        if any(isinstance(leaf, (int, float)) or _of_objects(leaf) for leaf in leaves):
            inputs = self._of_numbers(inputs)
        return super().__call__(inputs, **kwargs)

    def _of_numbers(self, inputs: Any) -> Any:
        """Lists of numbers as the tensors that they stand for: Keras makes one of each number."""
        for accepted in traces.accepted_inputs(self._callable)[:1]:
            if self._signature:
                accepted = self._composites.wholes(accepted, inputs)
            is_named = isinstance(accepted, dict) and not isinstance(inputs, dict)
            if is_named and len(accepted) == 1:
                accepted = accepted[min(accepted)]
            try:
                return _of_lists(inputs, accepted)
            except (ValueError, TypeError):
                found = self._mismatch(inputs)
                if found is not None:
                    raise found from None
        return inputs

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Calls the callable on ``inputs``, in training mode when trainable.

        Raises:
            WrongInputs: when TensorFlow refuses them and they are the reason.
        """
        if self._signature:
            inputs = self._composites.taken_apart(inputs)
            self._say_once_that_shapes_differ(inputs)
        try:
            if self._signature:
                inputs = _tensors(inputs)
            # AutoGraph makes this a function outside of the class.
            return super(KerasLayer, self).call(inputs, training=training)  # noqa: UP008
        except _NOT_FITTING as error:
            found = self._wrong_output(str(error)) or self._mismatch(inputs)
            if found is None and isinstance(error, tf.errors.OpError):
                found = self._failed(error)
            if found is None:
                raise
            # TensorFlow lists every trace, and the values of all that was given.
            raise found from None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape, or a nest of them: from ``output_shape``, else by tracing.

        Args:
            input_shape: shape with the batch size (int or None), or a nest of them.

        Returns:
            A tf.TensorShape, or a nest of them.
        """
        shapes = nest_of_shapes(input_shape)
        declared = getattr(self, "_output_shape", None)
        if declared is not None:
            batch = tf.nest.flatten(shapes)[0][:1]
            return tf.nest.map_structure(batch.concatenate, declared)

        def shapes_of_keras_layer(inputs: Any) -> Any:
            return self.call(inputs, training=False)

        function = tf.function(shapes_of_keras_layer, autograph=False)
        accepted = traces.accepted_inputs(self._callable)
        if self._signature:
            accepted += [nest[min(nest)] for nest in accepted if len(nest) == 1]
        fallback = tf.as_dtype(self.dtype or keras_module().backend.floatx())
        specs = nest_of_specs(shapes, accepted, fallback)
        outputs = function.get_concrete_function(specs).structured_outputs
        return tf.nest.map_structure(lambda output: output.shape, outputs)

    def get_config(self) -> Dict[str, Any]:
        """The arguments to make this layer again."""
        config: Dict[str, Any] = super().get_config()
        if self._tags is not None:
            config["tags"] = list(self._tags)
        return config

    @classmethod
    def from_config(cls, config: Dict[str, Any]) -> KerasLayer:
        """Makes a layer from its config, which has no say in what is done about what acts.

        Raises:
            SavedModelMoved: when nothing is at the handle any more.
        """
        with of_config(config.get("handle")):
            return cls(**{key: value for key, value in config.items() if key != "on_unsafe"})

    def _say_once_that_shapes_differ(self, inputs: Any) -> None:
        """Logs what tensorflow_hub's layer runs in silence, as TensorFlow's signatures do."""
        if self._said_that_shapes_differ:
            return
        for name, fits in self._size_tests:
            value: Any = inputs.get(name) if isinstance(inputs, dict) else inputs
            if tf.is_tensor(value) and not fits(value.shape):
                found = self._mismatch(inputs)
                if isinstance(found, WrongInputShape):
                    self._said_that_shapes_differ = True
                    _log.warning("KerasLayer runs, though %s\n  why: %s", found.what, found.why)
                return

    # Keras has AutoGraph rewrite what is called within call().
    _say_once_that_shapes_differ.autograph_info__ = {}  # type: ignore[attr-defined] # noqa: RUF012

    def _wrong_output(self, said: str) -> Optional[UnihubError]:
        """The error for an output that is not there, of which tensorflow_hub's layer tells."""
        key, handle = self._output_key, handle_text(self._handle)
        declared = getattr(self, "_output_shape", None)
        if declared is not None and _OF_SHAPES.search(said):
            return OtherOutputShape(handle=handle, declared=declared, reason=said)
        if key and said.startswith("Specifying `output_key`"):
            kind = said.partition("'")[2].partition("'")[0].rpartition(".")[2]
            return OutputKeyWithoutDict(output_key=key, handle=handle, found=kind)
        if key and said.startswith("KerasLayer output does not contain"):
            names = _QUOTED.findall(said.partition("(available")[2])
            call, signature = layer_call(self._handle), self._signature
            return not_there.unknown_output_key(handle, signature, key, names, call=call)
        return None

    _wrong_output.autograph_info__ = {}  # type: ignore[attr-defined] # noqa: RUF012

    def _failed(self, error: Exception) -> Optional[UnihubError]:
        from unihub.apis.failed_calls import why_failed

        call = layer_as_called(self._handle, handle_text(self._handle), keras=self._keras)
        return why_failed(error, call, self._handle, self._signature)

    _failed.autograph_info__ = {}  # type: ignore[attr-defined] # noqa: RUF012

    def _mismatch(self, inputs: Any) -> Optional[WrongInputs]:
        model = self._handle if isinstance(self._handle, str) else "the callable"
        if self._signature:
            model = f"signature {self._signature!r} of {model}"
        keras = self._keras.replace("tensorflow", "tf.keras")
        call = layer_as_called(self._handle, model, keras=keras)
        if not self._signature:
            further = {"training": False} if self._has_training_argument else {}
            return why_refused(self._callable, (inputs,), {**self._arguments, **further}, call)
        sole = self._composites.sole
        if self._arguments and (sole is not None or isinstance(inputs, dict)):
            # They are passed on beside the inputs.
            given = inputs if isinstance(inputs, dict) else {sole: inputs}
            inputs = {**self._arguments, **given}
        for nest in traces.accepted_inputs(self._callable):
            accepted = self._composites.wholes(nest, inputs)
            if isinstance(inputs, dict) and [*inputs] == [*accepted] == [sole]:
                # A line to paste needs no name for it.
                inputs = inputs[sole]
            if len(accepted) == 1 and not isinstance(inputs, dict):
                return mismatch(inputs, accepted[min(accepted)], call)
            return mismatch(inputs, accepted, call)
        return None


def _tensors(inputs: Any) -> Any:
    """The inputs of a signature, which takes neither lists nor variables, as tensors."""
    if isinstance(inputs, dict):
        return {name: _tensors(value) for name, value in inputs.items()}
    is_tensor = tf.is_tensor(inputs) and not isinstance(inputs, tf.Variable)
    return inputs if is_tensor else tf.convert_to_tensor(inputs)


# Keras has AutoGraph rewrite what is called within call().
_tensors.autograph_info__ = {}  # type: ignore[attr-defined]


# By the name that tensorflow_hub's has in saved models.
keras_module().utils.get_custom_objects().setdefault("KerasLayer", KerasLayer)


def _prepared(given: Arguments) -> Tuple[Any, Optional[Tags], Any]:
    """Sees to what a model needs before it is loaded.

    Returns:
        What tensorflow_hub's layer is to be made of, the tags and the LoadOptions: a folder,
        or the loaded object where tf.saved_model.load would not do.
    """
    handle, tags, options = given.handle, given.tags, given.load_options
    if not isinstance(handle, str):
        signatures = getattr(handle, "signatures", {})
        if not callable(handle) and given.signature in signatures:
            handle = CallableObject(handle, signatures[given.signature])
        if not callable(handle):
            raise BadHandle(handle=repr(handle), found=type(handle).__name__)
        return handle, tags, options
    folder = resolving.resolve(handle)
    with open_saved_model(folder) as (model, file):
        meta_graph = selection.choose_meta_graph(model, handle, tags=tags)
        if given.signature and given.signature not in meta_graph.signatures:
            names = list(meta_graph.signatures)
            raise not_there.unknown_signature(
                handle, given.signature, names, call=layer_call(handle), further=ALL_OUTPUTS
            )
        if given.trainable:
            check_training(handle, model, meta_graph, given)
        has_default = model.format is Format.TF1_HUB and "default" in meta_graph.signatures
        if not given.signature and not has_default:
            check_callable(handle, meta_graph)
        before_loading.check(handle, model, given.on_unsafe, call="unihub.KerasLayer")
        check_fork(handle)
        check_strategy(handle, model.format)
        ops = read_ops(folder, meta_graph.tags)
        register_ops(handle, ops, meta_graph.tensorflow_version)
        # TensorFlow reads the file by itself.
        file.check_unchanged()
    if given.signature_outputs_as_dict and not (given.signature or has_default):
        raise outputs_of_callable(handle, sorted(meta_graph.signatures))
    if given.signature:
        as_dict, key = given.signature_outputs_as_dict, given.output_key
        if model.format is Format.TF1_HUB and not as_dict:
            key = key or "default"
        names = list(meta_graph.signatures[given.signature].outputs)
        check_output_choice(handle, given.signature, as_dict, key, names)
    is_loaded_by_us = meta_graph.assets or current_runtime() is Runtime.TF2
    if model.format is not Format.TF2_SAVED_MODEL and is_loaded_by_us:
        signature = given.signature or "default"
        loaded = load_meta_graph(handle, model, meta_graph, options, signature=signature)
        # tensorflow_hub takes no other loaded objects than those that can be called.
        return CallableObject(loaded, loaded.signatures[signature]), None, None
    if given.fast:
        request = Request(handle, model, meta_graph, signature=given.signature, options=options)
        frozen = load_frozen(request)
        if frozen is not None:
            return frozen, None, None
    if tags is None and len(model.meta_graphs) > 1:
        return folder, meta_graph.tags, options
    return folder, tags, options


def _of_lists(value: Any, accepted: Any) -> Any:
    """A nest with tensors in the place of lists of numbers, where a dense one is accepted.

    Raises:
        TypeError, ValueError: where the numbers are of no dense tensor, or none is accepted.
    """
    if isinstance(value, dict):
        specs = accepted if isinstance(accepted, dict) else {}
        return {name: _of_lists(part, specs.get(name)) for name, part in value.items()}
    is_list = isinstance(value, (list, tuple))
    if isinstance(accepted, (list, tuple)):
        alike = is_list and len(value) == len(accepted)
        return traces.sequence_like(value, map(_of_lists, value, accepted)) if alike else value
    parts = tf.nest.flatten(value)
    if _of_objects(value):
        return tf.convert_to_tensor(value)
    if not is_list or any(hasattr(part, "shape") for part in parts):
        return value
    if not isinstance(accepted, tf.TensorSpec):
        raise TypeError("a list of numbers is a dense tensor")
    return tf.convert_to_tensor(value, dtype_hint=accepted.dtype)


def _of_objects(value: Any) -> bool:
    """Whether it is a NumPy array of texts and what else is in a column of them."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "O"


def _failure(error: Exception, given: Arguments, folder: str) -> UnihubError:
    # Few models fail to load.
    from unihub.apis.failures import failure

    model = read_saved_model(folder)
    meta_graph = selection.choose_meta_graph(model, given.handle, tags=given.tags)
    return failure(error, given.handle, meta_graph, model, True)


def _policy_name(dtype: Any) -> str:
    """The name of a dtype policy: Keras' own where ``dtype`` is None."""
    if dtype is None:
        # TensorFlow 1.15 has no global policy.
        policy = getattr(keras_module().mixed_precision, "global_policy", None)
        dtype = policy() if policy else ""
    if isinstance(dtype, dict):
        return str(dtype.get("config", {}).get("name", ""))
    return str(getattr(dtype, "name", dtype))
