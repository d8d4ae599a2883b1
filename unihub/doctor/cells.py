"""The cells of the matrix in an installation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from packaging.version import Version

from unihub import matrix
from unihub.doctor.installation import Installation
from unihub.matrix import tables
from unihub.matrix.values import Cell, Operation, Runtime
from unihub.runtime.installed import Keras

_MODULE = "unihub's hub.Module"


@dataclass(frozen=True)
class CellHere:
    """One API of one cell, as it is served here.

    Attributes:
        cell: of the matrix.
        api: "module", "load", "keras" or "save"; "refused" where it is ruled out.
        code: the line to write; of a refusal, what to do instead.
        provider: whose code serves it.
    """

    cell: Cell
    api: str
    code: str
    provider: str


def cells_of(installation: Installation) -> Tuple[CellHere, ...]:
    """Says what each cell does; none where there is no TensorFlow that unihub supports."""
    version = installation.packages.get("tensorflow")
    if version is None or Version(version).release < (1, 15):
        return ()
    runtimes = _runtimes(version)
    return tuple(
        here
        for runtime in runtimes
        for cell in matrix.cells()
        if cell.runtime is runtime
        for here in _served(cell, installation, version)
    )


def _runtimes(version: str) -> List[Runtime]:
    is_tensorflow_1 = Version(version).release < (2,)
    return [Runtime.TF1] if is_tensorflow_1 else [Runtime.TF1_COMPAT, Runtime.TF2]


def _served(cell: Cell, installation: Installation, version: str) -> Iterator[CellHere]:
    if cell.refusal is not None:
        yield CellHere(cell, "refused", tables.remedy(cell), cell.refusal.code)
    for route, code in zip(cell.routes, tables.code_lines(cell)):
        yield CellHere(cell, route.api, code, _provider(route.api, cell, installation, version))


def _provider(api: str, cell: Cell, installation: Installation, version: str) -> str:
    if api == "module":
        return _MODULE
    if api in ("load", "save"):
        own_module = cell.operation is Operation.CREATION and cell.format is matrix.Format.TF1_HUB
        return _MODULE if own_module else "tf.saved_model"
    # Keras 3 has no graph mode: there the layer is one of tf_keras.
    if installation.tf_keras is Keras.KERAS3 and cell.runtime is Runtime.TF2:
        backend = dict(installation.variables).get("KERAS_BACKEND")
        return f"unihub's layer for Keras 3{f' on {backend}' if backend else ''}"
    lacks = _lacks(installation, version)
    if lacks:
        return f"nothing: it needs {lacks}"
    on = "Keras 2" if installation.tf_keras is Keras.KERAS2 else "tf_keras"
    return f"tensorflow_hub {_hub(installation)} on {on}"


def _lacks(installation: Installation, version: str) -> str:
    """Names what tensorflow_hub's layer needs and is not here."""
    packages, keras, hub = installation.packages, installation.tf_keras, _hub(installation)
    newer = Version(version).release >= (2, 16)
    if hub is None:
        return "tensorflow_hub"
    if Version(hub).release < (0, 16) and (newer or keras is Keras.KERAS3):
        return "tensorflow_hub 0.16"
    if keras is not Keras.KERAS2:
        return "" if "tf-keras" in packages else "tf_keras"
    # The one that TensorFlow takes is not the one that it goes with.
    if newer:
        return "Keras 3"
    return "Keras 2" if Version(packages.get("keras", "2")).release >= (3,) else ""


def _hub(installation: Installation) -> Optional[str]:
    return installation.packages.get("tensorflow-hub")
