"""A feature column whose values are embedded by a TF2 SavedModel."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional, Union

import tensorflow as tf

# tf.feature_column makes columns, but does not name the class to derive from.
from tensorflow.python.feature_column.feature_column_v2 import DenseColumn

from unihub.apis.module.column_base import HAS_RESOURCES, STATE, Column, hashable
from unihub.apis.module.column_errors import (
    ColumnModelNotUnderstood,
    ColumnNotBuilt,
    ColumnWithoutConfig,
    OutputNotSingle,
    StateManagerTooOld,
)
from unihub.errors import listed, nearest


def text_embedding_column_v2(
    key: Any,
    module_path: Union[str, os.PathLike[str], Callable[..., Any]],
    output_key: Optional[str] = None,
    trainable: bool = False,
) -> Any:
    """A dense column: a TF2 SavedModel's embedding of a string feature.

    Args:
        key: the feature's name; its values are strings of shape [batch] or
            [batch, 1].
        module_path: the handle of a model that a KerasLayer can load, or a
            callable that is loaded already.
        output_key: which output to take of a model that returns a dict.
        trainable: whether to train the model's variables.

    Returns:
        A column for the DenseFeatures layer of tf.keras (Keras 2) or tf_keras.

    Raises:
        StateManagerTooOld: before TensorFlow 2.2.
        ColumnModelNotUnderstood: for anything else, such as a ModuleSpec.

    Source: tensorflow_hub 0.15's hub.text_embedding_column_v2.

    Example:
        >>> comment = unihub.text_embedding_column_v2("comment", "path/to/model")
        >>> layer = tf_keras.layers.DenseFeatures([comment])
        >>> layer({"comment": tf.constant(["so easy", "very bad"])})
    """
    if not HAS_RESOURCES:
        raise StateManagerTooOld(version=tf.__version__, key=repr(key))
    if hasattr(type(module_path), "get_signature_names"):
        raise _not_understood(key, module_path, f"unihub.text_embedding_column({key!r}, spec)")
    if not (callable(module_path) or isinstance(module_path, (str, os.PathLike))):
        remedy = f"unihub.text_embedding_column_v2({key!r}, 'path/to/model')"
        raise _not_understood(key, module_path, remedy)
    return TextEmbeddingColumnV2(key, hashable(module_path), output_key, trainable)


@dataclass(frozen=True)
class TextEmbeddingColumnV2(Column, DenseColumn):  # type: ignore[misc]
    """The column that text_embedding_column_v2 returns."""

    module_path: Union[str, Callable[..., Any]]
    output_key: Optional[str]
    trainable: bool
    _shape: Optional[tf.TensorShape] = field(init=False, repr=False, compare=False, default=None)

    @property
    def parse_example_spec(self) -> Dict[Any, Any]:
        return {self.key: tf.io.FixedLenFeature([1], tf.string)}

    @property
    def variable_shape(self) -> tf.TensorShape:
        """The shape of the embedding of one example, once a layer is built."""
        if self._shape is None:
            raise ColumnNotBuilt(key=repr(self.key))
        return self._shape

    def get_config(self) -> Dict[str, Any]:
        if not isinstance(self.module_path, str):
            raise ColumnWithoutConfig(
                key=repr(self.key),
                kind=type(self.module_path).__name__,
                maker="text_embedding_column_v2",
                further="",
            )
        return super().get_config()

    def create_state(self, state_manager: Any) -> None:
        # A DenseFeatures layer is one of Keras 2 or tf_keras, as tensorflow_hub's KerasLayer is.
        from unihub.apis.keras2.layer import KerasLayer

        layer = KerasLayer(
            self.module_path,
            output_key=self.output_key,
            trainable=self.trainable and state_manager._trainable,
        )
        state_manager.add_resource(self, STATE, layer)
        object.__setattr__(self, "_shape", self._embedding_shape(layer))

    def get_dense_tensor(self, transformation_cache: Any, state_manager: Any) -> Any:
        layer = state_manager.get_resource(self, STATE)
        return layer(tf.reshape(transformation_cache.get(self, state_manager), [-1]))

    def _embedding_shape(self, layer: Any) -> tf.TensorShape:
        # Keras' compute_output_shape takes all inputs for floats.
        call = tf.function(lambda texts: layer(texts), autograph=False)
        shapes = call.get_concrete_function(tf.TensorSpec([None], tf.string)).output_shapes
        if isinstance(shapes, tf.TensorShape):
            return shapes[1:]
        names = sorted(shapes) if isinstance(shapes, dict) else []
        raise OutputNotSingle(
            key=repr(self.key),
            handle=repr(self.module_path) if isinstance(self.module_path, str) else "model",
            found=listed(names) if names else str(shapes),
            choice=repr(nearest("default", names)),
        )


def _not_understood(key: Any, given: Any, remedy: str) -> ColumnModelNotUnderstood:
    return ColumnModelNotUnderstood(key=repr(key), kind=type(given).__name__, remedy=remedy)
