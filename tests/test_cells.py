"""Every cell of the matrix, in whatever stack this runs, on real models."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from fixtures.expected import MODELS, expected_file, read_cases

import unihub
from unihub import matrix
from unihub.apis.failures import LoadFailed
from unihub.apis.graph_mode import ReferenceVariables
from unihub.demo.run import cells_here, run_cell
from unihub.formats import read_saved_model
from unihub.inspection.lacking import MissingOps
from unihub.matrix import CELLS, Format, Operation, Runtime

VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])
IN_GRAPH_MODE = not tf.executing_eagerly()
RUNTIMES = [Runtime.TF1] if IN_GRAPH_MODE else [Runtime.TF1_COMPAT, Runtime.TF2]
NAMES = sorted(path.name for path in MODELS.iterdir() if path.is_dir())

# Holds reference variables, which early releases cannot initialise inside of a function.
REFERENCE_VARIABLES = {
    "tf1_saved_model_pb",
    "tf1_saved_model_pbtxt",
    "tf1_saved_model_table",
    "tf1_saved_model_tags",
}
# Written by TensorFlow 2.15 and later, with ops that earlier ones lack.
NEWER_OPS = {"tf2_reusable_tf215", "keras2_saved_model", "keras2_dict_outputs", "keras3_export"}


@pytest.mark.parametrize(
    "cell",
    cells_here(),
    ids=lambda cell: f"{cell.runtime.value}-{cell.format.value}-{cell.operation.value}",
)
def test_cell_does_what_the_matrix_says(cell, caplog):
    outcomes = list(run_cell(cell))
    # What is run here is how it is meant to be run.
    assert [one.getMessage() for one in caplog.records if one.name.startswith("unihub")] == []
    assert [outcome.text for outcome in outcomes if not outcome.ok] == []
    assert [outcome.api for outcome in outcomes] == list(cell.apis or ["refused"])


def test_together_the_stacks_run_every_cell():
    assert {cell.runtime for cell in matrix.cells()} == {Runtime.TF1, *RUNTIMES} | {
        Runtime.TF1_COMPAT,
        Runtime.TF2,
    }
    assert len(cells_here()) == len(RUNTIMES) * len(Format) * len(Operation)


class Call(NamedTuple):
    """One way of asking one fixture for one of its recorded answers."""

    name: str
    runtime: Runtime
    api: str
    signature: str

    def __str__(self):
        return "-".join([self.name, self.runtime.value, self.api, self.signature])


def calls():
    for name in NAMES:
        format = read_saved_model(str(MODELS / name)).format
        for runtime in RUNTIMES:
            for api in CELLS[format, runtime, Operation.INFERENCE].apis:
                for case in read_cases(expected_file(name)):
                    call = Call(name, runtime, api, case.signature)
                    if not (api == "keras" and is_sub_object(call)):
                        yield call


def is_sub_object(call):
    return call.signature.endswith(".__call__")


def expected_error(call):
    if VERSION < (2, 11) and call.name in NEWER_OPS:
        return MissingOps
    in_graph = call.runtime is not Runtime.TF2
    if VERSION < (2, 5) and in_graph and call.api == "load" and call.name in REFERENCE_VARIABLES:
        return ReferenceVariables
    if VERSION < (2, 4) and not in_graph and call.name == "tf1_hub_sparse":
        # They make no function of sparse inputs.
        return LoadFailed
    return None


@pytest.mark.parametrize("call", list(calls()), ids=str)
def test_inference_gives_the_recorded_answers(call):
    case = next(c for c in read_cases(expected_file(call.name)) if c.signature == call.signature)
    error = expected_error(call)
    mode = contextlib.nullcontext() if call.runtime is Runtime.TF2 else tf.Graph().as_default()
    with mode, contextlib.nullcontext() if error is None else pytest.raises(error):
        outputs = evaluated(answer(call, case))
        if not isinstance(outputs, dict):
            (name,) = case.outputs
            outputs = {name: outputs}
        assert sorted(outputs) == sorted(case.outputs)
        for name, value in case.outputs.items():
            np.testing.assert_allclose(outputs[name], value, rtol=1e-5, atol=1e-6)


def answer(call, case):
    path = str(MODELS / call.name)
    inputs = given(case.inputs, parts=call.api == "keras")
    if call.signature == "__call__":
        return unihub.load(path, api=call.api)(inputs)
    if is_sub_object(call):
        part = call.signature.partition(".")[0]
        return getattr(unihub.load(path, api=call.api), part)(inputs)
    model = unihub.load(path, api=call.api, signature=call.signature, as_dict=True)
    return model(inputs)


def given(arrays, parts):
    """A signature's inputs: a tensor, a list, a SparseTensor, or a dict of tensors."""
    if any("/" in name for name in arrays):
        tensors = {name.replace("/", "_"): tf.constant(value) for name, value in arrays.items()}
        if parts:
            return tensors
        indices, values, shape = (
            tensors[f"default_{part}"] for part in ("indices", "values", "dense_shape")
        )
        return tf.SparseTensor(indices, values, shape)
    tensors = {name: tf.constant(value) for name, value in arrays.items()}
    if list(tensors) == ["0", "1"]:
        return [tensors["0"], tensors["1"]]
    return tensors if len(tensors) > 1 else next(iter(tensors.values()))


def evaluated(outputs):
    if tf.executing_eagerly():
        return tf.nest.map_structure(np.asarray, outputs)
    v1 = tf.compat.v1
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        return session.run(outputs)
