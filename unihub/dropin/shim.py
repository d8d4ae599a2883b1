"""``import tensorflow_hub`` made to yield unihub.

wrapt's post-import hooks cannot do it: they do not fire where the module is
absent or raises on import, and cannot be taken back. So a finder answers for
the name, ahead of all others.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any, List, Optional, Sequence

import unihub
from unihub.apis import tensorflow_hub as real
from unihub.dropin import hub_names
from unihub.errors import UnihubError
from unihub.runtime import installed

_NAME = "tensorflow_hub"

_lock = threading.RLock()
_active: List[Installation] = []


class InternalModule(UnihubError, ModuleNotFoundError):
    """A script imports a module that is internal to tensorflow_hub, and there is none."""

    code = "tensorflow-hub-internal-module"
    what = "{name} is internal to tensorflow_hub, and is not here."
    why = (
        "unihub serves the public names; it hands on internal modules where an installed "
        "release has them. ({found})"
    )
    do = "import tensorflow_hub as hub  # and use {public}"


class InternalName(UnihubError, AttributeError):
    """A script uses a name that is internal to tensorflow_hub, and there is none."""

    code = "tensorflow-hub-internal-name"
    what = "{module} has no {name} here."
    why = (
        "unihub serves the public names; it hands on internal ones where an installed "
        "release has them. ({found})"
    )
    do = "import tensorflow_hub as hub  # and use {public}"


class Installation:
    """unihub in the place of tensorflow_hub, until `uninstall` or the end of a ``with``.

    Example:
        >>> with unihub.install():
        ...     import tensorflow_hub
    """

    def uninstall(self) -> None:
        """Ends this installation; the last one to end puts everything back."""
        with _lock:
            if self in _active:
                _active.remove(self)
                if not _active:
                    _take_out()

    def __repr__(self) -> str:
        state = "in the place of" if self in _active else "no longer in the place of"
        return f"<unihub {state} tensorflow_hub>"

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.uninstall()


def install() -> Installation:
    """Makes ``import tensorflow_hub`` yield unihub from now on.

    So do ``from tensorflow_hub import X`` and ``import tensorflow_hub.X`` for
    its public names and submodules, whether tensorflow_hub was imported
    before, is absent, or raises on import. Modules that hold the installed
    tensorflow_hub already keep it. No TensorFlow is imported.

    Installations nest: the last to be uninstalled puts everything back.

    Returns:
        The installation, which is also a context manager.

    Example:
        >>> installation = unihub.install()
        >>> import tensorflow_hub as hub
        >>> hub.load is unihub.load
        True
        >>> installation.uninstall()
    """
    with _lock:
        if not _active:
            real.set_aside()
            sys.meta_path.insert(0, _finder)
        installation = Installation()
        _active.append(installation)
        return installation


def uninstall() -> None:
    """Ends every installation: ``import tensorflow_hub`` is again what it was.

    Example:
        >>> unihub.install()
        >>> unihub.uninstall()
    """
    with _lock:
        if _active:
            _active.clear()
            _take_out()


def _take_out() -> None:
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    real.put_back()


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[types.ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        top, _, rest = fullname.partition(".")
        if top != _NAME:
            return None
        if not rest:
            return ModuleSpec(fullname, _StandInLoader(), origin="unihub", is_package=True)
        if rest in hub_names.SUBMODULES:
            return ModuleSpec(fullname, _StandInLoader(), origin="unihub")
        if rest.partition(".")[0] == hub_names.TOOLS:
            folder = _folder_of_tools()
            if folder:
                # Programs, which use the public names alone: they are had of unihub.
                at = [folder] if rest == hub_names.TOOLS else path
                return PathFinder.find_spec(fullname, at)
        if rest.partition(".")[0] in hub_names.INTERNAL_SUBMODULES:
            return ModuleSpec(fullname, _InternalLoader(), origin="unihub")
        return None


_finder = _Finder()


def _folder_of_tools() -> str:
    """The installed release's folder, where tools/ is in it; else empty."""
    spec = PathFinder.find_spec(_NAME)
    for folder in (spec and spec.submodule_search_locations) or ():
        if os.path.isdir(os.path.join(folder, hub_names.TOOLS)):
            return folder
    return ""


class _StandInLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        if "." in spec.name:
            return _Submodule(spec.name, "A submodule of tensorflow_hub, served by unihub.")
        return _Package(spec.name, "tensorflow_hub, served by unihub: see help(unihub).")

    def exec_module(self, module: types.ModuleType) -> None:
        module.__file__ = __file__


class _InternalLoader(Loader):
    """Puts the installed release's own module in ``sys.modules``."""

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        name = module.__name__
        try:
            sys.modules[name] = real.import_internal(name)
        except real.TensorFlowHubUnusable as error:
            raise InternalModule(name=name, found=error.why, public=_advice()) from None
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise InternalModule(name=name, found=_release(), public=_advice()) from None


class _Package(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return list(hub_names.STAR_NAMES)
        if name == "__version__":
            return _version()
        if name in unihub.__all__:
            return getattr(unihub, name)
        if name in hub_names.SUBMODULES or name in hub_names.INTERNAL_SUBMODULES:
            try:
                return importlib.import_module(f"{_NAME}.{name}")
            except InternalModule as error:
                raise _internal_name(self, name, error.facts["found"]) from None
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __dir__(self) -> List[str]:
        served = {*unihub.__all__, *hub_names.SUBMODULES, "__all__", "__version__"}
        return sorted({*vars(self), *served})


class _Submodule(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            return _version()
        submodule = self.__name__.partition(".")[2]
        if name in hub_names.SUBMODULES[submodule]:
            return getattr(unihub, name)
        # Not public, and used by programs.
        if (submodule, name) == ("module", "as_module_spec"):
            from unihub.apis.module.spec import as_module_spec

            return as_module_spec
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        try:
            return getattr(real.import_internal(self.__name__), name)
        except real.TensorFlowHubUnusable as error:
            raise _internal_name(self, name, error.why) from None
        except (ModuleNotFoundError, AttributeError):
            raise _internal_name(self, name, _release()) from None

    def __dir__(self) -> List[str]:
        names = hub_names.SUBMODULES[self.__name__.partition(".")[2]]
        return sorted({*vars(self), *names})


def _internal_name(module: types.ModuleType, name: str, found: str) -> InternalName:
    return InternalName(module=module.__name__, name=name, found=found, public=_advice())


def _advice() -> str:
    return "hub.load, hub.Module, hub.KerasLayer and the rest of hub.__all__"


def _release() -> str:
    release = installed.hub_release()
    return f"found: release {release.version}" if release else "found: none"


def _version() -> str:
    release = installed.hub_release()
    return release.version if release else hub_names.NEWEST_RELEASE
