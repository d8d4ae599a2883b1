"""TensorFlow Hub's TF1/TF2 compatibility matrix, as data.

This file says which cell of the matrix does what. Dispatch, ``unihub matrix``,
``unihub demo``, the README's table and the tests all read the rows below.

Source: https://www.tensorflow.org/hub/model_compatibility for the two published
formats; the rows of TF1_SAVED_MODEL record their own reasons.
"""

from __future__ import annotations

from typing import Iterator, Tuple

from unihub.errors import Message
from unihub.matrix.values import Cell, Format, Operation, Route, Row, Runtime, Status

_GRAPH_MODE = (Runtime.TF1, Runtime.TF1_COMPAT)
_EAGER_MODE = (Runtime.TF2,)
_ALL = (Runtime.TF1, Runtime.TF1_COMPAT, Runtime.TF2)

ROWS: Tuple[Row, ...] = (
    Row(
        Format.TF1_HUB,
        Operation.INFERENCE,
        _GRAPH_MODE,
        Status.FULL,
        (Route("module", "m = unihub.Module({handle!r}); m(inputs)"),),
    ),
    Row(
        Format.TF1_HUB,
        Operation.INFERENCE,
        _EAGER_MODE,
        Status.FULL,
        (
            Route(
                "load",
                'm = unihub.load({handle!r}); m.signatures["default"](inputs)',
            ),
            Route(
                "keras",
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
            do="unihub.load({handle!r}, op='fine_tuning', convert=True); or "
            "tf.compat.v1.disable_v2_behavior()  # first of all; or use a TF2 version of the "
            "model.",
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
            do="tf.saved_model.save(obj, path)  # writes a TF2 SavedModel; or "
            "tf.compat.v1.disable_v2_behavior()  # first of all",
        ),
    ),
    Row(
        Format.TF2_SAVED_MODEL,
        Operation.INFERENCE,
        _ALL,
        Status.FULL,
        (
            Route("load", "m = unihub.load({handle!r}); m(inputs)"),
            Route("keras", 'unihub.load({handle!r}, api="keras")'),
        ),
    ),
    Row(
        Format.TF2_SAVED_MODEL,
        Operation.FINE_TUNING,
        _GRAPH_MODE,
        Status.LIMITED,
        (Route("keras", 'unihub.load({handle!r}, op="fine_tuning")'),),
        note="In a Keras Model trained with fit(), or in an Estimator whose model_fn "
        "wraps one; graph collections are not filled.",
    ),
    Row(
        Format.TF2_SAVED_MODEL,
        Operation.FINE_TUNING,
        _EAGER_MODE,
        Status.FULL,
        (
            Route("keras", 'unihub.load({handle!r}, op="fine_tuning")'),
            Route(
                "load",
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
        (Route("save", "unihub.save(obj, path)"),),
        note="tf.saved_model.save() may be called from within compat mode.",
    ),
    Row(
        Format.TF2_SAVED_MODEL,
        Operation.CREATION,
        _EAGER_MODE,
        Status.FULL,
        (Route("save", "unihub.save(obj, path)"),),
    ),
    Row(
        Format.TF1_SAVED_MODEL,
        Operation.INFERENCE,
        _GRAPH_MODE,
        Status.FULL,
        (
            Route("module", "m = unihub.load({handle!r}); m(inputs)"),
            Route(
                "load",
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
                'm = unihub.load({handle!r}); m.signatures["serving_default"](inputs)',
            ),
            Route(
                "keras",
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
        (Route("module", 'unihub.load({handle!r}, op="fine_tuning")'),),
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
            do="unihub.load({handle!r}, op='fine_tuning', convert=True); or "
            "tf.compat.v1.disable_v2_behavior()  # first of all; or use a TF2 version of the "
            "model.",
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
            do="tf.saved_model.save(obj, path)  # writes a TF2 SavedModel with signatures; "
            "or tf.compat.v1.disable_v2_behavior()  # first of all",
        ),
        source="TensorFlow: tf.compat.v1.saved_model.Builder needs a graph and a session",
    ),
)


def cells() -> Iterator[Cell]:
    """Every decided cell, in the order of the rows."""
    for row in ROWS:
        for runtime in row.runtimes:
            yield Cell(**vars(row), runtime=runtime)


CELLS = {(cell.format, cell.runtime, cell.operation): cell for cell in cells()}
