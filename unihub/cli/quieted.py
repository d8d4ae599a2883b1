"""The first lines of TensorFlow, which no variable keeps from stderr, left out.

Its library prints them while it is loaded, before it reads TF_CPP_MIN_LOG_LEVEL.
"""

from __future__ import annotations

import faulthandler
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Iterator, Optional, Sequence

_STDERR = 2
# Those of absl's log before it is set up, and of TensorFlow's own up to warnings.
OWN = re.compile(
    rb"WARNING: All log messages before absl|[IWE]\d{4} [\d:.]+ |[-\d]+ [\d:.]+: [IWE] "
)


def quieten_the_import() -> None:
    """Has the next import of TensorFlow, if there is one, say nothing of itself."""
    is_there = any(isinstance(finder, _Finder) for finder in sys.meta_path)
    if "tensorflow" not in sys.modules and not is_there:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        # As the finders behind this one do.
        spec = find_spec(fullname)
        loader: Any = spec and spec.loader
        if hasattr(loader, "exec_module"):
            run = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                with without_own_lines():
                    run(module)

            loader.exec_module = exec_module
        return spec


@contextmanager
def without_own_lines() -> Iterator[None]:
    """Keeps what is written to stderr meanwhile, and shows of it what is not TensorFlow's."""
    try:
        shown = os.dup(_STDERR)
    except OSError:
        # It is closed.
        yield
        return
    had_handler = faulthandler.is_enabled()
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), _STDERR)
        # A process that dies meanwhile says where, and not nothing.
        if not had_handler:
            faulthandler.enable(shown)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            if not had_handler:
                faulthandler.disable()
            os.dup2(shown, _STDERR)
            os.close(shown)
            kept.seek(0)
            rest = b"".join(line for line in kept if not OWN.match(line))
            os.write(_STDERR, rest)
