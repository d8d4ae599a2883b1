"""The errors of the feature columns."""

from __future__ import annotations

from unihub.errors import UnihubError


class NotATextEmbedding(UnihubError, ValueError):
    """The module's default signature does not embed sentences."""

    code = "column-needs-a-text-embedding"
    what = "the module cannot embed the texts of the feature {key}."
    why = (
        'its signature "default" must take one string Tensor of shape [None] and return a '
        'float32 Tensor "default" of shape [None, size]. (found: {found})'
    )
    do = (
        "spec.get_signature_names()  # one of them may do, called without a column: "
        "unihub.Module(spec)(texts, signature=name)"
    )


class NotAnImageEmbedding(UnihubError, ValueError):
    """The module's default signature does not embed images."""

    code = "column-needs-an-image-embedding"
    what = "the module cannot embed the images of the feature {key}."
    why = (
        'its signature "default" must take one float32 Tensor "images" and return a '
        'float32 Tensor "default" of shape [batch, size]. (found: {found})'
    )
    do = (
        "spec.get_signature_names()  # one of them may do, called without a column: "
        "unihub.Module(spec)(images, signature=name)"
    )


class ColumnImageSizeUnknown(UnihubError, ValueError):
    """Neither the module nor the caller says how large the images are."""

    code = "column-image-size-unknown"
    what = "the size of the images of the feature {key} is not known."
    why = "image_size is not given, and the module does not say it: {reason}"
    do = "unihub.image_embedding_column({key}, spec, image_size=(224, 224))"


class CombinerUnknown(UnihubError, ValueError):
    """The embeddings of an example cannot be combined in that way."""

    code = "column-combiner-unknown"
    what = "the embeddings of the feature {key} cannot be combined by {combiner}."
    why = "tf.nn.embedding_lookup_sparse knows {combiners}."
    do = (
        "unihub.sparse_text_embedding_column({key}, spec, combiner={nearest}, "
        "default_value={default_value})"
    )


class ColumnWithoutConfig(UnihubError, NotImplementedError):
    """A column of a ModuleSpec was asked for its config."""

    code = "column-without-config"
    what = "the column of the feature {key} has no config."
    why = "a config names the module by a handle, and this column has a {kind}."
    do = "unihub.{maker}({key}, 'path/to/module'{further})"


class ColumnNeedsGraph(UnihubError, RuntimeError):
    """A column with a Module was used in a layer that executes eagerly."""

    code = "column-needs-a-graph"
    what = "the column of the feature {key} cannot be used in eager execution."
    why = "it instantiates a Module, whose variables and tables live in a tf.Graph."
    do = (
        "tf.compat.v1.disable_v2_behavior()  # first of all; or "
        "unihub.text_embedding_column_v2({key}, 'path/to/tf2_saved_model')"
    )


class StateManagerTooOld(UnihubError, NotImplementedError):
    """TensorFlow's feature columns cannot hold a Keras layer yet."""

    code = "column-state-not-supported"
    what = "text_embedding_column_v2 does not work in TensorFlow {version}."
    why = "its feature columns cannot keep a Keras layer. (their StateManager has no has_resource)"
    do = "unihub.text_embedding_column({key}, 'path/to/tf1_hub_module')"


class OutputNotSingle(UnihubError, ValueError):
    """The model of a column returns more than one Tensor."""

    code = "column-output-not-single"
    what = "{handle} does not return one Tensor for the feature {key}."
    why = "a column needs one Tensor of shape [batch, size]. (found: {found})"
    do = "unihub.text_embedding_column_v2({key}, {handle}, output_key={choice})"


class ColumnModelNotUnderstood(UnihubError, TypeError, ValueError):
    """A column for TF2 SavedModels was asked for with something that is none."""

    code = "column-model-not-understood"
    what = "the column of the feature {key} cannot be made of what was given."
    why = "text_embedding_column_v2 takes the handle of a model, or a callable. (found: {kind})"
    do = "{remedy}"


class ColumnNotBuilt(UnihubError, AttributeError):
    """The size of a column was asked for before its model was loaded."""

    code = "column-not-built"
    what = "the size of the column of the feature {key} is not known yet."
    why = "the model tells it, and is loaded when a DenseFeatures layer is built."
    do = "layer({{{key}: texts}})  # the DenseFeatures layer of the column: afterwards it knows"
