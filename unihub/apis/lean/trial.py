"""Tries the fast way on a tiny model, in a TensorFlow that it was not written for."""

from __future__ import annotations

import os
import tempfile
from typing import Any, Callable, Dict, List, Optional

import tensorflow as tf

from unihub.apis.lean.inference import build
from unihub.apis.lean.private import is_variable_watched
from unihub.apis.request import Request
from unihub.formats.model import SavedModel, read_saved_model

_SIGNATURE = "trial"


class _Model(tf.Module):
    """A matrix, a called function, a constant and a default: what a plan consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable([[1.0, 2.0], [3.0, 5.0]])
        self.scale = tf.constant(0.5)
        self.inner = tf.function(lambda x: tf.matmul(x, self.kernel) * self.scale)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])  # type: ignore[untyped-decorator, unused-ignore]
    def trial(self, x: Any) -> Any:
        y = self.inner(x)
        return {"sum": tf.reduce_sum(y), "product": y}

    @tf.function  # type: ignore[untyped-decorator, unused-ignore]
    def __call__(self, x: Any, negated: bool = False) -> Any:
        y = self.inner(-x if negated else x)
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
            for negated in (True, False):
                model.__call__.get_concrete_function(tf.TensorSpec([None, 2]), negated)
            tf.saved_model.save(model, path, signatures={_SIGNATURE: model.trial})
            saved = read_saved_model(path)
            return (
                _difference(saved, None) or _difference(saved, _SIGNATURE) or _unnoticed_watcher()
            )
        # Anything at all may be raised by what a later TensorFlow has changed.
        except Exception as error:
            return f"{type(error).__name__}: {error}"


def _difference(model: SavedModel, name: Optional[str]) -> str:
    path, graph = model.path, model.meta_graphs[0]
    request = Request(handle=path, model=model, meta_graph=graph, signature=name)

    def load_full(load: Callable[..., Any] = tf.saved_model.load) -> Any:
        return load(path, tags=list(graph.tags))

    lean: Any = build(request, None if name is None else graph.signatures[name], load_full)
    full = load_full()
    x = tf.constant([[7.0, 11.0], [13.0, 17.0]])
    ways: Dict[str, Callable[[Any, Callable[..., Any]], Any]] = {
        "direct": lambda _, call: call(x),
        "of another shape": lambda _, call: call(x[:1]),
        "signature": lambda model, _: model.signatures[_SIGNATURE](x=x),
        "traced": lambda _, call: tf.function(lambda x: call(x))(x),
        "gradient": lambda model, call: _gradients(model, lambda: call(x), x),
        "after": lambda _, call: call(x),
    }
    if name is None:
        ways["with a default"] = lambda _, call: call(x, negated=True)
    expecting = full if name is None else full.signatures[name]
    for what, way in ways.items():
        found = way(lean, lean)
        expected = way(full, expecting if name is None else lambda x: expecting(x=x))
        if not _are_same(found, expected):
            return f"{what}: {found} instead of {expected}"
    return ""


def _are_same(found: Any, expected: Any) -> bool:
    names: List[str] = list(expected)
    return list(found) == names and all(_is_same(found[name], expected[name]) for name in names)


def _is_same(found: Any, expected: Any) -> bool:
    return (
        found is not None
        and found.shape == expected.shape
        and found.dtype == expected.dtype
        and bool(tf.reduce_all(found == expected))
    )


def _unnoticed_watcher() -> str:
    noticed = [is_variable_watched()]

    @tf.custom_gradient  # type: ignore[untyped-decorator, unused-ignore]
    def function(x: Any) -> Any:
        noticed.append(is_variable_watched())
        return x, lambda dy: dy

    function(tf.constant(1.0))
    return "" if noticed == [False, True] else f"variable watchers noticed: {noticed}"


def _gradients(model: Any, call: Callable[[], Any], x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = call()["sum"]
    return dict(zip(("x", "kernel"), tape.gradient(total, [x, model.kernel])))
