"""Tries the fast way on a tiny model, in a TensorFlow that it was not written for."""

from __future__ import annotations

import os
import tempfile
from typing import Any, Callable

import tensorflow as tf

from unihub.fast.build import build
from unihub.formats import read_saved_model
from unihub.request import Request

_SIGNATURE = "trial"


class _Model(tf.Module):
    """A matrix, a called function and a constant: what a plan consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable([[1.0, 2.0], [3.0, 5.0]])
        self.scale = tf.constant(0.5)
        self.inner = tf.function(lambda x: tf.matmul(x, self.kernel) * self.scale)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])  # type: ignore[untyped-decorator, unused-ignore]
    def trial(self, x: Any) -> Any:
        y = self.inner(x)
        return {"sum": tf.reduce_sum(y), "product": y}


def trial_failure() -> str:
    """Saves a tiny model, loads it both ways and compares.

    Returns:
        What went wrong; ``""`` if nothing did.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model")
        try:
            model = _Model()
            tf.saved_model.save(model, path, signatures={_SIGNATURE: model.trial})
            return _difference(path)
        # Anything at all may be raised by what a later TensorFlow has changed.
        except Exception as error:
            return f"{type(error).__name__}: {error}"


def _difference(path: str) -> str:
    model = read_saved_model(path)
    graph = model.meta_graphs[0]
    request = Request(handle=path, model=model, meta_graph=graph, signature=_SIGNATURE)

    def load_full(load: Callable[..., Any] = tf.saved_model.load) -> Any:
        return load(path, tags=list(graph.tags))

    lean = build(request, graph.signatures[_SIGNATURE], load_full, "_unihub_trial")
    full = load_full()
    x = tf.constant([[7.0, 11.0], [13.0, 17.0]])
    results = {
        "direct": (lean(x), full.signatures[_SIGNATURE](x=x)),
        "traced": (tf.function(lambda x: lean(x))(x), full.signatures[_SIGNATURE](x=x)),
        "gradient": (
            _gradients(lean, lambda: lean(x), x),
            _gradients(full, lambda: full.signatures[_SIGNATURE](x=x), x),
        ),
        "after": (lean(x), full.signatures[_SIGNATURE](x=x)),
    }
    for what, (found, expected) in results.items():
        if list(found) != list(expected) or not all(
            _is_same(found[name], expected[name]) for name in expected
        ):
            return f"{what}: {found} instead of {expected}"
    return ""


def _is_same(found: Any, expected: Any) -> bool:
    return (
        found is not None
        and found.shape == expected.shape
        and found.dtype == expected.dtype
        and bool(tf.reduce_all(found == expected))
    )


def _gradients(model: Any, call: Callable[[], Any], x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = call()["sum"]
    return dict(zip(("x", "kernel"), tape.gradient(total, [x, model.kernel])))
