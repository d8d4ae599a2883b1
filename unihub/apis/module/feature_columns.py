"""Feature columns whose values are embedded by a Module."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, ClassVar, Dict, List, Optional, Tuple, Union

import tensorflow as tf

# tf.feature_column makes columns, but does not name the classes to derive from.
from tensorflow.python.feature_column.feature_column import _DenseColumn
from tensorflow.python.feature_column.feature_column_v2 import DenseColumn

from unihub.apis.module.column_base import HAS_RESOURCES, STATE, Column, hashable
from unihub.apis.module.column_errors import (
    ColumnImageSizeUnknown,
    ColumnNeedsGraph,
    ColumnWithoutConfig,
    CombinerUnknown,
    NotAnImageEmbedding,
    NotATextEmbedding,
)
from unihub.apis.module.errors import NotAModule, NotAModuleSpec
from unihub.apis.module.image import ImageSizeUnknown, get_expected_image_size
from unihub.apis.module.instead import argument_for, is_loaded, model_of
from unihub.apis.module.module import Module
from unihub.apis.module.spec import ModuleSpec, as_module_spec
from unihub.errors import listed, nearest
from unihub.formats.selection import is_callable
from unihub.matrix.values import Format

_COMBINERS = ("mean", "sqrtn", "sum")

Spec = Union[ModuleSpec, str, "os.PathLike[str]"]


def text_embedding_column(key: Any, module_spec: Spec, trainable: bool = False) -> Any:
    """A dense column: a Module's embedding of a string feature.

    Args:
        key: the feature's name; its values are strings of shape [batch] or
            [batch, 1].
        module_spec: a ModuleSpec, or the handle of a module, whose default
            signature maps string [None] to float32 [None, size].
        trainable: whether to train the module's variables.

    Returns:
        A column for tf.compat.v1.feature_column.input_layer, for Estimators,
        and for the DenseFeatures layer of tf.keras (Keras 2) in graph mode.

    Raises:
        NotATextEmbedding: if the module's default signature is another one.

    Source: tensorflow_hub 0.15's hub.text_embedding_column; see
    https://www.tensorflow.org/hub/common_signatures/text

    Example:
        >>> comment = unihub.text_embedding_column("comment", "path/to/module")
        >>> tf.compat.v1.feature_column.input_layer(
        ...     {"comment": tf.constant(["so easy", "very bad"])}, [comment]
        ... )
    """
    return TextEmbeddingColumn(key, hashable(module_spec), trainable)


def sparse_text_embedding_column(
    key: Any,
    module_spec: Spec,
    combiner: str,
    default_value: Optional[str],
    trainable: bool = False,
) -> Any:
    """A dense column: a Module's embeddings of an example's tokens, combined.

    Args:
        key: the feature's name; its values are a SparseTensor of strings of
            shape [batch, tokens].
        module_spec: a ModuleSpec, or the handle of a module, whose default
            signature maps string [None] to float32 [None, size].
        combiner: "mean", "sqrtn" (the sum, divided by the root of the number
            of tokens) or "sum".
        default_value: the token of an example that has none; None where each
            example has one.
        trainable: whether to train the module's variables.

    Returns:
        A column of float32 [batch, size].

    Raises:
        CombinerUnknown: for another combiner.
        NotATextEmbedding: if the module's default signature is another one.

    Source: tensorflow_hub 0.15's hub.sparse_text_embedding_column.

    Example:
        >>> words = unihub.sparse_text_embedding_column("words", "path/to/module", "mean", "")
        >>> tf.compat.v1.feature_column.input_layer(
        ...     {"words": tf.sparse.from_dense([["so", "easy"], ["bad", ""]])}, [words]
        ... )
    """
    return SparseTextEmbeddingColumn(key, hashable(module_spec), combiner, default_value, trainable)


def image_embedding_column(
    key: Any, module_spec: Spec, image_size: Optional[Tuple[int, int]] = None
) -> Any:
    """A dense column: a Module's embedding of images. The module is not trained.

    Args:
        key: the feature's name; its values are float32 of shape [batch,
            height, width, 3], in [0, 1].
        module_spec: a ModuleSpec, or the handle of a module, whose default
            signature maps "images" to float32 [batch, size].
        image_size: the height and width of the images, for a module that
            accepts several; None for what get_expected_image_size says.

    Returns:
        A column of float32 [batch, size].

    Raises:
        NotAnImageEmbedding: if the module's default signature is another one.
        ColumnImageSizeUnknown: if neither image_size nor the module says it.

    Source: tensorflow_hub 0.15's hub.image_embedding_column; see
    https://www.tensorflow.org/hub/common_signatures/images

    Example:
        >>> pixels = unihub.image_embedding_column("pixels", "path/to/module")
        >>> height, width = unihub.get_expected_image_size(pixels.module_spec)
        >>> tf.compat.v1.feature_column.input_layer(
        ...     {"pixels": tf.zeros([1, height, width, 3])}, [pixels]
        ... )
    """
    # A list could not be hashed, as layers do with columns.
    size = None if image_size is None else tuple(image_size)
    return ImageEmbeddingColumn(key, hashable(module_spec), size)


@dataclass(frozen=True)
class _ModuleColumn(Column, _DenseColumn, DenseColumn):  # type: ignore[misc]
    """A column that applies a Module.

    Attributes:
        module_spec_path: as it was given.
        module_spec: the ModuleSpec.
    """

    _MAKER: ClassVar[str]

    module_spec_path: Any
    module_spec: ModuleSpec = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            spec = as_module_spec(self.module_spec_path)
        except (NotAModule, NotAModuleSpec) as error:
            remedy = self._line_instead() or error.facts["remedy"]
            raise type(error)(**{**error.facts, "remedy": remedy}) from None
        object.__setattr__(self, "module_spec", spec)
        self._check()

    def _line_instead(self) -> str:
        """The line that makes a column, where no module was given; "" if there is none."""
        given = self.module_spec_path
        if isinstance(given, str):
            return ""
        model = model_of(given)
        if model is not None and model.format is not Format.TF1_HUB:
            return ""
        return f"unihub.{self._MAKER}({self.key!r}, {argument_for(given)}{self._options})"

    @property
    def _options(self) -> str:
        """The arguments behind the spec, as one would write them."""
        return ", trainable=True" if self._is_trainable else ""

    def _check(self) -> None:
        """Raises for a module that cannot serve this column."""
        raise NotImplementedError

    def _embed(self, module: Module, feature: Any) -> Any:
        """The embeddings of a feature's values."""
        raise NotImplementedError

    def _module(self, trainable: Any) -> Module:
        return Module(self.module_spec, trainable=bool(trainable and self._is_trainable))

    @property
    def _is_trainable(self) -> bool:
        raise NotImplementedError

    @property
    def dtype(self) -> tf.DType:
        return tf.float32

    @property
    def variable_shape(self) -> tf.TensorShape:
        """The shape of the embedding of one example."""
        return self.module_spec.get_output_info_dict()["default"].get_shape()[1:]

    @property
    def _variable_shape(self) -> tf.TensorShape:
        return self.variable_shape

    @property
    def _parse_example_spec(self) -> Dict[Any, Any]:
        spec: Dict[Any, Any] = self.parse_example_spec
        return spec

    def _transform_feature(self, inputs: Any) -> Any:
        return inputs.get(self.key)

    def _get_dense_tensor(
        self, inputs: Any, weight_collections: Any = None, trainable: Any = None
    ) -> Any:
        return self._embed(self._module(trainable), inputs.get(self))

    def create_state(self, state_manager: Any) -> None:
        with tf.init_scope():
            if tf.executing_eagerly():
                raise ColumnNeedsGraph(key=repr(self.key))
        # Where the layer says whether it is trainable; public API does not tell.
        module = self._module(state_manager._trainable)
        state_manager.add_resource(self, STATE, module)

    def get_dense_tensor(self, transformation_cache: Any, state_manager: Any) -> Any:
        module = state_manager.get_resource(self, STATE)
        return self._embed(module, transformation_cache.get(self, state_manager))

    def get_config(self) -> Dict[str, Any]:
        if not isinstance(self.module_spec_path, str):
            raise ColumnWithoutConfig(
                key=repr(self.key),
                kind=type(self.module_spec_path).__name__,
                maker=self._MAKER,
                further=self._options,
            )
        return super().get_config()


