"""Values of the compatibility matrix: formats, runtimes, operations, and their cells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional, Tuple

from unihub.errors import Message


class Format(str, Enum):
    """The format of a model's folder."""

    TF1_HUB = "tf1_hub"
    TF2_SAVED_MODEL = "tf2_saved_model"
    TF1_SAVED_MODEL = "tf1_saved_model"

    @property
    def label(self) -> str:
        return _LABELS[self]


class Runtime(str, Enum):
    """How TensorFlow behaves where the model is to be used.

    TF1 is TensorFlow 1.15 in graph mode. TF1_COMPAT is TensorFlow 2 after
    ``tf.compat.v1.disable_v2_behavior()`` or inside an explicit
    ``with tf.Graph().as_default()``. TF2 is eager execution and the tracing of
    a tf.function in it.
    """

    TF1 = "tf1"
    TF1_COMPAT = "tf1_compat"
    TF2 = "tf2"

    @property
    def label(self) -> str:
        return _LABELS[self]


class Operation(str, Enum):
    """The operation that a model is wanted for."""

    INFERENCE = "inference"
    FINE_TUNING = "fine_tuning"
    CREATION = "creation"

    @property
    def label(self) -> str:
        return _LABELS[self]


class Status(str, Enum):
    """How far a cell is supported."""

    FULL = "full"
    LIMITED = "limited"
    REFUSED = "refused"


_LABELS = {
    Format.TF1_HUB: "TF1 Hub format",
    Format.TF2_SAVED_MODEL: "TF2 SavedModel",
    Format.TF1_SAVED_MODEL: "TF1 SavedModel",
    Runtime.TF1: "TF1 (1.15)",
    Runtime.TF1_COMPAT: "TF1 compat mode in TF2",
    Runtime.TF2: "TF2",
    Operation.INFERENCE: "inference",
    Operation.FINE_TUNING: "fine-tuning",
    Operation.CREATION: "creation",
}


@dataclass(frozen=True)
class Route:
    """One API that serves a cell.

    Attributes:
        api: what callers pin with ``api=``: "module", "load" or "keras";
            "save" in the creation rows.
        code: the line a user writes, with ``{handle!r}`` for the handle.
    """

    api: str
    code: str


@dataclass(frozen=True)
class Row:
    """One decision of the matrix, for one or more runtimes.

    Attributes:
        routes: the APIs that serve it, the preferred one first.
        refusal: the error raised when status is REFUSED.
        note: what a user should know beyond the code.
        source: where the decision comes from.
    """

    format: Format
    operation: Operation
    runtimes: Tuple[Runtime, ...]
    status: Status
    routes: Tuple[Route, ...] = ()
    refusal: Optional[Message] = None
    note: str = ""
    source: str = "https://www.tensorflow.org/hub/model_compatibility"


@dataclass(frozen=True)
class Cell(Row):
    """The decision for one format, operation and runtime."""

    runtime: Runtime = Runtime.TF2

    @property
    def apis(self) -> Tuple[str, ...]:
        return tuple(route.api for route in self.routes)

    def __repr__(self) -> str:
        what = f"{self.format.label}, {self.runtime.label}, {self.operation.label}"
        found = self.refusal.code if self.refusal is not None else " or ".join(self.apis)
        return f"<Cell {what}: {self.status.value}, {found}>"


@dataclass(frozen=True)
class Outcome:
    """The outcome of one API of one cell when it was run.

    Attributes:
        cell: of the matrix.
        api: that was used; "refused" where the matrix rules the cell out.
        ok: whether it did what the matrix says.
        text: what it gave.
    """

    cell: Cell
    api: str
    ok: bool
    text: str
