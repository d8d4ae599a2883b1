"""Building a module into a graph and running it first, beside the real hub.Module."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Callable, List

import numpy as np
import tensorflow as tf

import unihub
import unihub.tf1
from benchmarks.timing import Measurement, side_by_side
from unihub.routes.tensorflow_hub import import_tensorflow_hub
from unihub.runtime import hub_release

MODEL = str(Path(unihub.__file__).parent / "demo_models" / "tf1_hub")
LAYERS = 60


def measure() -> List[Measurement]:
    release = hub_release()
    if release is None or not release.has_module:
        print("module: tensorflow_hub has no Module here; run this one on TensorFlow 2.15")
        return []
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    hub = import_tensorflow_hub()
    deep = _deep_module(hub)
    return [
        *_compared(hub, MODEL, np.zeros([1, 8, 8, 3], "float32"), "small image module"),
        *_compared(hub, deep, np.zeros([1, 8], "float32"), f"module of {LAYERS} layers"),
    ]


def _compared(hub: Any, path: str, x: np.ndarray, what: str) -> List[Measurement]:
    return side_by_side(
        {
            f"hub.Module, {what}": _build_and_run(hub, path, x),
            f"unihub.tf1.Module, {what}": _build_and_run(unihub.tf1, path, x),
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


def _deep_module(hub: Any) -> str:
    import tempfile

    v1 = tf.compat.v1

    def module_fn() -> None:
        x = y = v1.placeholder(tf.float32, [None, 8])
        for layer in range(LAYERS):
            with v1.variable_scope(f"layer{layer}"):
                kernel = v1.get_variable("kernel", [8, 8])
                bias = v1.get_variable("bias", [8])
            y = tf.nn.relu(tf.matmul(y, kernel) + bias)
        hub.add_signature(inputs=x, outputs=y)

    path = tempfile.mkdtemp() + "/module"
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(hub.create_module_spec(module_fn))
        session.run(v1.global_variables_initializer())
        module.export(path, session)
    return path
