"""Modules that programs import of TensorFlow, and that it no longer has under these names.

tf.estimator left with 2.16: it is gone when it is used, not when it is imported, since programs
that trained with it mostly only load what came of that. The modules of tracking, which
tensorflow_hub's own exporters import, were split over others.
"""

from __future__ import annotations

import importlib
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Optional, Sequence

from unihub import runtime
from unihub.dropin.contrib import Gone
from unihub.errors import UnihubError, beside

_ESTIMATOR = "tensorflow.estimator"
_MODE_KEYS = "tensorflow.python.saved_model.model_utils.mode_keys"
_TRACKING = "tensorflow.python.training.tracking"
# Below tracking, and below tensorflow.python: where its names are now.
_SUCCESSORS = {
    "base": ("trackable.base",),
    "data_structures": ("trackable.data_structures",),
    "graph_view": ("checkpoint.graph_view",),
    "layer_utils": ("trackable.layer_utils",),
    "python_state": ("trackable.python_state",),
    "tracking": ("trackable.autotrackable", "trackable.asset", "trackable.resource"),
    "util": ("checkpoint.checkpoint", "checkpoint.util"),
}
_RENAMED = {"TrackableAsset": "Asset"}


class EstimatorModuleGone(UnihubError, AttributeError):
    """A program uses something of tf.estimator, which this TensorFlow does not have."""

    code = "tf-estimator-gone"
    what = "{name} is used, and TensorFlow {version} has no tf.estimator."
    why = "it left TensorFlow with 2.16, and nothing here does the same."
    do = beside.TF215


class _Estimator(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "ModeKeys":
            return importlib.import_module(_MODE_KEYS).EstimatorModeKeys
        return _name_of_estimator(f"{self.__name__}.{name}"[len(_ESTIMATOR) + 1 :])


def _name_of_estimator(path: str) -> Gone:
    return Gone(path, _name_of_estimator, _estimator_gone)


def _estimator_gone(path: str) -> EstimatorModuleGone:
    return EstimatorModuleGone(name=f"tf.estimator.{path}", version=runtime.tensorflow_version())


class _Moved(ModuleType):
    def __getattr__(self, name: str) -> Any:
        for successor in _SUCCESSORS.get(self.__name__[len(_TRACKING) + 1 :], ()):
            module = importlib.import_module(f"tensorflow.python.{successor}")
            if not name.startswith("__") and hasattr(module, _RENAMED.get(name, name)):
                return getattr(module, _RENAMED.get(name, name))
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class MovedFinder(MetaPathFinder, Loader):
    """Answers for these modules; it has to be asked last, where TensorFlow has none of them."""

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        package, _, module = fullname.rpartition(".")
        if fullname in (_ESTIMATOR, _TRACKING) or package == _ESTIMATOR:
            return ModuleSpec(fullname, self, origin="unihub", is_package=True)
        if package == _TRACKING and module in _SUCCESSORS:
            return ModuleSpec(fullname, self, origin="unihub")
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        kind = _Estimator if spec.name.startswith(_ESTIMATOR) else _Moved
        return kind(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""
