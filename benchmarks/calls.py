"""A call of what unihub gives, beside the raw object's own and the other layers'."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import tensorflow as tf

import unihub
from benchmarks.measuring import Case
from benchmarks.models import path_of
from benchmarks.training import layers, save_network
from unihub.apis.proxy import CallableObject
from unihub.apis.signature import SignatureFunction
from unihub.formats import read_saved_model

DEMO_MODELS = Path(unihub.__file__).parent / "demo" / "models"
ROUNDS, CALLS = 21, 400


def cases(quick: bool) -> Iterator[Case]:
    yield _signature()
    yield _object()
    yield _wrapped_signature()
    yield from _layers()
    yield _wrapper_alone()


def _signature() -> Case:
    x = tf.ones([3])
    path = str(path_of("tiny"))
    raw = tf.saved_model.load(path).signatures["serving_default"]
    loaded = unihub.load(path, signature="serving_default")
    return Case(
        "a signature",
        {"ConcreteFunction": lambda: raw(x=x), "unihub.load": lambda: loaded(x)},
        ROUNDS,
        CALLS,
    )


def _object() -> Case:
    x = tf.ones([1, 3])
    raw = tf.saved_model.load(str(DEMO_MODELS / "tf2_saved_model"))
    loaded = unihub.load(DEMO_MODELS / "tf2_saved_model")
    whole = unihub.load(DEMO_MODELS / "tf2_saved_model", fast=False)
    return Case(
        "the object",
        {
            "tf.saved_model.load": lambda: raw(x),
            "unihub.load": lambda: loaded(x),
            "unihub.load(fast=False)": lambda: whole(x),
        },
        ROUNDS,
        CALLS,
    )


def _wrapped_signature() -> Case:
    x, y = tf.ones([1, 3]), tf.ones([1, 2])
    path = DEMO_MODELS / "tf1_saved_model"
    loaded = unihub.load(path, as_dict=True, fast=False)
    raw = loaded.signatures["serving_default"]
    return Case(
        "a signature, fast=False",
        {
            "ConcreteFunction": lambda: raw(x=x, y=y),
            "m(x=x, y=y)": lambda: loaded(x=x, y=y),
            "m({...})": lambda: loaded({"x": x, "y": y}),
        },
        ROUNDS,
        CALLS,
    )


def _layers() -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as folder:
        save_network(folder, width=8, depth=1)
        x = tf.ones([1, 8])
        raw = tf.saved_model.load(folder)
        arms = {name: make(folder) for name, make in layers(trainable=False).items()}
        yield Case(
            "a Keras layer",
            {
                **{name: _call(layer, x) for name, layer in arms.items()},
                "the object it calls": lambda: raw(x),
            },
            ROUNDS,
            CALLS // 4,
        )


def _call(layer: Any, x: tf.Tensor) -> Callable[[], tf.Tensor]:
    return lambda: layer(x)


def _wrapper_alone() -> Case:
    """The wrapper around a function that returns at once: its cost without the noise."""
    x, y = tf.ones([1, 3]), tf.ones([1, 2])
    outputs = {"sum": x, "product": x}
    (graph,) = read_saved_model(DEMO_MODELS / "tf1_saved_model").meta_graphs

    def wrapped(signature: str) -> CallableObject:
        function = SignatureFunction(at_once, graph.signatures[signature], "demo")
        return CallableObject(tf.Module(), function)

    def at_once(**inputs: tf.Tensor) -> Dict[str, tf.Tensor]:
        return outputs

    one, two = wrapped("project"), wrapped("serving_default")
    return Case(
        "a function that returns at once",
        {
            "alone": lambda: at_once(x=x),
            "wrapped, m(x)": lambda: one(x),
            "wrapped, m({...})": lambda: two({"x": x, "y": y}),
        },
        ROUNDS,
        20 * CALLS,
    )
