"""Loads the models that others made, each by every API here, and tells what came out.

`python tests/shared_models.py` prints the table.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple

import numpy as np
import tensorflow as tf

import unihub
from unihub.errors import UnihubError
from unihub.formats import Signature, read_saved_model
from unihub.matrix import CELLS, Operation, Runtime

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("UNIHUB_SHARED_MODELS", ROOT.parent / "shared" / "models"))
IN_TF1 = tf.__version__.startswith("1.")
RUNTIMES = [Runtime.TF1] if IN_TF1 else [Runtime.TF1_COMPAT, Runtime.TF2]

FORMATS = {
    "tf1-hub": "tf1_hub",
    "tf1-plain": "tf1_saved_model",
    "tf1-plain (pbtxt)": "tf1_saved_model",
    "tf2": "tf2_saved_model",
    "tf2-keras": "tf2_saved_model",
}


class Answer(NamedTuple):
    """What one model gave by one API.

    Attributes:
        outputs: how many it returned.
        difference: from the reference, relative; None where there is none.
        refusal: code of the error in place of an answer.
    """

    name: str
    runtime: Runtime
    api: str
    outputs: int = 0
    difference: Any = None
    refusal: str = ""


def manifest() -> Dict[str, Dict[str, Any]]:
    with open(str(FOLDER / "MANIFEST.tsv"), encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {
            row["dir"]: {
                "format": FORMATS[row["format"]],
                "signatures": json.loads(row["signatures{name:[n_in,n_out]}"]),
            }
            for row in rows
        }


def answers(name: str) -> Iterator[Answer]:
    model = read_saved_model(FOLDER / name)
    for runtime in RUNTIMES:
        for api in CELLS[model.format, runtime, Operation.INFERENCE].apis:
            mode = contextlib.nullcontext() if runtime is Runtime.TF2 else tf.Graph().as_default()
            with mode:
                yield _answer(name, runtime, api)


def _answer(name: str, runtime: Runtime, api: str) -> Answer:
    (graph, *_) = read_saved_model(FOLDER / name).meta_graphs
    signature = graph.signatures[usual(graph.signatures)]
    reference = FOLDER / f"{name}.reference.npz"
    try:
        m = unihub.load(FOLDER / name, api=api, signature=signature.name, as_dict=True)
        if reference.exists():
            inputs, expected = _reference(reference, signature.name)
        else:
            inputs, expected = _made_up(signature), {}
        outputs = _evaluated(m({key: tf.constant(value) for key, value in inputs.items()}))
    except UnihubError as error:
        return Answer(name, runtime, api, refusal=error.code)
    assert sorted(outputs) == sorted(signature.outputs)
    worst = [_difference(outputs[key], value) for key, value in expected.items()]
    return Answer(name, runtime, api, len(outputs), max(worst) if worst else None)


def usual(signatures: Any) -> str:
    names = [name for name in ("default", "serving_default") if name in signatures]
    # A signature without inputs cannot be a layer.
    return (names or [name for name in signatures if signatures[name].inputs])[0]


def _reference(file: Path, signature: str) -> Any:
    inputs: Dict[str, np.ndarray] = {}
    outputs: Dict[str, np.ndarray] = {}
    with np.load(str(file)) as arrays:
        for key in arrays.files:
            side, of, name = key.split("|", 2)
            if of == signature:
                (inputs if side == "in" else outputs)[name] = arrays[key]
    return inputs, outputs


def _made_up(signature: Signature) -> Dict[str, np.ndarray]:
    """Inputs of the accepted dtypes and shapes, batches of two."""
    values = {}
    for name, info in signature.inputs.items():
        shape = [2 if size is None else size for size in (info.shape or ())]
        if info.dtype == "string":
            values[name] = np.full(shape, b"print('hello')")
        else:
            ramp = np.linspace(0.0, 1.0, max(1, int(np.prod(shape))))
            values[name] = ramp.reshape(shape).astype(info.dtype)
    return values


def _evaluated(outputs: Any) -> Dict[str, np.ndarray]:
    if tf.executing_eagerly():
        return {name: np.asarray(tensor) for name, tensor in outputs.items()}
    v1 = tf.compat.v1
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        return dict(session.run(outputs))


def _difference(value: np.ndarray, expected: np.ndarray) -> float:
    scale = max(float(np.max(np.abs(expected))), 1e-30)
    return float(np.max(np.abs(value - expected))) / scale


def main() -> None:
    print(f"TensorFlow {tf.__version__}, tf.keras is {unihub.environment().keras.value}")
    print("| model | format | runtime | api | outputs | difference from reference |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, row in manifest().items():
        for a in answers(name):
            gave = a.refusal or ("" if a.difference is None else f"{a.difference:.1e}")
            cells = [name, row["format"], a.runtime.value, a.api, a.outputs or "", gave]
            print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
