"""A call through what `load` returns, beside the raw object's own."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import tensorflow as tf

import unihub
from benchmarks.timing import Measurement, side_by_side
from unihub.formats import read_saved_model
from unihub.routes.proxy import CallableObject
from unihub.routes.signature import SignatureFunction

DEMO_MODELS = Path(unihub.__file__).parent / "demo_models"
ROUNDS, CALLS = 41, 400


def measure() -> List[Measurement]:
    return [*_raw_object(), *_wrapped_signature(), *_wrapper_alone()]


def _raw_object() -> List[Measurement]:
    x = tf.ones([1, 3])
    raw = tf.saved_model.load(str(DEMO_MODELS / "tf2_saved_model"))
    loaded = unihub.load(DEMO_MODELS / "tf2_saved_model")
    assert type(loaded).__name__ == type(raw).__name__
    return side_by_side(
        {"tf.saved_model.load, m(x)": lambda: raw(x), "unihub.load, m(x)": lambda: loaded(x)},
        ROUNDS,
        CALLS,
    )


def _wrapped_signature() -> List[Measurement]:
    x, y = tf.ones([1, 3]), tf.ones([1, 2])
    loaded = unihub.load(DEMO_MODELS / "tf1_saved_model", signature="project", as_dict=True)
    both = unihub.load(DEMO_MODELS / "tf1_saved_model", as_dict=True)
    raw, raw_both = loaded.signatures["project"], loaded.signatures["serving_default"]
    return side_by_side(
        {
            'm.signatures["project"](x=x)': lambda: raw(x=x),
            "m(x), one input": lambda: loaded(x),
            "m(x=x), one input": lambda: loaded(x=x),
        },
        ROUNDS,
        CALLS,
    ) + side_by_side(
        {
            'm.signatures["serving_default"](x=x, y=y)': lambda: raw_both(x=x, y=y),
            "m({...}), two inputs": lambda: both({"x": x, "y": y}),
        },
        ROUNDS,
        CALLS,
    )


def _wrapper_alone() -> List[Measurement]:
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
    return side_by_side(
        {
            "a function that returns at once": lambda: at_once(x=x),
            "wrapped, m(x)": lambda: one(x),
            "wrapped, m(x=x)": lambda: one(x=x),
            "wrapped, m({...}), two inputs": lambda: two({"x": x, "y": y}),
        },
        ROUNDS,
        20 * CALLS,
    )
