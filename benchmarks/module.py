"""Building a module into a graph and running it first, beside the real hub.Module."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator, List

import numpy as np
import tensorflow as tf

import unihub
import unihub.apis.module
from benchmarks.measuring import Case
from unihub.apis.tensorflow_hub import import_tensorflow_hub

MODEL = str(Path(unihub.__file__).parent / "demo" / "models" / "tf1_hub")
LAYERS = 60


def cases(quick: bool) -> Iterator[Case]:
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    hub = import_tensorflow_hub()
    yield _case(hub, "a small image module", MODEL, [1, 8, 8, 3])
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/module"
        _save_deep_module(hub, path)
        yield _case(hub, f"{LAYERS} layers", path, [1, 8])


def _case(hub: Any, name: str, path: str, shape: List[int]) -> Case:
    x = np.zeros(shape, "float32")
    return Case(
        name,
        {
            "hub.Module": _build_and_run(hub, path, x),
            "unihub.Module": _build_and_run(unihub.apis.module, path, x),
        },
        rounds=11,
    )


def _build_and_run(api: Any, path: str, x: np.ndarray) -> Callable[[], object]:
    def run() -> object:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            outputs = api.Module(path)(tf.constant(x))
            session.run(tf.compat.v1.global_variables_initializer())
            return session.run(outputs)

    return run


def _save_deep_module(hub: Any, path: str) -> None:
    v1 = tf.compat.v1

    def module_fn() -> None:
        x = y = v1.placeholder(tf.float32, [None, 8])
        for layer in range(LAYERS):
            with v1.variable_scope(f"layer{layer}"):
                kernel = v1.get_variable("kernel", [8, 8])
                bias = v1.get_variable("bias", [8])
            y = tf.nn.relu(tf.matmul(y, kernel) + bias)
        hub.add_signature(inputs=x, outputs=y)

    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(hub.create_module_spec(module_fn))
        session.run(v1.global_variables_initializer())
        module.export(path, session)
