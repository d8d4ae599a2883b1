"""The public names as type checkers and editors see them; the code is in __init__.py.

What is served depends on TensorFlow and the model, so `load` gives what its
``api`` says: a Keras layer, a Module, or the object of tf.saved_model.load.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, overload

import keras

from unihub import checking as checking
from unihub import doctor as doctor
from unihub import formats as formats
from unihub import settings as settings
from unihub.apis.module.create import add_signature as add_signature
from unihub.apis.module.create import attach_message as attach_message
from unihub.apis.module.create import create_module_spec as create_module_spec
from unihub.apis.module.estimator import LatestModuleExporter as LatestModuleExporter
from unihub.apis.module.estimator import register_module_for_export as register_module_for_export
from unihub.apis.module.feature_column_v2 import (
    text_embedding_column_v2 as text_embedding_column_v2,
)
from unihub.apis.module.feature_columns import image_embedding_column as image_embedding_column
from unihub.apis.module.feature_columns import (
    sparse_text_embedding_column as sparse_text_embedding_column,
)
from unihub.apis.module.feature_columns import text_embedding_column as text_embedding_column
from unihub.apis.module.image import ImageModuleInfo as ImageModuleInfo
from unihub.apis.module.image import attach_image_module_info as attach_image_module_info
from unihub.apis.module.image import get_expected_image_size as get_expected_image_size
from unihub.apis.module.image import get_num_image_channels as get_num_image_channels
from unihub.apis.module.initialize import initialize as initialize
from unihub.apis.module.module import Module as Module
from unihub.apis.module.module import eval_function_for_module as eval_function_for_module
from unihub.apis.module.spec import ModuleSpec as ModuleSpec
from unihub.apis.module.spec import (
    create_module_spec_from_saved_model as create_module_spec_from_saved_model,
)
from unihub.apis.module.spec import load_module_spec as load_module_spec
from unihub.conversion.convert import convert as convert
from unihub.conversion.convert import validate as validate
from unihub.dispatch.save import save as save
from unihub.dropin.shim import install as install
from unihub.dropin.shim import uninstall as uninstall
from unihub.engines.predictor import Predictor as Predictor
from unihub.errors import MatrixRefusal as MatrixRefusal
from unihub.errors import UnihubError as UnihubError
from unihub.handles.resolvers import register_resolver as register_resolver
from unihub.handles.resolving import resolve as resolve
from unihub.inspection.inspector import inspect as inspect
from unihub.matrix.tables import Matrix as _Matrix
from unihub.matrix.values import Cell as _Cell
from unihub.matrix.values import Format as Format
from unihub.matrix.values import Operation as Operation
from unihub.matrix.values import Runtime as Runtime
from unihub.matrix.values import Status as Status
from unihub.runtime.installed import environment as environment
from unihub.settings import Settings as _Settings

__version__: str
__all__ = [
    "Format",
    "ImageModuleInfo",
    "KerasLayer",
    "LatestModuleExporter",
    "MatrixRefusal",
    "Module",
    "ModuleSpec",
    "Operation",
    "Predictor",
    "Runtime",
    "Status",
    "UnihubError",
    "add_signature",
    "attach_image_module_info",
    "attach_message",
    "configure",
    "convert",
    "create_module_spec",
    "create_module_spec_from_saved_model",
    "environment",
    "eval_function_for_module",
    "functional",
    "get_expected_image_size",
    "get_num_image_channels",
    "image_embedding_column",
    "initialize",
    "inspect",
    "install",
    "load",
    "load_module_spec",
    "matrix",
    "register_module_for_export",
    "register_resolver",
    "resolve",
    "save",
    "sparse_text_embedding_column",
    "support",
    "text_embedding_column",
    "text_embedding_column_v2",
    "uninstall",
    "validate",
]

_Path: TypeAlias = str | os.PathLike[str]
_Tags: TypeAlias = str | Iterable[str]
_Op: TypeAlias = Literal["inference", "fine_tuning"] | Operation
_OnUnsafe: TypeAlias = Literal["warn", "refuse", "ignore"]
_FormatName: TypeAlias = Literal["tf1_hub", "tf2_saved_model", "tf1_saved_model"]
_RuntimeName: TypeAlias = Literal["tf1", "tf1_compat", "tf2"]
_OperationName: TypeAlias = Literal["inference", "fine_tuning", "creation"]

class _Model(Protocol):
    """A loaded model: ``m(inputs)``, and what the API that serves it has."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...

class _SavedModel(_Model, Protocol):
    """The object that tf.saved_model.load gives."""

    @property
    def signatures(self) -> Mapping[str, Any]: ...
    @property
    def variables(self) -> Sequence[Any]: ...
    @property
    def trainable_variables(self) -> Sequence[Any]: ...
    @property
    def regularization_losses(self) -> Sequence[Callable[[], Any]]: ...

class KerasLayer(keras.layers.Layer):
    """A model, or any callable, as a layer of the Keras in use: Keras 3, tf_keras or Keras 2."""

    def __init__(
        self,
        handle: _Path | Callable[..., Any],
        trainable: bool = False,
        arguments: Mapping[str, Any] | None = None,
        _sentinel: None = None,
        tags: _Tags | None = None,
        signature: str | None = None,
        signature_outputs_as_dict: bool | None = None,
        output_key: str | None = None,
        output_shape: Any = None,
        load_options: Any = None,
        on_unsafe: _OnUnsafe | None = None,
        fast: bool = True,
        *,
        name: str | None = None,
        dtype: Any = None,
        input_shape: Sequence[int | None] = ...,
        batch_input_shape: Sequence[int | None] = ...,
        activity_regularizer: Any = ...,
        autocast: bool = ...,
        dynamic: bool = ...,
    ) -> None: ...
    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any: ...
    @property
    def resolved_object(self) -> Any: ...

