"""Keras finds the KerasLayer that a file names, after ``import unihub`` alone.

It has to know the layer by its name. No Keras is imported for that: one that is there
already is told at once, any other as soon as it is imported.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Dict, Optional, Sequence

# The Keras that TensorFlow had within it before 2.6 goes by several names: the module of
# its registry has but one.
_WITHIN_TENSORFLOW = "tensorflow.python.keras.utils.generic_utils"
_KERASES = ("keras", "tf_keras", _WITHIN_TENSORFLOW)


class _OnDemand:
    """Stands in Keras' registry for a layer that is imported when a file names it."""

    def __init__(self, layer: Callable[[], Any]) -> None:
        self._layer = layer

    def from_config(self, config: Dict[str, Any]) -> Any:
        """Makes the layer of its config; all that Keras asks of what it finds."""
        return self._layer().from_config(config)


def tell_each_keras() -> None:
    """Tells every Keras of its KerasLayer, now or as soon as it is imported."""
    for name in _KERASES:
        if name in sys.modules:
            _tell(sys.modules[name])
    # That of another copy of this module will do.
    if not any(hasattr(finder, "tells_keras_of_unihub") for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _tell(keras: Any) -> None:
    if keras.__name__ == _WITHIN_TENSORFLOW:
        version, utils = "2", keras
    else:
        # One that is still being imported has neither yet.
        version, utils = getattr(keras, "__version__", ""), getattr(keras, "utils", None)
    registry = getattr(utils, "get_custom_objects", None)
    # No reason for Keras not to be imported.
    if not version or registry is None:
        return
    # Files of Keras 2, which Keras 3 reads too, have the name of tensorflow_hub's layer.
    if version[0] == "2":
        registry().setdefault("KerasLayer", _OnDemand(_layer_of_keras_2))
        return
    for name in ("KerasLayer", "unihub>KerasLayer"):
        registry().setdefault(name, _OnDemand(_layer_of_keras_3))


def _layer_of_keras_2() -> Any:
    from unihub.apis.keras2.layer import KerasLayer

    return KerasLayer


def _layer_of_keras_3() -> Any:
    from unihub.apis.layers import keras3_layer_class

    return keras3_layer_class()


class _Finder:
    """Finds Keras as the finders behind it do, and has it told of the layer once it ran.

    wrapt's post-import hooks do the same, but ``import unihub`` imports no wrapt; nor
    importlib.abc, which would take longer than all else that it imports.
    """

    tells_keras_of_unihub = True

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        if fullname not in _KERASES:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if finder is self or find is None else find(fullname, path, target)
            if spec is not None:
                _run_then_tell(spec.loader)
                return spec  # type: ignore[no-any-return]
        return None


def _run_then_tell(loader: Any) -> None:
    run = getattr(loader, "exec_module", None)
    if run is None:
        return

    def exec_module(module: ModuleType) -> None:
        run(module)
        _tell(module)

    loader.exec_module = exec_module
