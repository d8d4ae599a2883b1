"""Runs a program on three loads of its model: two full ones tell what is determined."""

from __future__ import annotations

import functools
import linecache
import os
import shutil
import sys
import tempfile
import threading
import time
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, List, Sequence

import numpy as np
import tensorflow as tf
from fuzzing.programs import Program

import unihub
from unihub.apis.lean.loaded import Lean

_NAME = "model_of_program"
KERAS_LAYER: Any = tf.keras.layers.Layer
# Where TensorFlow fails and the lean load gives an answer: what it says, and why.
EXPLAINED = {
    "of a variable without handle data": "TensorFlow 2.15 loses what a gathered variable is, "
    "where its function with a gradient is traced a second time; it calls that an internal error",
}
X = [[0.5, -1.0, 2.0, 0.25], [1.5, 0.75, -0.5, 1.0]]


@dataclass
class Count:
    """What was compared.

    Attributes:
        models: that were written.
        refused: models that TensorFlow does not write.
        lines: whose results were compared.
        begun_lean: of those, in sessions that began with a lean object.
        lean: of those, from an object that was still lean.
        values: the tensors, texts and errors that the lines of begun_lean gave.
        undetermined: in which two full loads differ.
        explained: in which the full one fails, as `EXPLAINED` says.
        found: in which the lean one differs.
        seconds: that all of it took.
    """

    models: int = 0
    refused: int = 0
    lines: int = 0
    begun_lean: int = 0
    lean: int = 0
    values: int = 0
    undetermined: int = 0
    explained: int = 0
    found: int = 0
    seconds: float = 0.0


@dataclass
class Line:
    """What one line of a session gave: results, and the class of an error."""

    was_lean: bool
    results: List[Any] = field(default_factory=list)
    error: str = ""
    said: str = ""
    values: int = 0

    @property
    def given(self) -> Any:
        return self.results, self.error


def is_lean(loaded: Any) -> bool:
    """Whether an object is one that has not loaded the full one."""
    # A layer of Keras 3, or of Keras 2, and what it holds.
    attributes = getattr(loaded, "__dict__", {}) if isinstance(loaded, KERAS_LAYER) else {}
    loaded = attributes.get("_loaded", attributes.get("_func", loaded))
    if not issubclass(type(loaded), Lean):
        return False
    return not object.__getattribute__(loaded, "_lean_model").is_full


def layer(path: str, fast: bool, trainable: bool = False) -> Any:
    """A layer; with the full object in it where it is not to be fast."""
    if fast:
        return unihub.KerasLayer(path, trainable=trainable)
    # Whoever changes the variables that are made is given all of them.
    with tf.variable_creator_scope(lambda make, **choices: make(**choices)):
        return unihub.KerasLayer(path, trainable=trainable)


def stacked(layer: Any, head: bool = False) -> Any:
    """A Keras model of a layer, and a layer after it that is trained."""
    tf.keras.utils.set_random_seed(3)
    layers = [tf.keras.layers.Dense(1)] if head else []
    return tf.keras.Sequential([tf.keras.Input([4]), layer, *layers])


def fitted(model: Any) -> Any:
    """The losses of two epochs."""
    model.compile("sgd", "mse")
    return model.fit(np.array(X), np.ones([2, 1]), epochs=2, verbose=0).history["loss"]


def stepped(loss: Callable[[], Any], trained: Sequence[Any]) -> Any:
    """The losses and gradients of two steps."""
    found = []
    for _ in range(2):
        values = [getattr(one, "value", one) for one in trained]
        values = [one if isinstance(one, tf.Variable) else old for one, old in zip(values, trained)]
        with tf.GradientTape() as tape:
            found.append(loss())
        gradients = tape.gradient(found[-1], values)
        for value, gradient in zip(values, gradients):
            if gradient is not None:
                value.assign_sub(0.01 * tf.convert_to_tensor(gradient))
        found.append([0.0 if one is None else one for one in gradients])
    return found


def frozen(value: Any) -> Any:
    """A nest of results as values that are equal where the results are, bit for bit."""
    if isinstance(value, dict):
        return type(value).__name__, [(key, frozen(value[key])) for key in sorted(value)]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [frozen(part) for part in value]
    if isinstance(value, tf.IndexedSlices):
        return "slices", frozen([value.values, value.indices])
    if isinstance(value, (tf.Tensor, tf.Variable)) and not hasattr(value, "numpy"):
        return "symbolic", value.dtype.name, value.shape.rank
    if isinstance(value, (tf.Tensor, tf.Variable, np.ndarray, np.generic)):
        array = np.asarray(value)
        bits = array.tolist() if array.dtype == object else array.tobytes()
        return "tensor", str(array.dtype), array.shape, bits
    return type(value).__name__, repr(value)