@dataclass(frozen=True)
class TextEmbeddingColumn(_ModuleColumn):
    """The column that text_embedding_column returns."""

    trainable: bool

    _MAKER = "text_embedding_column"

    def _line_instead(self) -> str:
        given = self.module_spec_path
        argument, model = argument_for(given), model_of(given)
        if model is None and is_loaded(given):
            argument, called = "model", callable(given)
        else:
            called = model is not None and is_callable(model.meta_graphs[0])
        if not (called and HAS_RESOURCES):
            return super()._line_instead()
        return f"unihub.text_embedding_column_v2({self.key!r}, {argument}{self._options})"

    def _check(self) -> None:
        _check_text_embedding(self.module_spec, self.key)

    @property
    def _is_trainable(self) -> bool:
        return self.trainable

    @property
    def parse_example_spec(self) -> Dict[Any, Any]:
        return {self.key: tf.io.FixedLenFeature([1], tf.string)}

    def _embed(self, module: Module, feature: Any) -> Any:
        return module(tf.reshape(feature, [-1]))


@dataclass(frozen=True)
class SparseTextEmbeddingColumn(_ModuleColumn):
    """The column that sparse_text_embedding_column returns."""

    combiner: str
    default_value: Optional[str]
    trainable: bool

    _MAKER = "sparse_text_embedding_column"

    @property
    def _options(self) -> str:
        combined = f", combiner={self.combiner!r}, default_value={self.default_value!r}"
        return combined + super()._options

    def _check(self) -> None:
        _check_text_embedding(self.module_spec, self.key)
        if self.combiner not in _COMBINERS:
            raise CombinerUnknown(
                key=repr(self.key),
                combiner=repr(self.combiner),
                combiners=listed(_COMBINERS),
                nearest=repr(nearest(self.combiner, _COMBINERS)),
                default_value=repr(self.default_value),
            )

    @property
    def _is_trainable(self) -> bool:
        return self.trainable

    @property
    def parse_example_spec(self) -> Dict[Any, Any]:
        return {self.key: tf.io.VarLenFeature(tf.string)}

    def _embed(self, module: Module, feature: Any) -> Any:
        if self.default_value is not None:
            feature, _ = tf.sparse.fill_empty_rows(feature, self.default_value)
        numbers = tf.range(tf.shape(feature.indices)[0], dtype=tf.int32)
        return tf.compat.v1.nn.embedding_lookup_sparse(
            params=module(feature.values),
            sp_ids=tf.SparseTensor(feature.indices, numbers, feature.dense_shape),
            sp_weights=None,
            combiner=self.combiner,
        )


