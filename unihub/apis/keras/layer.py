"""The base of the KerasLayers of all Kerases: how they are made, what they show."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, Iterator, Mapping, Optional, Sequence, Tuple, cast

import tensorflow as tf

from unihub.apis.keras.errors import (
    BadOutputShape,
    BadRegularizationLosses,
    BadVariables,
    SavedModelMoved,
    SignatureOutputNotChosen,
    SignatureRequired,
    TF1HubNotTrainable,
    UnknownLayerArgument,
    layer_call,
    warn_of,
)
from unihub.apis.keras.kerases import told_apart
from unihub.apis.traces import dtype_of, same_structure
from unihub.errors import UnihubError, listed, nearest, path_text
from unihub.errors.arguments import tag_set, wrong_type
from unihub.errors.redaction import shown
from unihub.formats import not_there, selection
from unihub.formats.model import MetaGraph, SavedModel
from unihub.formats.not_a_model import ModelNotFound
from unihub.inspection import before_loading
from unihub.matrix.values import Format, Operation
from unihub.runtime import current_runtime

_log = logging.getLogger(__name__)

ALL_OUTPUTS = ", signature_outputs_as_dict=True"


# What the layers of one Keras or another take.
_OF_KERAS = frozenset(
    (
        "activity_regularizer",
        "autocast",
        "batch_input_shape",
        "batch_size",
        "dtype",
        "dynamic",
        "implementation",
        "input_dim",
        "input_shape",
        "name",
        "weights",
    )
)


class NothingToTrainWarning(UserWarning):
    """A layer is to be trained, and its model lists nothing that can be."""


@dataclass(frozen=True)
class Arguments:
    """The arguments of a layer, apart from those of Keras itself; see `CommonLayer`."""

    handle: Any
    trainable: bool
    arguments: Dict[str, Any]
    tags: Optional[Tuple[str, ...]]
    signature: Optional[str]
    signature_outputs_as_dict: Optional[bool]
    output_key: Optional[str]
    output_shape: Any
    load_options: Any
    on_unsafe: Optional[str]
    fast: bool


class CommonLayer:
    """A SavedModel, or any callable, as a layer: what does not depend on the Keras."""

    # The package of the Keras that the layer is one of.
    _keras: str
    _handle: Any = None

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
        on_unsafe: Optional[str] = None,
        fast: bool = True,
        **kwargs: Any,
    ) -> None:
        """Makes a layer, as tensorflow_hub's constructor does.

        Args:
            handle: path or URL of a model, or an object to call: a loaded
                SavedModel, a tf.Module, a function. A config needs text.
            trainable: whether the layer is trainable. Not for signatures, nor for
                models in TF1 Hub format.
            arguments: further keyword arguments for the callable; plain Python
                values, if the layer is to be saved. ``training`` among them counts where
                the model has no other mode.
            tags: of the MetaGraph to load.
            signature: name of the signature to call instead of the object itself;
                "default" for models in TF1 Hub format.
            signature_outputs_as_dict: True to return all outputs of a signature.
            output_key: name of the output to return, where outputs are a dict.
            output_shape: shape of the output without the batch size, or a nest of
                shapes like the output, where tracing does not tell.
            load_options: tf.saved_model.LoadOptions.
            on_unsafe: "warn", "refuse" or "ignore": what to do about a model that acts
                outside of its graph; see `unihub.load`. It is in no config.
            fast: False to load the whole model at once. By default, a layer
                loads what its call needs, where the answers are proven equal; the
                rest follows when it is asked for. It is in no config.
            **kwargs: for Keras' Layer: name, dtype, input_shape. The dtype is by
                default that of the callable's inputs, whatever Keras' dtype policy
                says: a SavedModel's dtypes are fixed when it is saved.
        """
        handle = path_text(handle) if isinstance(handle, os.PathLike) else handle
        before_loading.check_reaction(on_unsafe, "unihub.KerasLayer", handle)
        if tags is not None:
            tags = tuple(sorted(tag_set(tags, f"{layer_call(handle)}, tags=['serve'])")))
        if not (signature is None or isinstance(signature, str)):
            line = f"{layer_call(handle)}, signature='serving_default')"
            raise wrong_type("signature=", signature, "the name of a signature, as text", line)
        if arguments is not None and not isinstance(arguments, Mapping):
            line = f"{layer_call(handle)}, arguments={{'name': 'value'}})"
            raise wrong_type("arguments=", arguments, "a dict of keyword arguments", line)
        if output_shape is not None:
            nest_of_shapes(output_shape)
        given = Arguments(
            handle=handle,
            trainable=bool(trainable),
            arguments=dict(arguments or {}),
            tags=tags,
            signature=signature,
            signature_outputs_as_dict=signature_outputs_as_dict,
            output_key=output_key,
            output_shape=output_shape,
            load_options=load_options,
            on_unsafe=on_unsafe,
            fast=fast,
        )
        # Only Keras knows what it takes, and it does not say.
        strange = [name for name in kwargs if name not in _OF_KERAS]
        try:
            self._make(given, kwargs)
        except (TypeError, ValueError) as error:
            if not strange or isinstance(error, UnihubError):
                raise
            raise _unknown_argument(handle, strange[0], kwargs[strange[0]]) from error

    def _make(self, given: Arguments, kwargs: Dict[str, Any]) -> None:
        """Makes the layer that ``__init__`` was called for; ``kwargs`` are for Keras."""
        raise NotImplementedError

    def __reduce__(self) -> Any:
        # Few are copied.
        from unihub.apis.keras.copying import reduced_layer

        return reduced_layer(self)

    @classmethod
    def from_trusted_config(cls, config: Dict[str, Any]) -> Any:
        """Makes a layer from a config of whom may run code here, as whoever sends pickles."""
        return cls.from_config(config)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        handle, own = self._handle, cast(Any, self)
        of = shown(handle) if isinstance(handle, str) else type(handle).__name__
        apart = told_apart(self._keras)
        told = "" if apart is None else f", {apart}"
        return f"<KerasLayer name={own.name}, handle={of!r}, trainable={own.trainable}{told}>"

    def _repr_html_(self) -> str:
        # Imported only here, for few layers are shown in a notebook.
        from unihub.inspection import loaded

        layer: Any = self
        if not isinstance(layer._handle, str):
            return loaded.object_card(f"KerasLayer of {type(layer._func).__name__}", "keras")
        return loaded.card(
            layer._handle,
            "keras",
            signature=layer._signature,
            tags=layer._tags,
            operation=Operation.FINE_TUNING if layer.trainable else Operation.INFERENCE,
        )


@contextlib.contextmanager
def of_config(handle: Any) -> Iterator[None]:
    """Makes a layer of its config in here.

    Raises:
        SavedModelMoved: when nothing is at the handle.
    """
    try:
        yield
    except ModelNotFound as error:
        raise SavedModelMoved(handle=str(handle), found=f"{error.what} {error.why}") from None


def full_object(loaded: Any) -> Any:
    """The full object, where another passes for it to a layer that is not trained."""
    return loaded._lean_full() if getattr(type(loaded), "is_for_layers", False) else loaded


def check_training(handle: str, model: SavedModel, graph: MetaGraph, given: Arguments) -> None:
    """Refuses to train what cannot be trained as a layer, or warns of it, as the judge says.

    Args:
        handle: text, as the caller wrote it.
        model, graph: what is loaded.
        given: the arguments of a layer that is to be trainable.

    Raises:
        UnihubError: what `unihub.load` raises for fine-tuning it.
        TF1HubNotTrainable: for what is trained here, and not as a layer.

    Warns of a model that can be called and lists nothing to train: NothingToTrainWarning. A
    layer that replaces tensorflow_hub's goes on.
    """
    # Imported only here, for most layers are not trained.
    from unihub.inspection.judge import NothingToTrain, judge

    runtime, signature = current_runtime(), given.signature
    verdict = judge(handle, model, runtime, Operation.FINE_TUNING, graph, signature)
    refusal = verdict.refusal
    if isinstance(refusal, NothingToTrain) and model.format is Format.TF2_SAVED_MODEL:
        warn_of(refusal, NothingToTrainWarning)
    elif refusal is not None:
        raise refusal
    elif "keras" not in dict(verdict.code):
        (_, line), *_ = verdict.code
        raise TF1HubNotTrainable(
            handle=handle, signature=signature or "default", remedy=f"{line}  # in TF1 mode"
        )


def check_callable(handle: str, meta_graph: MetaGraph) -> None:
    """Raises SignatureRequired or NothingToCall where an object has no ``__call__``."""
    if selection.is_callable(meta_graph):
        return
    names = sorted(meta_graph.signatures)
    if names:
        raise SignatureRequired(
            handle=handle, choices=listed(names), nearest=nearest("serving_default", names)
        )
    objects = meta_graph.object_graph
    parts = objects.callables if objects is not None else ()
    best = objects.best_callable if objects is not None else ""
    line = f"unihub.KerasLayer(unihub.load({handle!r}).{best})" if best else ""
    if objects is None:
        line = not_there.without_signatures(meta_graph, handle)
    raise not_there.nothing_to_call(handle, parts, line)


def check_output_choice(
    handle: str,
    signature: str,
    outputs_as_dict: Optional[bool],
    output_key: Optional[str],
    names: Sequence[str],
) -> None:
    """Raises SignatureOutputNotChosen unless one of a signature's outputs is chosen, or all.

    Args:
        handle, signature, outputs_as_dict, output_key: what a layer is made with.
        names: of the outputs.
    """
    if (output_key is not None) == bool(outputs_as_dict):
        raise SignatureOutputNotChosen(
            handle=handle,
            signature=signature,
            choices=listed(names),
            output_key=output_key,
            as_dict=outputs_as_dict,
            nearest=nearest(output_key or "default", names),
        )


def outputs_of_callable(handle: str, signatures: Sequence[str]) -> not_there.OutputOfCallable:
    """The error for all outputs of a signature where none is named."""
    remedy = f"{layer_call(handle)})"
    if signatures:
        named = nearest("serving_default", signatures)
        remedy = f"{layer_call(handle)}, signature={named!r}{ALL_OUTPUTS})"
    return not_there.OutputOfCallable(
        argument="signature_outputs_as_dict",
        handle=handle,
        found=listed(signatures),
        remedy=remedy,
    )


def _unknown_argument(handle: Any, name: str, value: Any) -> UnknownLayerArgument:
    own = [
        parameter.name
        for parameter in inspect.signature(CommonLayer.__init__).parameters.values()
        if parameter.name not in ("self", "_sentinel", "handle", "kwargs")
    ]
    names = [*own, "name", "dtype", "input_shape"]
    return UnknownLayerArgument(
        argument=name,
        choices=", ".join(names),
        remedy=f"{layer_call(handle)}, {nearest(name, names)}={value!r})",
    )


@functools.lru_cache(maxsize=None)
def say_once_that_dtypes_stay(policy: str, dtype: str) -> None:
    """Logs that a policy of mixed precision does not reach into a SavedModel.

    Args:
        policy: name of the dtype policy.
        dtype: that the model takes.
    """
    if policy.startswith("mixed_") and tf.as_dtype(dtype).is_floating:
        _log.warning(
            "The dtype policy %s has no effect inside a KerasLayer: a SavedModel's dtypes "
            "are fixed when it is saved. This one takes %s; floating-point inputs are cast.",
            policy,
            dtype,
        )


def lists_of(loaded: Any, handle: Any) -> Tuple[Callable[[], Any], ...]:
    """The regularization losses of an object, of which the variables are found to be some.

    Raises:
        BadVariables, BadRegularizationLosses: a model may have anything under any name.
    """
    for name in ("variables", "trainable_variables"):
        found = getattr(loaded, name, ())
        # Keras 2.15 exports a place for the table of a TextVectorization, which loads as None.
        strange = _first_strange(found, lambda one: one is None or hasattr(one, "dtype"))
        if strange is not None:
            raise BadVariables(handle=handle, name=name, found=strange)
    losses = getattr(loaded, "regularization_losses", ())
    strange = _first_strange(losses, callable)
    if strange is not None:
        raise BadRegularizationLosses(handle=handle, found=strange)
    return tuple(losses)


def _first_strange(found: Any, is_wanted: Callable[[Any], bool]) -> Optional[str]:
    """The type of what is no list, or of the first in it that is not wanted."""
    if callable(found) or not isinstance(found, Iterable):
        return type(found).__name__
    return next((type(one).__name__ for one in found if not is_wanted(one)), None)


def nest_of_shapes(shapes: Any) -> Any:
    """A nest of TensorShape from one of lists or tuples of int or None.

    Raises:
        BadOutputShape: when it is neither a shape nor a dict or list of shapes.
    """
    if isinstance(shapes, Mapping):
        return {name: nest_of_shapes(shape) for name, shape in shapes.items()}
    try:
        return tf.TensorShape(shapes)
    except (TypeError, ValueError):
        if isinstance(shapes, (list, tuple)) and not all(isinstance(s, int) for s in shapes):
            return type(shapes)(nest_of_shapes(shape) for shape in shapes)
    raise BadOutputShape(found=repr(shapes))


def nest_of_specs(shapes: Any, accepted: Sequence[Any], fallback: tf.DType) -> Any:
    """A nest of TensorSpec from one of TensorShape.

    Args:
        shapes: of the inputs.
        accepted: nests of TypeSpec that are taken; the dtypes are those of the first
            that has the same structure.
        fallback: the dtype where none has.
    """
    for nest in accepted:
        if same_structure(shapes, nest):
            return tf.nest.map_structure(
                lambda shape, spec: tf.TensorSpec(shape, dtype_of(spec)), shapes, nest
            )
    return tf.nest.map_structure(lambda shape: tf.TensorSpec(shape, fallback), shapes)