def total(nest: Any) -> Any:
    """One number of all that a call gives."""
    leaves = [leaf for leaf in tf.nest.flatten(nest) if leaf.dtype.is_floating]
    return tf.add_n([tf.reduce_sum(leaf * leaf) for leaf in leaves])


def variables(loaded: Any) -> List[Any]:
    """The variables among an object's attributes, by the names of those."""
    found: List[Any] = []
    for name in sorted(vars_of(loaded)):
        value = getattr(loaded, name)
        found += [one for one in tf.nest.flatten(value) if isinstance(one, tf.Variable)]
    return found


def state(loaded: Any) -> List[Any]:
    """The values of all the variables of an object or a layer."""
    found = loaded.weights if isinstance(loaded, KERAS_LAYER) else variables(loaded)
    return [one.numpy() for one in found]


def vars_of(loaded: Any) -> List[str]:
    return [name for name in dir(loaded) if not name.startswith("_") and name != "signatures"]


def in_threads(action: Callable[[], Any]) -> List[Any]:
    """What an action gives in each of two threads, the second after the first."""
    results: List[Any] = []

    def run() -> None:
        try:
            results.append(action())
        except Exception as error:
            results.append(type(error).__name__)

    # At the same time, what counts or draws numbers would give one or the other first.
    for _ in range(2):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    return results


def written(program: Program, folder: Path) -> bool:
    """Whether TensorFlow writes the program's model."""
    # AutoGraph reads the source of what it rewrites, and asks for its module.
    module = sys.modules[_NAME] = types.ModuleType(_NAME)
    module.__file__ = str(folder / f"{_NAME}.py")
    Path(module.__file__).write_text(program.model)
    linecache.checkcache()
    vars(module)["PATH"] = str(folder / "model")
    tf.random.set_seed(1)
    try:
        exec(compile(program.model, module.__file__, "exec"), vars(module))
    # Of what is put together at random, TensorFlow refuses some.
    except Exception:
        return False
    finally:
        tf.keras.backend.clear_session()
    return True


def ran(session: Sequence[str], folder: Path, fast: bool) -> List[Line]:
    """What the lines of a session give, on a load of its own."""
    back = os.getcwd()
    results: List[Any] = []
    values: List[Any] = []

    def out(value: Any) -> None:
        values.extend(tf.nest.flatten(value))
        results.append(frozen(value))

    scope = {
        "COPY": tempfile.mkdtemp(dir=str(folder)),
        "ELSEWHERE": str(folder),
        "PATH": str(folder / "model"),
        "X": tf.constant(X),
        "X2": tf.constant(X * 2 + X[:1]),
        "T": tf.constant([["two words"], ["others"]]),
        "fitted": fitted,
        "in_threads": in_threads,
        "layer": functools.partial(layer, fast=fast),
        "load": functools.partial(unihub.load, fast=fast),
        "names": lambda m: [one.name for one in variables(m)],
        "np": np,
        "os": os,
        "out": out,
        "plain": tf.autograph.experimental.do_not_convert,
        "stacked": stacked,
        "state": state,
        "stepped": stepped,
        "tf": tf,
        "total": total,
        "unihub": unihub,
        "variables": variables,
    }
    tf.random.set_seed(2)
    # None is there before the first line.
    scope["m"] = None
    lines = []
    for code in session:
        results.clear()
        values.clear()
        line = Line(is_lean(scope["m"]))
        try:
            exec(compile(code, "<session>", "exec"), scope)
        except Exception as error:
            line.error, line.said = type(error).__name__, str(error)
        finally:
            os.chdir(back)
        line.results = list(results)
        line.values = len(values) + bool(line.error)
        lines.append(line)
    return lines


def differences(program: Program, count: Count) -> List[str]:
    """The lines in which the lean load differs, where two full ones do not."""
    folder, begun = Path(tempfile.mkdtemp()), time.monotonic()
    found = []
    try:
        if not written(program, folder):
            count.refused += 1
            return []
        count.models += 1
        for session in program.sessions:
            found += _differences(session, folder, count)
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)
        count.found += len(found)
        count.seconds += time.monotonic() - begun
    return found


def _differences(session: Sequence[str], folder: Path, count: Count) -> List[str]:
    full, lean = (ran(session, folder, fast) for fast in (False, True))
    # The first line loads.
    begun = lean[1].was_lean
    for place, (code, one, other) in enumerate(zip(session, full, lean)):
        count.lines += 1
        count.begun_lean += begun
        count.lean += other.was_lean
        count.values += one.values if begun else 0
        if one.given == other.given:
            continue
        if any(text in one.said for text in EXPLAINED):
            count.explained += 1
            return []
        # Is it determined at all? What comes after may depend on it.
        if any(one.given != ran(session, folder, False)[place].given for _ in range(2)):
            count.undetermined += 1
            return []
        return [f"{code}\n  full: {shown(one)}\n  lean: {shown(other)}"]
    return []


def shown(line: Line) -> str:
    return line.error or str(line.results)[:300]
