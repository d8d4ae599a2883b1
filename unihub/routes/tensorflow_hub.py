"""The installed tensorflow_hub, made importable.

Its releases read ``pkg_resources``, which setuptools 82 removed, for one
comparison of versions. That module's own imports are answered with
``packaging`` instead; ``sys.modules`` stays as it is.
"""

from __future__ import annotations

import builtins
import importlib
import sys
import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from typing import Any, Dict, Optional, Sequence

from unihub import runtime
from unihub.errors import Message, UnihubError


class TensorFlowHubUnusable(UnihubError, ImportError):
    """tensorflow_hub is missing, or its release does not import beside this TensorFlow."""

    message = Message(
        code="tensorflow-hub-unusable",
        what="{purpose} needs tensorflow_hub, which cannot be imported here.",
        why="{why}",
        do='pip install "tensorflow-hub{requirement}"',
    )


def import_tensorflow_hub(purpose: str = "this") -> Any:
    """Imports tensorflow_hub, with or without ``pkg_resources``.

    Args:
        purpose: what it is needed for, for the error.

    Returns:
        The module ``tensorflow_hub``.

    Raises:
        TensorFlowHubUnusable: when no release is installed, or the installed
            one cannot work with this TensorFlow.
    """
    if "tensorflow_hub" in sys.modules:
        return sys.modules["tensorflow_hub"]
    release = runtime.hub_release()
    if release is None:
        why = "it is not installed."
    elif not release.importable:
        why = f"release {release.version} does not work with TensorFlow "
        why += f"{runtime.tensorflow_version()}."
    else:
        return _import_with_finder()
    requirement = ">=0.16.1" if runtime.current_keras() is not runtime.Keras.KERAS2 else ""
    raise TensorFlowHubUnusable(purpose=purpose, why=why, requirement=requirement)


def _import_with_finder() -> Any:
    if find_spec("pkg_resources") is not None:
        return importlib.import_module("tensorflow_hub")
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module("tensorflow_hub")
    finally:
        sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    """Finds tensorflow_hub where it is, and gives it our loader."""

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[types.ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        if fullname != "tensorflow_hub":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Runs a module whose ``import pkg_resources`` is answered privately."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        # From here on the module is as its own loader would have made it.
        module.__loader__ = module.__spec__.loader = self._loader  # type: ignore[union-attr]
        module.__builtins__ = _private_builtins()  # type: ignore[attr-defined]
        try:
            self._loader.exec_module(module)
        finally:
            module.__builtins__ = builtins.__dict__  # type: ignore[attr-defined]


def _private_builtins() -> Dict[str, Any]:
    from packaging import version

    stand_in = types.ModuleType("pkg_resources")
    stand_in.parse_version = version.parse  # type: ignore[attr-defined]

    def import_(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pkg_resources":
            return stand_in
        return builtins.__import__(name, *args, **kwargs)

    return dict(vars(builtins), __import__=import_)