@overload
def load(
    handle: _Path,
    tags: _Tags | None = None,
    options: Any = None,
    *,
    op: _Op = ...,
    api: None = None,
    signature: str | None = None,
    output_key: str | None = None,
    as_dict: bool | None = None,
    training: bool | None = None,
    sha256: str | None = None,
    convert: bool = False,
    on_unsafe: _OnUnsafe | None = None,
    fast: bool = True,
    weights: Literal["mmap"] | None = None,
    name: str = ...,
    arguments: Mapping[str, Any] = ...,
    output_shape: Any = ...,
    dtype: Any = ...,
    input_shape: Sequence[int | None] = ...,
    batch_input_shape: Sequence[int | None] = ...,
) -> _Model: ...
@overload
def load(
    handle: _Path,
    tags: _Tags | None = None,
    options: Any = None,
    *,
    op: _Op = ...,
    api: Literal["keras"],
    signature: str | None = None,
    output_key: str | None = None,
    as_dict: bool | None = None,
    training: bool | None = None,
    sha256: str | None = None,
    convert: bool = False,
    on_unsafe: _OnUnsafe | None = None,
    fast: bool = True,
    weights: Literal["mmap"] | None = None,
    name: str = ...,
    arguments: Mapping[str, Any] = ...,
    output_shape: Any = ...,
    dtype: Any = ...,
    input_shape: Sequence[int | None] = ...,
    batch_input_shape: Sequence[int | None] = ...,
) -> KerasLayer: ...
@overload
def load(
    handle: _Path,
    tags: _Tags | None = None,
    options: Any = None,
    *,
    op: _Op = ...,
    api: Literal["load"],
    signature: str | None = None,
    output_key: str | None = None,
    as_dict: bool | None = None,
    training: bool | None = None,
    sha256: str | None = None,
    convert: bool = False,
    on_unsafe: _OnUnsafe | None = None,
    fast: bool = True,
    weights: Literal["mmap"] | None = None,
) -> _SavedModel: ...
@overload
def load(
    handle: _Path,
    tags: _Tags | None = None,
    options: Any = None,
    *,
    op: _Op = ...,
    api: Literal["module"],
    signature: str | None = None,
    output_key: str | None = None,
    as_dict: bool | None = None,
    training: bool | None = None,
    sha256: str | None = None,
    convert: bool = False,
    on_unsafe: _OnUnsafe | None = None,
    fast: bool = True,
    weights: Literal["mmap"] | None = None,
    name: str = ...,
) -> Module: ...
def support(
    format: _FormatName | Format,
    runtime: _RuntimeName | Runtime | None = None,
    operation: _OperationName | Operation = ...,
) -> _Cell: ...

class _PureFunction(Protocol):
    """A model's call without side effects: outputs, and the state after it."""

    def __call__(
        self, weights: Mapping[str, Any], state: Mapping[str, Any], inputs: Any, seed: Any = 0
    ) -> tuple[Any, dict[str, Any]]: ...
    def regularization_losses(
        self, weights: Mapping[str, Any], state: Mapping[str, Any] = ...
    ) -> list[Any]: ...

class _Functional(NamedTuple):
    """``f, weights, state``, for arrays of NumPy, JAX or PyTorch."""

    function: _PureFunction
    weights: dict[str, Any]
    state: dict[str, Any]

def functional(
    handle: _Path,
    *,
    training: bool = False,
    signature: str | None = None,
    output_key: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    tags: _Tags | None = None,
    sha256: str | None = None,
    on_unsafe: _OnUnsafe | None = None,
) -> _Functional: ...

class configure:
    """Changes settings for the whole process; as a context manager, for a while."""

    # Text is read as in an environment variable; None gives a setting back to it.
    def __init__(
        self,
        *,
        cache: _Path | None = ...,
        offline: bool | str | None = ...,
        load_format: str | None = ...,
        progress: bool | str | None = ...,
        verify_certificates: bool | str | None = ...,
        ca_bundle: _Path | None = ...,
        proxies: Mapping[str, str] | str | None = ...,
        connect_timeout: float | str | None = ...,
        read_timeout: float | str | None = ...,
        retries: int | str | None = ...,
        lock_timeout: float | str | None = ...,
        max_redirects: int | str | None = ...,
        max_download_bytes: int | str | None = ...,
        max_extracted_bytes: int | str | None = ...,
        max_ratio: float | str | None = ...,
        max_members: int | str | None = ...,
        max_header_bytes: int | str | None = ...,
        gcs_endpoint: str | None = ...,
        tfhub_cache: _Path | None = ...,
        tfhub_mirror: str | None = ...,
        kagglehub_cache: _Path | None = ...,
        lockfile: _Path | None = ...,
        on_unsafe: _OnUnsafe | None = ...,
    ) -> None: ...
    def __enter__(self) -> _Settings: ...
    def __exit__(self, kind: object, error: object, traceback: object) -> None: ...

class _MatrixModule(ModuleType):
    Matrix: type[_Matrix]
    def __call__(self) -> _Matrix: ...

matrix: _MatrixModule