@dataclass(frozen=True)
class ImageEmbeddingColumn(_ModuleColumn):
    """The column that image_embedding_column returns."""

    image_size: Optional[Tuple[int, int]]

    _MAKER = "image_embedding_column"

    @property
    def _options(self) -> str:
        return f", image_size={self.image_size}" if self.image_size else ""

    def _check(self) -> None:
        inputs = self.module_spec.get_input_info_dict()
        takes = set(inputs) == {"images"} and inputs["images"].dtype == tf.float32
        if not (takes and _returns_embedding(self.module_spec)):
            raise NotAnImageEmbedding(key=repr(self.key), found=_described(self.module_spec))
        if self.image_size is None:
            self._expected_size()

    def _expected_size(self) -> List[int]:
        try:
            return get_expected_image_size(self.module_spec)
        except ImageSizeUnknown as error:
            raise ColumnImageSizeUnknown(key=repr(self.key), reason=error.why) from None

    @property
    def _is_trainable(self) -> bool:
        return False

    @property
    def parse_example_spec(self) -> Dict[Any, Any]:
        height, width = self.image_size or self._expected_size()
        return {self.key: tf.io.FixedLenFeature([height, width, 3], tf.float32)}

    def _embed(self, module: Module, feature: Any) -> Any:
        return module({"images": feature})


def _check_text_embedding(spec: ModuleSpec, key: Any) -> None:
    inputs = list(spec.get_input_info_dict().values())
    takes = len(inputs) == 1 and inputs[0].dtype == tf.string and _sizes(inputs[0]) == [None]
    if not (takes and _returns_embedding(spec, [None])):
        raise NotATextEmbedding(key=repr(key), found=_described(spec))


def _returns_embedding(spec: ModuleSpec, batch: Optional[List[None]] = None) -> bool:
    output = spec.get_output_info_dict().get("default")
    sizes = [] if output is None or output.dtype != tf.float32 else _sizes(output)
    if batch is not None and sizes[:1] != batch:
        return False
    return len(sizes) == 2 and bool(sizes[1])


def _sizes(info: Any) -> List[Optional[int]]:
    shape = info.get_shape()
    return [] if shape.rank is None else list(shape.as_list())


def _described(spec: ModuleSpec) -> str:
    inputs, outputs = (
        ", ".join(
            f"{name}: {info.dtype.name} {_shape_text(info)}" for name, info in sorted(infos.items())
        )
        for infos in (spec.get_input_info_dict(), spec.get_output_info_dict())
    )
    return f"({inputs or 'nothing'}) -> ({outputs or 'nothing'})"


def _shape_text(info: Any) -> str:
    shape = info.get_shape()
    return "of unknown rank" if shape.rank is None else str(shape.as_list())
