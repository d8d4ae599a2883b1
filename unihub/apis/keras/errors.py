"""The errors of the KerasLayers."""

from __future__ import annotations

from typing import Any, Type

from unihub.errors import UnihubError, warn
from unihub.formats.not_a_model import ModelNotFound

# How a message names a handle that is no text.
_OBJECT = "the {} object"


def handle_text(handle: Any) -> str:
    """A handle as messages name it."""
    if isinstance(handle, str):
        return str(handle)
    return _OBJECT.format(getattr(handle, "__name__", type(handle).__name__))


def layer_call(handle: Any) -> str:
    """The call that errors advise, up to its further arguments.

    Args:
        handle: of the layer, or its `handle_text`.
    """
    before, after = _OBJECT.split("{}")
    is_object = not isinstance(handle, str) or (
        handle.startswith(before) and handle.endswith(after)
    )
    return f"unihub.KerasLayer({'handle' if is_object else repr(str(handle))}"


def warn_of(error: UnihubError, category: Type[Warning]) -> None:
    """Says what an error would say, and goes on."""
    warn(f"{error.what} {error.why} To do: {error.do}", category)


class LayerError(UnihubError):
    """The arguments to make a layer with otherwise: ``{layer}`` begins the line that does."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(**{"layer": layer_call(facts["handle"]), **facts})


class BackendNotTensorFlow(UnihubError, NotImplementedError):
    """Keras runs on a backend that cannot call a SavedModel."""

    code = "keras-layer-backend"
    what = "KerasLayer cannot run {handle} on Keras' {backend} backend."
    why = (
        "a SavedModel holds TensorFlow functions, which the tensorflow backend of Keras 3 "
        "calls, and jax and torch as pure functions. (keras.backend.backend() is {backend!r})"
    )
    do = (
        "export KERAS_BACKEND=tensorflow  # before Python starts; "
        "or unihub.load({handle!r}, api='load')  # calls the model outside of Keras"
    )


class GraphModeNotSupported(UnihubError, RuntimeError):
    """Keras 3 has no graph mode."""

    code = "keras-layer-graph-mode"
    what = "KerasLayer cannot use {handle} in a TF1 graph."
    why = (
        "Keras 3 runs eagerly or in a tf.function, and neither is the case here. "
        "(tf.executing_eagerly() is False)"
    )
    do = (
        'unihub.load({handle!r}, api="load")  # works in a graph; or set the environment '
        'variable TF_USE_LEGACY_KERAS=1 and pip install "tf-keras~={minor}.0", '
        "which has a graph mode."
    )


class UnsafeDeserialization(UnihubError, ValueError):
    """A saved Keras model asks for a SavedModel while safe mode is on."""

    code = "keras-layer-safe-mode"
    what = "the KerasLayer of a saved Keras model or config was not loaded."
    why = (
        "it would load the SavedModel {handle}, whose graph runs whatever code its "
        "author put there, and Keras' safe mode forbids that."
    )
    do = (
        "if you trust both: keras.models.load_model(path, safe_mode=False); or call "
        "keras.config.enable_unsafe_deserialization() first."
    )


class SavedModelMoved(ModelNotFound):
    """The model of a saved KerasLayer is no longer where it was."""

    code = "keras-layer-model-moved"
    what = "the model of a saved KerasLayer is not where it was: {handle}."
    why = (
        "a Keras file or config holds the handle that its layer was made with, not the "
        "model. ({found})"
    )
    do = (
        "unihub.register_resolver({handle!r}.__eq__, lambda handle: 'path/to/the/model')  "
        "# its place now; then load the file again"
    )


class UnknownLayerArgument(UnihubError, TypeError, ValueError):
    """A keyword argument that neither the layer nor Keras takes."""

    code = "keras-layer-argument"
    what = "KerasLayer got {argument}, which it does not take."
    why = "it takes {choices}, and what a layer of Keras takes."
    do = "{remedy}"


class BadHandle(UnihubError, ValueError):
    """The handle is neither text, nor a path, nor callable."""

    code = "keras-layer-handle"
    what = "KerasLayer cannot use {handle} as a handle."
    why = (
        "a handle is a string, a path, or an object that can be called or has "
        "signatures. (found: {found})"
    )
    do = 'unihub.KerasLayer("path/or/url/of/the/model")'


class LoadedHandleTakesNoLoadArguments(UnihubError, ValueError):
    """tags or load_options go with an object that is loaded already."""

    code = "keras-layer-already-loaded"
    what = "{argument}= cannot be used with {handle}."
    why = (
        "{argument}= says how to load a SavedModel, and this handle is an object "
        "that is loaded already."
    )
    do = "unihub.KerasLayer(path, {argument}={argument})  # the path of the model, as text"


class SignatureRequired(LayerError, ValueError):
    """The object cannot be called itself, and no signature was chosen."""

    code = "keras-layer-signature-required"
    what = "{handle} cannot be called without a signature."
    why = "the loaded object has no __call__. (signatures: {choices})"
    do = "{layer}, signature={nearest!r}, signature_outputs_as_dict=True)"


class SignatureOutputNotChosen(LayerError, ValueError):
    """A signature returns a dict, and what to return of it is not clear."""

    code = "keras-layer-output-choice"
    what = (
        "signature {signature!r} of {handle} needs one of output_key= and "
        "signature_outputs_as_dict=True."
    )
    why = (
        "a signature returns a dict: {choices}. (output_key={output_key!r}, "
        "signature_outputs_as_dict={as_dict!r})"
    )
    do = "{layer}, signature={signature!r}, output_key={nearest!r})"


class OutputKeyWithoutDict(LayerError, ValueError):
    """output_key is given, and the output is not a dict."""

    code = "keras-layer-output-key-without-dict"
    what = "output_key={output_key!r} picks from a dict, and {handle} returns none."
    why = "it returned: {found}."
    do = "{layer})  # without output_key="


class UnknownOutputShape(LayerError, ValueError, NotImplementedError):
    """Not even the rank of an output can be inferred.

    As a NotImplementedError, it lets keras.Sequential wait for real inputs.
    """

    code = "keras-layer-unknown-output-shape"
    what = "the output shape of {handle} is not known, and Keras needs its rank."
    why = "tracing the model gives an output without a shape. (output: {found})"
    do = "{layer}, output_shape=[20])  # for outputs of shape [batch_size, 20]"


class TF1HubNotTrainable(UnihubError, ValueError):
    """A model in TF1 Hub format cannot be trained as a layer."""

    code = "keras-layer-tf1-hub-not-trainable"
    what = "a KerasLayer for {handle} cannot be trainable: the model is in TF1 Hub format."
    why = (
        "its train graph, update ops and regularizers live in graph collections that "
        "TF2 does not load. (tfhub_module.pb is there; signature {signature!r} is in use)"
    )
    do = "layer.trainable = False; or {remedy}; or use a TF2 version of the model."


class SignatureNotTrainable(UnihubError, ValueError):
    """A signature cannot be trained as a layer."""

    code = "keras-layer-signature-not-trainable"
    what = "a KerasLayer for signature {signature!r} of {handle} cannot be trainable."
    why = (
        "a signature has no training mode, update ops or regularization losses. "
        "(found: the loaded object {found})"
    )
    do = "layer.trainable = False; {instead}"


class BadRegularizationLosses(UnihubError, ValueError):
    """regularization_losses is not a list of functions."""

    code = "keras-layer-regularization-losses"
    what = "the regularization_losses of {handle} cannot be used."
    why = (
        "each of them must be a function without arguments that returns a scalar. (found: {found})"
    )
    do = "obj.regularization_losses = [lambda: 1e-4 * tf.reduce_sum(obj.kernel ** 2)]"


class BadVariables(UnihubError, ValueError):
    """variables or trainable_variables is not a list of variables."""

    code = "keras-layer-variables"
    what = "the {name} of {handle} cannot be used."
    why = "a Keras layer tracks each of them, so that they have to be variables. (found: {found})"
    do = "obj.{name} = [obj.kernel]"


class ConfigNeedsTextHandle(UnihubError, NotImplementedError):
    """A layer around an object cannot be written as a config."""

    code = "keras-layer-config-handle"
    what = "KerasLayer has no config for a handle that is not text."
    why = (
        "a config says where to load the model from, and this layer was made from an "
        "object. (handle: {found})"
    )
    do = 'tf.saved_model.save(obj, "path"); unihub.KerasLayer("path")'


class ArgumentNotJson(LayerError, ValueError):
    """An entry of arguments= cannot be written as JSON."""

    code = "keras-layer-config-argument"
    what = "KerasLayer has no config with arguments[{key!r}]."
    why = "a config is written as JSON, and this value cannot be. (found: {found})"
    do = "{layer}, arguments={{{key!r}: 1.0}})  # plain Python values"


class BadOutputShape(UnihubError, TypeError):
    """output_shape is not a nest of shapes."""

    code = "keras-layer-output-shape"
    what = "output_shape={found} is not a shape."
    why = (
        "it must be a list of int or None without the batch size, or a dict or list of "
        "such lists, one for each output."
    )
    do = "unihub.KerasLayer(handle, output_shape=[20])  # for outputs of shape [batch_size, 20]"


class OtherOutputShape(LayerError, ValueError):
    """The outputs have another shape than output_shape says."""

    code = "keras-layer-other-output-shape"
    what = "output_shape={declared} is not the shape of what {handle} gives."
    why = "without the batch size it is that of each output. (TensorFlow says: {reason})"
    do = "{layer})  # finds the shape of its outputs itself"


class OtherKeras(UnihubError, ValueError, TypeError):
    """The input comes from another Keras than the layer."""

    code = "keras-layer-of-other-keras"
    what = "a KerasLayer of {own} was called on a tensor of {other}."
    why = (
        "tf_keras (Keras 2) and keras (Keras 3) do not share tensors, layers or models, "
        "and unihub.KerasLayer is a layer of what tf.keras is: {own}. (found: {found})"
    )
    do = "{remedy}"
