"""Runs a script as ``python`` does, with unihub in the place of tensorflow_hub."""

from __future__ import annotations

import ast
import builtins
import importlib
import os
import pkgutil
import runpy
import sys
import types
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from typing import Any, NoReturn, Optional, Sequence

from unihub import runtime
from unihub.dropin import contrib, moved, shim
from unihub.errors import UnihubError

# What a shell sees of a program that Ctrl-C has ended.
_INTERRUPTED = 130


def run(target: str, arguments: Sequence[str], *, module: bool = False, v1: bool = False) -> None:
    """Runs an unedited script with `unihub.install` in force; for a process of its own.

    The script sees what it would see under ``python script.py arguments``:
    ``__main__``, ``sys.argv``, ``sys.path[0]``. An exception goes to
    ``sys.excepthook`` without the frames of this function; of one of unihub's own the
    script's frames alone are shown, unless the variable UNIHUB_DEBUG is set.

    Args:
        target: a script, a folder or zip with a ``__main__.py``; with
            ``module`` the dotted name of a module or package.
        arguments: what follows in ``sys.argv``.
        module: whether to run as ``python -m target`` does.
        v1: whether it is a script for TF1. Then ``disable_v2_behavior()`` is
            called as soon as the script has imported TensorFlow 2, ``import
            tensorflow`` in the script's own files means ``import
            tensorflow.compat.v1``, and tf.keras is tf_keras where that is
            installed (Keras 3 has no graph mode).

    Raises:
        SystemExit: with the exit code, where the script raises anything.

    Example:
        >>> run("train.py", ["--steps", "100"], v1=True)
    """
    own_folder = not module and pkgutil.get_importer(target) is not None
    sys.argv = ["-m" if module else target, *arguments]
    folder = _first_folder(target, module, own_folder)
    _put_first_on_path(folder)
    sys.meta_path.append(moved.MovedFinder())
    if v1:
        _prepare_v1(folder, target.partition(".")[0] if module else "__main__")
    shim.install()
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(main).update(__builtins__=builtins)
    if sys.version_info < (3, 14):
        vars(main).update(__annotations__={})
    try:
        if module or own_folder:
            # What `python -m` itself calls.
            runpy._run_module_as_main(  # type: ignore[attr-defined]
                target if module else "__main__", alter_argv=module
            )
        else:
            _run_script(target, main, v1)
    except SystemExit:
        raise
    except BaseException as error:
        _exit_as_python_does(error, target, arguments, module, v1)


def _first_folder(target: str, module: bool, own_folder: bool) -> str:
    if module:
        return os.getcwd()
    return _as_given(target) if own_folder else os.path.dirname(os.path.realpath(target))


def _as_given(path: str) -> str:
    # Python made the path of a script absolute from 3.9 on.
    return os.path.abspath(path) if sys.version_info >= (3, 9) else path


def _put_first_on_path(folder: str) -> None:
    # With -P or -I Python puts no folder first.
    if sys.flags.isolated or getattr(sys.flags, "safe_path", False):
        return
    sys.path[0] = folder


def _run_script(script: str, main: types.ModuleType, v1: bool) -> None:
    path = _as_given(script)
    loader = (_CompatV1Loader if v1 and _is_tensorflow_2() else _UncachedLoader)("__main__", path)
    vars(main).update(__file__=path, __loader__=loader, __cached__=None)
    exec(loader.get_code("__main__"), vars(main))


def _exit_as_python_does(
    error: BaseException, target: str, arguments: Sequence[str], module: bool, v1: bool
) -> NoReturn:
    _show(error)
    # Few scripts end so.
    from unihub.dropin.advice import advice

    said = advice(error, target, arguments, module, v1)
    if said is not None:
        sys.stderr.write(f"{said}\n")
    sys.exit(_INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1)


def _show(error: BaseException) -> None:
    if isinstance(error, UnihubError) and sys.excepthook is sys.__excepthook__:
        from unihub.errors import shown

        if not shown.all_wanted():
            sys.stderr.write("".join(shown.lines(error)))
            return
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    sys.excepthook(type(error), error.with_traceback(traceback), traceback)


def _is_tensorflow_2() -> bool:
    return not runtime.tensorflow_version().startswith("1.")


def _prepare_v1(folder: str, top_level: str) -> None:
    if not _is_tensorflow_2():
        return
    if find_spec("tf_keras") is not None:
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    sys.meta_path[:0] = [_CompatV1Finder(folder, top_level), contrib.ContribFinder()]
    # A hook rather than an import: the script may set environment variables
    # that TensorFlow reads when it is imported.
    import wrapt

    wrapt.register_post_import_hook(_disable_v2_behavior, "tensorflow")


def _disable_v2_behavior(tensorflow: Any) -> None:
    tensorflow.compat.v1.disable_v2_behavior()
    # Scripts name it by `import tensorflow as tf`, which is this one.
    tensorflow.compat.v1.contrib = importlib.import_module(contrib.NAME)


class _UncachedLoader(SourceFileLoader):
    """Compiles anew each time: the compiled code of a script is not kept."""

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        return self.compiled(self.get_data(path), path)

    def compiled(self, source: bytes, path: str) -> types.CodeType:
        code: types.CodeType = compile(source, path, "exec", dont_inherit=True)
        return code


class _CompatV1Loader(_UncachedLoader):
    """Reads ``import tensorflow`` as ``import tensorflow.compat.v1``."""

    def compiled(self, source: bytes, path: str) -> types.CodeType:
        tree = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        code: types.CodeType = compile(
            _CompatV1Imports().visit(tree), path, "exec", dont_inherit=True
        )
        return code


class _CompatV1Imports(ast.NodeTransformer):
    def visit_Import(self, node: ast.Import) -> ast.Import:
        for alias in node.names:
            if alias.name == "tensorflow":
                alias.name, alias.asname = "tensorflow.compat.v1", alias.asname or "tensorflow"
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.module == "tensorflow" and node.level == 0:
            node.module = "tensorflow.compat.v1"
        return node


class _CompatV1Finder(MetaPathFinder):
    """Gives the script's own modules the loader for TF1 scripts.

    Own are those that lie in the script's folder and, with ``-m``, the package
    that is run.
    """

    def __init__(self, folder: str, top_level: str) -> None:
        self._folder = os.path.realpath(folder)
        self._own = {top_level}

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[types.ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        top_level, _, rest = fullname.partition(".")
        if rest and top_level not in self._own:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None:
            return None
        if not rest and self._lies_in_folder(spec):
            self._own.add(top_level)
        if top_level not in self._own or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = _CompatV1Loader(fullname, spec.loader.path)
        return spec

    def _lies_in_folder(self, spec: ModuleSpec) -> bool:
        # A package's own folder, else the file of a module.
        places = [*(spec.submodule_search_locations or [spec.origin or ""])]
        return any(os.path.dirname(os.path.realpath(place)) == self._folder for place in places)
