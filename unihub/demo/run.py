"""Every cell of the matrix, run for real on the models that the package carries."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Tuple

import numpy as np
import tensorflow as tf

from unihub import matrix
from unihub.apis.keras.kerases import keras3_in_use, keras_module
from unihub.apis.module.create import add_signature
from unihub.dispatch.load import load
from unihub.dispatch.save import save
from unihub.errors import MatrixRefusal
from unihub.matrix.values import Cell, Format, Operation, Outcome, Runtime
from unihub.runtime import current_runtime

_MODELS = os.path.join(os.path.dirname(__file__), "models")
_TOLERANCE = 1e-5
_STEPS = 60
_LEARNING_RATE = 0.05

# What is called in each format; the answers are in NAME.expected.json.
_CALLED = {
    Format.TF1_HUB: "default",
    Format.TF2_SAVED_MODEL: "__call__",
    Format.TF1_SAVED_MODEL: "serving_default",
}

Tensors = Dict[str, np.ndarray]


class Misbehaviour(Exception):
    """A cell answered, but not as the matrix and the recorded outputs say."""


def keras_backend() -> str:
    """The backend that the layers run on; "" where it is none of Keras 3."""
    return str(keras_module().config.backend()) if keras3_in_use() else ""


def run_cells() -> Iterator[Outcome]:
    """Runs each API of each cell that the present TensorFlow can be brought to."""
    for cell in cells_here():
        yield from run_cell(cell)


def cells_here() -> List[Cell]:
    """The cells of the runtimes that the present TensorFlow can be brought to."""
    runtimes = _runtimes()
    return [cell for runtime in runtimes for cell in matrix.cells() if cell.runtime is runtime]


def _runtimes() -> List[Runtime]:
    present = current_runtime()
    # An explicit graph in TF2 is TF1_COMPAT, so TF2 shows both.
    return [Runtime.TF1_COMPAT, Runtime.TF2] if present is Runtime.TF2 else [present]


def run_cell(cell: Cell) -> Iterator[Outcome]:
    """Runs each API of one cell, in the mode that is its runtime."""
    if cell.refusal is not None:
        yield _outcome(cell, "refused", lambda: _expect_refusal(cell))
    for api in cell.apis:
        yield _outcome(cell, api, partial(_RUNNERS[cell.operation], cell, api))


def _outcome(cell: Cell, api: str, run: Callable[[], str]) -> Outcome:
    graph_mode = cell.runtime is not Runtime.TF2
    context: Any = tf.Graph().as_default() if graph_mode else contextlib.nullcontext()
    try:
        with context:
            return Outcome(cell, api, True, run())
    # Whatever a cell raises is what the demo is there to show.
    except Exception as error:
        return Outcome(cell, api, False, f"{type(error).__name__}: {error}")


def _expect_refusal(cell: Cell) -> str:
    path = _model(cell.format)
    assert cell.refusal is not None
    try:
        if cell.operation is Operation.CREATION:
            with tempfile.TemporaryDirectory() as folder:
                save(tf.Module(), os.path.join(folder, "m"), format=cell.format)
        else:
            load(path, op=cell.operation)
    except MatrixRefusal as refusal:
        if refusal.code == cell.refusal.code:
            return f"refused: {refusal.code}"
        raise
    raise Misbehaviour("it should have been refused")


def _run_inference(cell: Cell, api: str) -> str:
    inputs, expected = _expected(cell.format)
    model = load(_model(cell.format), api=api, as_dict=_as_dict(cell.format))
    given = {name: tf.constant(value) for name, value in inputs.items()}
    outputs = model(given if len(given) > 1 else next(iter(given.values())))
    values = _evaluated(outputs)
    worst = max(_difference(values[name], expected[name]) for name in expected)
    if worst > _TOLERANCE:
        raise Misbehaviour(f"outputs differ by {worst:.1e} from the recorded ones")
    return f"{len(expected)} output(s) equal the recorded ones to {max(worst, 1e-8):.0e}"


def _run_fine_tuning(cell: Cell, api: str) -> str:
    inputs, _ = _expected(cell.format)
    with _advised():
        model = load(_model(cell.format), op=Operation.FINE_TUNING, api=api)
    losses, moved, total = _TRAINERS[api](model, inputs)
    # Moving batch statistics and dropout make single losses noisy.
    first, last = np.mean(losses[: _STEPS // 3]), np.mean(losses[-_STEPS // 3 :])
    text = f"loss {first:.3f} → {last:.3f}, {moved} of {total} variables moved"
    if not (last < first and moved):
        raise Misbehaviour(text)
    return text


@contextlib.contextmanager
def _advised() -> Iterator[None]:
    """Keeps back what loading a Module advises: to run its update ops, as is done here."""
    log = logging.getLogger("unihub.apis.module")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _run_creation(cell: Cell, api: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model")
        _CREATORS[cell.format](path)
        model = load(path)
        answer = float(_evaluated(model(tf.constant([2.0])))["output"][0])
    if answer != 6.0:
        raise Misbehaviour(f"the model written should answer 6, and answers {answer}")
    return "written, loaded again, and it answers"


def _train_module(module: Any, inputs: Tensors) -> Tuple[List[float], int, int]:
    v1 = tf.compat.v1
    fed = {name: tf.constant(value) for name, value in inputs.items()}
    outputs = module(fed if len(fed) > 1 else next(iter(fed.values())))
    loss = _distance_from_one(outputs)
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    variables = v1.trainable_variables()
    with tf.control_dependencies(updates):
        step = v1.train.GradientDescentOptimizer(_LEARNING_RATE).minimize(loss)
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        before = session.run(variables)
        losses = [float(session.run([loss, step])[0]) for _ in range(_STEPS)]
        return losses, _moved(before, session.run(variables)), len(variables)


def _train_loaded(loaded: Any, inputs: Tensors) -> Tuple[List[float], int, int]:
    x = tf.constant(next(iter(inputs.values())))
    variables = loaded.trainable_variables
    before = [variable.numpy() for variable in variables]
    losses = []
    for _ in range(_STEPS):
        with tf.GradientTape() as tape:
            loss = _distance_from_one(loaded(x, training=True))
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(_LEARNING_RATE * gradient)
        losses.append(float(loss))
    return losses, _moved(before, [variable.numpy() for variable in variables]), len(variables)


def _train_layer(layer: Any, inputs: Tensors) -> Tuple[List[float], int, int]:
    keras = keras_module()
    x = next(iter(inputs.values()))
    # Read before the model is built: in graph mode the gradient changes ops that
    # a session must not have seen.
    before = [np.array(weight) for weight in layer.get_weights()]
    given = keras.layers.Input(shape=x.shape[1:], dtype=x.dtype.name)
    model = keras.Model(given, layer(given))
    model.compile(optimizer="sgd", loss="mse")
    targets = np.ones([len(x), *model.output_shape[1:]], "float32")
    history = model.fit(
        x, targets, epochs=_STEPS, batch_size=len(x), validation_data=(x, targets), verbose=0
    )
    # Without dropout, which TensorFlow seeds in no reproducible way here.
    losses = [float(loss) for loss in history.history["val_loss"]]
    return losses, _moved(before, layer.get_weights()), len(before)


def _create_tf1_hub(path: str) -> None:
    def triple() -> None:
        x = tf.compat.v1.placeholder(tf.float32, [None])
        factor = tf.compat.v1.get_variable("factor", initializer=3.0)
        add_signature(inputs=x, outputs={"output": x * factor, "default": x * factor})

    save(triple, path)


def _create_tf1_saved_model(path: str) -> None:
    x = tf.compat.v1.placeholder(tf.float32, [None])
    factor = tf.compat.v1.get_variable("factor", initializer=3.0)
    with tf.compat.v1.Session() as session:
        session.run(tf.compat.v1.global_variables_initializer())
        save(
            session,
            path,
            format=Format.TF1_SAVED_MODEL,
            inputs={"x": x},
            outputs={"output": x * factor},
        )


def _create_tf2_saved_model(path: str) -> None:
    model = tf.Module()
    model.factor = tf.compat.v1.Variable(3.0, use_resource=True)
    model.__call__ = tf.function(
        lambda x: {"output": x * model.factor},
        input_signature=[tf.TensorSpec([None], tf.float32)],
    )
    if not _has_session():
        save(model, path)
        return
    with tf.compat.v1.Session() as session:
        session.run(tf.compat.v1.global_variables_initializer())
        save(model, path)


_RUNNERS: Dict[Operation, Callable[[Cell, str], str]] = {
    Operation.INFERENCE: _run_inference,
    Operation.FINE_TUNING: _run_fine_tuning,
    Operation.CREATION: _run_creation,
}
_TRAINERS: Dict[str, Callable[[Any, Tensors], Tuple[List[float], int, int]]] = {
    "module": _train_module,
    "load": _train_loaded,
    "keras": _train_layer,
}
_CREATORS: Dict[Format, Callable[[str], None]] = {
    Format.TF1_HUB: _create_tf1_hub,
    Format.TF1_SAVED_MODEL: _create_tf1_saved_model,
    Format.TF2_SAVED_MODEL: _create_tf2_saved_model,
}


def _model(format: Format) -> str:
    return os.path.join(_MODELS, format.value)


def _expected(format: Format) -> Tuple[Tensors, Tensors]:
    with open(_model(format) + ".expected.json", encoding="utf-8") as file:
        case = json.load(file)[_CALLED[format]]
    inputs, outputs = (
        {name: np.array(t["values"], t["dtype"]) for name, t in case[side].items()}
        for side in ("inputs", "outputs")
    )
    return inputs, outputs


def _as_dict(format: Format) -> Any:
    return None if _CALLED[format] == "__call__" else True


def _evaluated(outputs: Any) -> Tensors:
    """Outputs as arrays by name; a sole tensor goes by the names it is recorded under."""
    if not isinstance(outputs, dict):
        outputs = {"output_0": outputs, "output": outputs}
    if not _has_session():
        return {name: np.asarray(tensor) for name, tensor in outputs.items()}
    v1 = tf.compat.v1
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        values: Tensors = session.run(outputs)
        return values


def _has_session() -> bool:
    return not tf.executing_eagerly()


def _distance_from_one(outputs: Any) -> Any:
    tensors = list(outputs.values()) if isinstance(outputs, dict) else [outputs]
    return tf.add_n([tf.reduce_mean((tensor - 1.0) ** 2) for tensor in tensors])


def _moved(before: List[np.ndarray], after: List[np.ndarray]) -> int:
    return sum(not np.array_equal(one, other) for one, other in zip(before, after))


def _difference(value: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(value - expected) / np.maximum(np.abs(expected), 1.0)))
