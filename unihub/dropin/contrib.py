"""tensorflow.contrib for TF1 scripts on TensorFlow 2: it is gone when it is used, not before.

Many scripts import of it what they use for one option in ten. What other names of TensorFlow
do just the same is had by those; tf_slim, where it is installed, has what became of slim.
"""

from __future__ import annotations

import importlib
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Callable, NoReturn, Optional, Sequence

from unihub import runtime
from unihub.errors import UnihubError, beside

NAME = "tensorflow.contrib"

# Below tensorflow.contrib, and below tensorflow: the same function or class.
_SAME = {
    "data.map_and_batch": "data.experimental.map_and_batch",
    "data.parallel_interleave": "data.experimental.parallel_interleave",
    "data.shuffle_and_repeat": "data.experimental.shuffle_and_repeat",
    "framework.argsort": "argsort",
    "framework.create_global_step": "compat.v1.train.create_global_step",
    "framework.get_global_step": "compat.v1.train.get_global_step",
    "framework.get_or_create_global_step": "compat.v1.train.get_or_create_global_step",
    "framework.init_from_checkpoint": "compat.v1.train.init_from_checkpoint",
    "framework.is_tensor": "is_tensor",
    "framework.list_variables": "train.list_variables",
    "framework.load_checkpoint": "train.load_checkpoint",
    "framework.load_variable": "train.load_variable",
    "framework.nest": "nest",
    "framework.sort": "sort",
    "lookup.HashTable": "compat.v1.lookup.StaticHashTable",
    "lookup.KeyValueTensorInitializer": "lookup.KeyValueTensorInitializer",
    "lookup.TextFileIndex": "lookup.TextFileIndex",
    "lookup.TextFileInitializer": "lookup.TextFileInitializer",
    "training.checkpoints_iterator": "train.checkpoints_iterator",
    "util.constant_value": "get_static_value",
    "util.make_ndarray": "make_ndarray",
    "util.make_tensor_proto": "make_tensor_proto",
}
# What contrib.lookup has of a module of TensorFlow's own, where it still is.
_LOOKUP_OPS = "tensorflow.python.ops.lookup_ops"
_IN_LOOKUP_OPS = frozenset(
    (
        "FastHashSpec",
        "HasherSpec",
        "IdTableWithHashBuckets",
        "StrongHashSpec",
        "TextFileIdTableInitializer",
        "TextFileStringTableInitializer",
        "index_table_from_file",
        "index_to_string_table_from_file",
    )
)
# These call their first argument `mapping`.
_OF_MAPPINGS = frozenset(("index_table_from_tensor", "index_to_string_table_from_tensor"))
# The packages of contrib that went on in tf_slim, with what they are there.
_IN_TF_SLIM = {"slim": "tf_slim", "layers": "tf_slim.layers", "framework": "tf_slim"}
_OLD_TENSORFLOW = "TensorFlow 1.15, the last to have it"
_ELSEWHERE = {"quantize": "tensorflow_model_optimization, for models of Keras"}


class ContribGone(UnihubError, AttributeError):
    """A script uses something of tensorflow.contrib that has no equal in TensorFlow 2."""

    code = "contrib-gone"
    what = "{name} is used, and TensorFlow {version} has no tf.contrib."
    why = "it left TensorFlow with 2.0, and nothing here does the same. (it lives on in {place})"
    do = "{remedy}"


class Gone:
    """Something of TensorFlow that is not here: every use of it says so.

    Args:
        path: what it was called.
        find: path → what is there; for what is below it.
        error: path → the error that says so.
    """

    def __init__(
        self, path: str, find: Callable[[str], Any], error: Callable[[str], UnihubError]
    ) -> None:
        self._path, self._find, self._error = path, find, error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._find(f"{self._path}.{name}")

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise self._error(self._path)

    __call__ = __bool__ = __eq__ = __iter__ = __instancecheck__ = __mro_entries__ = _refuse
    __hash__ = object.__hash__


def _gone(path: str) -> ContribGone:
    package = path.partition(".")[0]
    place, remedy = _ELSEWHERE.get(package, _OLD_TENSORFLOW), beside.TF1
    if package in _IN_TF_SLIM:
        place, remedy = "tf_slim", "pip install tf_slim  # unihub run --v1 takes it from there"
    version = runtime.tensorflow_version()
    return ContribGone(name=f"{NAME}.{path}", version=version, place=place, remedy=remedy)


class _Package(ModuleType):
    """tensorflow.contrib, or a module below it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _found(f"{self.__name__}.{name}"[len(NAME) + 1 :])


def _found(path: str) -> Any:
    """The object at a path below tensorflow.contrib."""
    package, _, rest = path.partition(".")
    if path in _SAME:
        return _at("tensorflow", _SAME[path])
    if package == "lookup" and rest in _IN_LOOKUP_OPS:
        return _at(_LOOKUP_OPS, rest)
    if package == "lookup" and rest in _OF_MAPPINGS:
        make = _at(_LOOKUP_OPS, rest)
        return lambda mapping, *args, **kwargs: make(mapping, *args, **kwargs)
    if package in _IN_TF_SLIM and find_spec("tf_slim") is not None:
        module = importlib.import_module(_IN_TF_SLIM[package])
        if all(hasattr(module, name) for name in rest.split(".")[:1] if name):
            return _at(module.__name__, rest)
    return Gone(path, _found, _gone) if rest else importlib.import_module(f"{NAME}.{package}")


def _at(module: str, path: str) -> Any:
    value: Any = importlib.import_module(module)
    for name in filter(None, path.split(".")):
        value = getattr(value, name)
    return value


class ContribFinder(MetaPathFinder, Loader):
    """Answers every import of tensorflow.contrib and of what is below it."""

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        if fullname != NAME and not fullname.startswith(f"{NAME}."):
            return None
        return ModuleSpec(fullname, self, origin="unihub", is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Package(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""
