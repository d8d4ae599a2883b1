"""A call through what `load` returns, beside the raw object's own."""

from __future__ import annotations

from pathlib import Path
from typing import List

import tensorflow as tf

import unihub
from benchmarks.timing import Measurement, side_by_side

DEMO_MODELS = Path(unihub.__file__).parent / "demo_models"
ROUNDS, CALLS = 41, 400


def measure() -> List[Measurement]:
    return [*_raw_object(), *_wrapped_signature()]


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
