"""TensorFlow Hub's TF1/TF2 compatibility matrix, as data.

This file says which cell of the matrix does what. Dispatch, ``unihub matrix``,
``unihub demo``, the README's table and the tests all read the rows below.

Source: https://www.tensorflow.org/hub/model_compatibility for the two published
formats; the rows of TF1_SAVED_MODEL record their own reasons.
"""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from enum import Enum
from typing import Iterator, Optional, Tuple

from unihub.errors import Message


class Format(str, Enum):
    """What a model folder holds."""

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
    """What is to be done with the model."""

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
        target: "module:function" that does the work, imported when chosen.
        code: the line a user writes, with ``{handle!r}`` for the handle.
    """

    api: str
    target: str
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


_GRAPH_MODE = (Runtime.TF1, Runtime.TF1_COMPAT)
_EAGER_MODE = (Runtime.TF2,)
_ALL = (Runtime.TF1, Runtime.TF1_COMPAT, Runtime.TF2)

_MODULE = "unihub.routes.module:load_module"
_LOAD = "unihub.routes.load:load_saved_model"
_KERAS = "unihub.routes.keras:load_keras_layer"
_SAVE_TF1_HUB = "unihub.routes.save:save_tf1_hub"
_SAVE_TF1_SAVED_MODEL = "unihub.routes.save:save_tf1_saved_model"
_SAVE_TF2_SAVED_MODEL = "unihub.routes.save:save_tf2_saved_model"

ROWS: Tuple[Row, ...] = (
    Row(
        Format.TF1_HUB,
        Operation.INFERENCE,
        _GRAPH_MODE,
        Status.FULL,
        (Route("module", _MODULE, "m = unihub.Module({handle!r}); m(inputs)"),),
    ),
    Row(
        Format.TF1_HUB,
        Operation.INFERENCE,
        _EAGER_MODE,
        Status.FULL,
        (
            Route(
                "load",
                _LOAD,
                'm = unihub.load({handle!r}); m.signatures["default"](inputs)',
            ),
            Route(
                "keras",
                _KERAS,
                'unihub.load({handle!r}, api="keras", signature="default")',
            ),
        ),
        note="Signatures only: graph collections are not loaded.",
    ),
    Row(
        Format.TF1_HUB,
        Operation.FINE_TUNING,
        _GRAPH_MODE,
        Status.FULL,
        (
            Route(
                "module",
                _MODULE,
                "unihub.Module({handle!r}, trainable=True, "
                'tags={{"train"}} if is_training else None)',
            ),
        ),
        note="A module that needs no train graph has no train tag.",
    ),
    Row(
        Format.TF1_HUB,
        Operation.FINE_TUNING,
        _EAGER_MODE,
        Status.REFUSED,
        refusal=Message(
            code="tf1-hub-fine-tuning-in-tf2",
            what="{handle} is in TF1 Hub format, which TF2 cannot fine-tune.",
            why="its train graph, update ops and regularizers live in graph "
            "collections that TF2 does not load. (found: {evidence})",
            do="unihub.convert({handle!r}, 'converted/') then load that; or call "
            "tf.compat.v1.disable_v2_behavior() first; or use a TF2 version of the model.",
        ),
    ),
    Row(
        Format.TF1_HUB,
        Operation.CREATION,
        _GRAPH_MODE,
        Status.FULL,
        (
            Route(
                "save",
                _SAVE_TF1_HUB,
                "unihub.Module(unihub.create_module_spec(module_fn)).export(path, session)",
            ),
        ),
        note="TF2 supports the TF1 Hub format only in part: prefer a TF2 SavedModel.",
    ),
    Row(
        Format.TF1_HUB,
        Operation.CREATION,
        _EAGER_MODE,
        Status.REFUSED,
        refusal=Message(
            code="tf1-hub-creation-in-tf2",
            what="TF2 cannot write the TF1 Hub format to {handle}.",
            why="a TF1 Hub module is made of graphs with collections, which eager "
            "execution does not build.",
            do="tf.saved_model.save(obj, path) writes a TF2 SavedModel; or call "
            "tf.compat.v1.disable_v2_behavior() first.",
        ),
    ),
    Row(
        Format.TF2_SAVED_MODEL,
        Operation.INFERENCE,
        _ALL,
        Status.FULL,
        (
            Route("load", _LOAD, "m = unihub.load({handle!r}); m(inputs)"),
            Route("keras", _KERAS, 'unihub.load({handle!r}, api="keras")'),
        ),
    ),
    Row(
        Format.TF2_SAVED_MODEL,
        Operation.FINE_TUNING,
        _GRAPH_MODE,
        Status.LIMITED,
        (Route("keras", _KERAS, 'unihub.load({handle!r}, op="fine_tuning")'),),
        note="In a Keras Model trained with fit(), or in an Estimator whose model_fn "
        "wraps one; graph collections are not filled.",
    ),
    Row(
        Format.TF2_SAVED_MODEL,
        Operation.FINE_TUNING,
        _EAGER_MODE,
        Status.FULL,
        (
            Route("keras", _KERAS, 'unihub.load({handle!r}, op="fine_tuning")'),
            Route(
                "load",
                _LOAD,
                'm = unihub.load({handle!r}, op="fine_tuning", api="load"); '
                "m(inputs, training=is_training)",
            ),
        ),
        note="The model must be a Reusable SavedModel.",
    ),
    Row(
        Format.TF2_SAVED_MODEL,
        Operation.CREATION,
        _GRAPH_MODE,
        Status.FULL,
        (Route("save", _SAVE_TF2_SAVED_MODEL, "unihub.save(obj, path)"),),
        note="tf.saved_model.save() may be called from within compat mode.",
    ),
    Row(
        Format.TF2_SAVED_MODEL,
        Operation.CREATION,
        _EAGER_MODE,
        Status.FULL,
        (Route("save", _SAVE_TF2_SAVED_MODEL, "unihub.save(obj, path)"),),
    ),
    Row(
        Format.TF1_SAVED_MODEL,
        Operation.INFERENCE,
        _GRAPH_MODE,
        Status.FULL,
        (
            Route("module", _MODULE, "m = unihub.load({handle!r}); m(inputs)"),
            Route(
                "load",
                _LOAD,
                'm = unihub.load({handle!r}, api="load"); m.signatures["serving_default"](inputs)',
            ),
        ),
        note="As a Module made by create_module_spec_from_saved_model.",
        source="tensorflow_hub 0.15 offers create_module_spec_from_saved_model "
        "for these; tf.saved_model.load reads them as signatures",
    ),
    Row(
        Format.TF1_SAVED_MODEL,
        Operation.INFERENCE,
        _EAGER_MODE,
        Status.FULL,
        (
            Route(
                "load",
                _LOAD,
                'm = unihub.load({handle!r}); m.signatures["serving_default"](inputs)',
            ),
            Route(
                "keras",
                _KERAS,
                'unihub.load({handle!r}, api="keras", signature="serving_default")',
            ),
        ),
        note="Signatures only.",
        source="tf.saved_model.load reads TF1 SavedModels as signatures: "
        "https://www.tensorflow.org/guide/migrate/saved_model",
    ),
    Row(
        Format.TF1_SAVED_MODEL,
        Operation.FINE_TUNING,
        _GRAPH_MODE,
        Status.LIMITED,
        (Route("module", _MODULE, 'unihub.load({handle!r}, op="fine_tuning")'),),
        note="Only the serving graph is there: dropout and batch norm stay in "
        "inference mode, and regularizers are seldom saved.",
        source="tensorflow_hub 0.15 accepts trainable=True for a Module made by "
        "create_module_spec_from_saved_model",
    ),
    Row(
        Format.TF1_SAVED_MODEL,
        Operation.FINE_TUNING,
        _EAGER_MODE,
        Status.REFUSED,
        refusal=Message(
            code="tf1-saved-model-fine-tuning-in-tf2",
            what="{handle} is a TF1 SavedModel, which TF2 cannot fine-tune.",
            why="it holds signatures only, without a callable, a training mode or "
            "regularization losses. (found: {evidence})",
            do="unihub.convert({handle!r}, 'converted/') then load that; or call "
            "tf.compat.v1.disable_v2_behavior() first; or use a TF2 version of the model.",
        ),
        source="tensorflow_hub 0.15: KerasLayer refuses trainable=True with a signature",
    ),
    Row(
        Format.TF1_SAVED_MODEL,
        Operation.CREATION,
        _GRAPH_MODE,
        Status.LIMITED,
        (
            Route(
                "save",
                _SAVE_TF1_SAVED_MODEL,
                "tf.compat.v1.saved_model.simple_save(session, path, inputs, outputs)",
            ),
        ),
        note="Signatures only: a TF2 SavedModel can be fine-tuned as well.",
        source="tensorflow_hub 0.15 reads this format and writes it nowhere; "
        "TensorFlow writes it in graph mode",
    ),
    Row(
        Format.TF1_SAVED_MODEL,
        Operation.CREATION,
        _EAGER_MODE,
        Status.REFUSED,
        refusal=Message(
            code="tf1-saved-model-creation-in-tf2",
            what="TF2 cannot write a TF1 SavedModel to {handle}.",
            why="TensorFlow writes this format from a graph and a session, which "
            "eager execution does not have.",
            do="tf.saved_model.save(obj, path) writes a TF2 SavedModel with signatures; "
            "or call tf.compat.v1.disable_v2_behavior() first.",
        ),
        source="TensorFlow: tf.compat.v1.saved_model.Builder needs a graph and a session",
    ),
)


@dataclass(frozen=True)
class Cell:
    """The decision for one format, runtime and operation."""

    runtime: Runtime
    row: Row

    @property
    def format(self) -> Format:
        return self.row.format

    @property
    def operation(self) -> Operation:
        return self.row.operation

    @property
    def status(self) -> Status:
        return self.row.status

    @property
    def routes(self) -> Tuple[Route, ...]:
        return self.row.routes

    @property
    def refusal(self) -> Optional[Message]:
        return self.row.refusal

    @property
    def note(self) -> str:
        return self.row.note

    @property
    def source(self) -> str:
        return self.row.source

    @property
    def apis(self) -> Tuple[str, ...]:
        return tuple(route.api for route in self.routes)


def cells() -> Iterator[Cell]:
    """Every decided cell, in the order of the rows."""
    for row in ROWS:
        for runtime in row.runtimes:
            yield Cell(runtime, row)


@dataclass(frozen=True)
class Matrix:
    """The whole matrix, for people: prints as a table, shows as one in a notebook."""

    cells: Tuple[Cell, ...] = tuple(cells())

    def __str__(self) -> str:
        from unihub import tables

        return tables.plain(self.cells)

    def _repr_html_(self) -> str:
        from unihub import tables

        return tables.html(self.cells)

    def markdown(self) -> str:
        """The table in Markdown, as in the README."""
        from unihub import tables

        return tables.markdown(self.cells)


CELLS = {(cell.format, cell.runtime, cell.operation): cell for cell in cells()}


class _CallableModule(types.ModuleType):
    """So that ``unihub.matrix`` is this module and ``unihub.matrix()`` its picture."""

    def __call__(self) -> Matrix:
        return Matrix()


sys.modules[__name__].__class__ = _CallableModule
