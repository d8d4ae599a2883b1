"""The installed tensorflow_hub, made importable.

Its releases read ``pkg_resources``, which setuptools 82 removed, for one
comparison of versions. That module's own imports are answered with
``packaging`` instead; ``sys.modules`` stays as it is.

While `unihub.install` gives the name tensorflow_hub to unihub, the installed
one is set aside: its modules are kept, and more of them are loaded, out of
sight of ``sys.modules``, each finding the others in the same place.
"""

from __future__ import annotations

import builtins
import importlib
import sys
import threading
import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any, Dict, List, Optional, Sequence, Tuple

from unihub import runtime
from unihub.errors import UnihubError
from unihub.runtime import installed

_NAME = "tensorflow_hub"

_lock = threading.RLock()
# What sys.modules held before, and what there is now; None when not set aside.
_before: Dict[str, Any] = {}
_aside: Optional[Dict[str, Any]] = None
# What was loaded while it was set aside, for the next time that it is needed.
_kept: Dict[str, Any] = {}
_attributes_added: List[Tuple[Any, str]] = []


class TensorFlowHubUnusable(UnihubError, ImportError):
    """tensorflow_hub is missing, or its release does not import beside this TensorFlow."""

    code = "tensorflow-hub-unusable"
    what = "{purpose} needs tensorflow_hub, which cannot be imported here."
    why = "{why}"
    do = "pip install {requirements}"


def import_tensorflow_hub(purpose: str = "this") -> Any:
    """Imports the installed tensorflow_hub, with or without ``pkg_resources``.

    Args:
        purpose: what it is needed for, for the error.

    Returns:
        The module ``tensorflow_hub``, never unihub's stand-in for it.

    Raises:
        TensorFlowHubUnusable: when no release is installed, or the installed
            one cannot work with this TensorFlow.
    """
    if _aside is None:
        if sys.modules.get(_NAME) is not None:
            # Waits while another thread is at it.
            return importlib.import_module(_NAME)
        if _kept:
            sys.modules.update(_kept)
            return _kept[_NAME]
        _check_usable(purpose)
        return _import_with_finder()
    if _aside.get(_NAME) is None:
        _check_usable(purpose)
    return import_internal(_NAME)


def _check_usable(purpose: str) -> None:
    release = installed.hub_release()
    if release is not None and release.importable:
        return
    requirements = []
    if release is None:
        why = "it is not installed."
    elif release.fits_tensorflow:
        why = f"release {release.version} builds its layers on tf_keras, which is not installed."
    else:
        why = f"release {release.version} does not work with TensorFlow "
        why += f"{runtime.tensorflow_version()}."
    has_keras_2 = installed.current_keras() is installed.Keras.KERAS2
    if release is None or not release.fits_tensorflow:
        # From 0.16 on it brings tf-keras, whose releases each bring a TensorFlow.
        requirements.append(f'"tensorflow-hub{"<0.16" if has_keras_2 else ">=0.16.1"}"')
    if not has_keras_2 and find_spec("tf_keras") is None:
        minor = ".".join(runtime.tensorflow_version().split(".")[:2])
        requirements.append(f'"tf-keras~={minor}.0"')
    raise TensorFlowHubUnusable(purpose=purpose, why=why, requirements=" ".join(requirements))


def unusable(name: str, error: ImportError) -> type:
    """A class in the place of one that cannot be had; making an instance says why."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        raise error

    return type(name, (), {"__init__": __init__, "__doc__": str(error), "__module__": "unihub"})


def set_aside() -> None:
    """Takes tensorflow_hub out of ``sys.modules``, for unihub alone to use."""
    global _aside, _before
    with _lock:
        if sys.modules.get(_NAME) is not None:
            # Waits while another thread is at it.
            importlib.import_module(_NAME)
        _before = _taken_out()
        _aside = dict(_before if _before.get(_NAME) is not None else _kept)


def put_back() -> None:
    """Makes ``sys.modules`` what it was before `set_aside`."""
    global _aside, _before, _kept
    with _lock:
        _taken_out()
        sys.modules.update(_before)
        if _aside is not None and _before.get(_NAME) is None:
            _kept = _aside
        else:
            while _attributes_added:
                delattr(*_attributes_added.pop())
        _aside, _before = None, {}


def _taken_out() -> Dict[str, Any]:
    names = [name for name in list(sys.modules) if name.partition(".")[0] == _NAME]
    return {name: sys.modules.pop(name) for name in names}


def import_internal(name: str) -> Any:
    """Imports a module of tensorflow_hub while it is set aside.

    Args:
        name: "tensorflow_hub" or a dotted name below it.

    Raises:
        TensorFlowHubUnusable: when there is no usable release.
        ModuleNotFoundError: when the installed release has no such module.
    """
    assert _aside is not None
    if _aside.get(_NAME) is None:
        _check_usable(name)
    # Not under the lock: another thread that imports it may wait for the lock.
    importlib.import_module("tensorflow")
    return _load_among(name, _aside)


def _load_among(name: str, modules: Dict[str, Any]) -> Any:
    """One of the modules that are set aside, loaded where need be."""
    with _lock:
        if modules.get(name) is not None:
            return modules[name]
        parent_name, _, child = name.rpartition(".")
        parent = _load_among(parent_name, modules) if parent_name else None
        if modules.get(name) is not None:
            return modules[name]
        # A module that is no package has no submodules.
        path = getattr(parent, "__path__", []) if parent_name else None
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        module = module_from_spec(spec)
        module.__builtins__ = _private_builtins(modules)  # type: ignore[attr-defined]
        modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del modules[name]
            raise
        if parent is not None:
            setattr(parent, child, module)
            if _before.get(parent_name) is parent:
                _attributes_added.append((parent, child))
        return module


def _import_among(name: str, fromlist: Optional[Sequence[str]], modules: Dict[str, Any]) -> Any:
    """The module that ``__import__`` returns for an absolute import of tensorflow_hub."""
    module = _load_among(name, modules)
    if not fromlist:
        return modules[_NAME]
    for item in fromlist:
        if hasattr(module, "__path__") and not hasattr(module, item):
            _load_among(f"{name}.{item}", modules)
    return module


def _import_with_finder() -> Any:
    if find_spec("pkg_resources") is not None:
        return importlib.import_module(_NAME)
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(_NAME)
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
        if fullname != _NAME:
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


def _private_builtins(aside: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    """Builtins whose ``__import__`` knows better where a module is.

    Args:
        aside: the modules among which to find those of tensorflow_hub.
    """
    from packaging import version

    stand_in = types.ModuleType("pkg_resources")
    stand_in.parse_version = version.parse  # type: ignore[attr-defined]
    lacks_pkg_resources = find_spec("pkg_resources") is None

    def import_(
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Optional[Sequence[str]] = (),
        level: int = 0,
    ) -> Any:
        if name == "pkg_resources" and lacks_pkg_resources:
            return stand_in
        if aside is not None and name.partition(".")[0] == _NAME:
            return _import_among(name, fromlist, aside)
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    return dict(vars(builtins), __import__=import_)
