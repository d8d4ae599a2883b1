"""TensorFlow Hub's compatibility matrix: ``unihub.matrix()`` shows it, `rows` decides it."""

from __future__ import annotations

import sys
import types
from typing import Any

from unihub.matrix.rows import CELLS as CELLS
from unihub.matrix.rows import ROWS as ROWS
from unihub.matrix.rows import cells as cells
from unihub.matrix.values import Cell as Cell
from unihub.matrix.values import Format as Format
from unihub.matrix.values import Operation as Operation
from unihub.matrix.values import Outcome as Outcome
from unihub.matrix.values import Route as Route
from unihub.matrix.values import Row as Row
from unihub.matrix.values import Runtime as Runtime
from unihub.matrix.values import Status as Status


class _CallableModule(types.ModuleType):
    """So that ``unihub.matrix`` is this module and ``unihub.matrix()`` its picture."""

    @property
    def Matrix(self) -> Any:
        """The class of what `unihub.matrix()` gives."""
        # Imported only here, for a load shows no table.
        from unihub.matrix.tables import Matrix

        return Matrix

    def __call__(self) -> Any:
        return self.Matrix()


sys.modules[__name__].__class__ = _CallableModule
