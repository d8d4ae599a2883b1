"""Models whose own __call__ is called in the ways that a SavedModel can hold."""

from __future__ import annotations

import collections
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import tensorflow as tf

Call = Callable[[Any], Any]
Pair = collections.namedtuple("Pair", "first second")

ROWS = tf.TensorSpec([None, 3])
X = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])
RAGGED = tf.ragged.constant([[1.0, 2.0, 3.0], [4.0]])
SPARSE = tf.sparse.from_dense([[0.0, 2.0, 0.0]])


def saved(function: Any, path: str, *traces: Any, **attributes: Any) -> None:
    """Saves an object whose __call__ is a function, traced for these arguments."""
    module = tf.Module()
    for name, value in attributes.items():
        setattr(module, name, value)
    module.__call__ = function
    for args, kwargs in traces:
        function.get_concrete_function(*args, **kwargs)
    tf.saved_model.save(module, path)


def args(*given: Any, **named: Any) -> Tuple[Any, Any]:
    return given, named


def _structures(path: str) -> None:
    kernel = tf.Variable([[1.0], [2.0], [3.0]])

    @tf.function
    def call(inputs, scale=None):
        left, (right, more) = inputs["left"], inputs["rest"]
        total = tf.matmul(left + right, kernel)
        if scale is not None:
            total = total * scale
        empty = None
        return {
            "z": total,
            "a": [left, (right, empty)],
            "more": ({"one": more["b"]}, [more["a"]]),
        }

    specs = {"rest": (ROWS, {"b": tf.TensorSpec([], tf.int32), "a": ROWS}), "left": ROWS}
    saved(call, path, args(specs), args(specs, 2.5), kernel=kernel)


def inputs(rows: Any = X, **changes: Any) -> Dict[str, Any]:
    made = {"left": X, "rest": (rows, {"b": tf.constant(3), "a": rows * 2})}
    return {**made, **changes}


STRUCTURES: List[Call] = [
    lambda m: m(inputs()),
    lambda m: m(inputs=inputs(), scale=2.5),
    lambda m: m(dict(reversed(list(inputs().items()))), 2.5),
    lambda m: m(inputs(), 2.0),
    lambda m: m(inputs(rest=[X, {"b": tf.constant(3), "a": X}])),
    lambda m: m(inputs(more=X)),
    lambda m: m({"left": X}),
    lambda m: m(inputs(left=X.numpy())),
    lambda m: m(inputs(left=[[1.0, 2.0, 3.0]])),
    lambda m: m(inputs(left=tf.Variable(X))),
    lambda m: m(collections.OrderedDict(inputs())),
    lambda m: m(inputs(), scale=None),
    lambda m: m(inputs(), tf.constant(2.5)),
]


def _shapes(path: str) -> None:
    """Overlapping traces, each of which shows in the result that it was called."""

    @tf.function
    def call(x):
        size = 1 if x.shape.rank is None else sum(n or 100 for n in x.shape)
        return tf.reduce_sum(x) + float(size)

    shapes = ([2, 3], [None, 4], [2, None], [None, None], [7], None)
    saved(call, path, *(args(tf.TensorSpec(shape)) for shape in shapes))


SHAPES: List[Call] = [
    (lambda m, shape=shape: m(tf.ones(shape)))
    for shape in ([2, 3], [2, 4], [3, 4], [2, 5], [3, 3], [7], [8], [], [1, 1, 1], [0, 4])
]


def _values(path: str) -> None:
    """Traces for Python values of several types, some of which are equal."""

    @tf.function
    def call(x, mode="plain", power=1, *, flag=False, shift=0.5):
        kinds = f"{mode} {power!r} {flag!r} {shift!r}"
        return tf.reduce_sum(x) * float(sum(map(ord, kinds)))

    saved(
        call,
        path,
        args(ROWS),
        args(ROWS, "other", 2),
        args(ROWS, None, 2.5, flag=True),
        args(ROWS, flag=True),
        args(ROWS, "plain", True, shift=1.0),
        args(ROWS, "plain", tf.TensorSpec([], tf.int32)),
    )


VALUES: List[Call] = [
    lambda m: m(X),
    lambda m: m(x=X, mode="plain"),
    lambda m: m(X, "other", 2),
    lambda m: m(X, power=2, mode="other"),
    lambda m: m(X, None, 2.5, flag=True),
    lambda m: m(X, flag=True),
    lambda m: m(X, flag=1),
    lambda m: m(X, power=1.0),
    lambda m: m(X, power=True, shift=1),
    lambda m: m(X, power=True, shift=1.0),
    lambda m: m(X, power=tf.constant(1)),
    lambda m: m(X, power=tf.constant(1.0)),
    lambda m: m(X, power=7),
    lambda m: m(X, "unknown"),
    lambda m: m(X, unknown=1),
    lambda m: m(X, x=X),
    lambda m: m(),
    lambda m: m(X, "other", 2, True),
    lambda m: m(X, flag=None),
    lambda m: m(X, shift=float("nan")),
    lambda m: m(tf.cast(X, tf.float64)),
    lambda m: m(tf.cast(X, tf.int32)),
    lambda m: m(X.numpy()),
    lambda m: m(X.numpy().tolist()),
    lambda m: m(tf.Variable(X)),
    lambda m: m(X[0]),
    lambda m: m(None),
    lambda m: m("text"),
    lambda m: m(RAGGED),
    lambda m: m(X[:, :2]),
]


def _constrained(path: str) -> None:
    kernel = tf.Variable([[1.0], [2.0], [3.0]])

    @tf.function(input_signature=[ROWS, {"b": tf.TensorSpec([], tf.int32)}])
    def call(x, more, power=2):
        return tf.matmul(x, kernel) ** float(power) + tf.cast(more["b"], tf.float32)

    saved(call, path, kernel=kernel)


CONSTRAINED: List[Call] = [
    lambda m: m(X, {"b": tf.constant(1)}),
    lambda m: m(more={"b": tf.constant(1)}, x=X[:1]),
    lambda m: m(X, {"b": 1}),
    lambda m: m(X, {"b": tf.constant(1)}, 2),
    lambda m: m(X, {"b": tf.constant(1)}, power=3),
    lambda m: m(X, {"b": tf.constant(1.0)}),
    lambda m: m(X.numpy(), {"b": tf.constant(1)}),
    lambda m: m(X[0], {"b": tf.constant(1)}),
    lambda m: m(X),
    lambda m: m(X.numpy().tolist(), {"b": np.array(2)}),
    lambda m: m(X.numpy().astype("float64"), {"b": 2}),
    lambda m: m([[1, 2, 3]], {"b": 2}),
    lambda m: m([[1.0], [2.0, 3.0]], {"b": 2}),
    lambda m: m(X, {"c": 2}),
    lambda m: m(X, {"b": 2.5}),
]


def _composite(path: str) -> None:
    @tf.function
    def call(x):
        if isinstance(x, tf.SparseTensor):
            return tf.sparse.reduce_sum(x) + 100.0
        if isinstance(x, tf.RaggedTensor):
            return {"rows": x * 2.0, "total": tf.reduce_sum(x)}
        return tf.reduce_sum(x)

    saved(
        call,
        path,
        args(tf.TensorSpec([None, 3])),
        args(tf.RaggedTensorSpec([None, None], tf.float32)),
        args(tf.SparseTensorSpec([None, None], tf.float32)),
        args(tf.TensorSpec([None])),
    )


COMPOSITE: List[Call] = [
    lambda m: m(X),
    lambda m: m(RAGGED),
    lambda m: m(SPARSE),
    lambda m: m(X[0]),
    lambda m: m(RAGGED.with_values(tf.cast(RAGGED.values, tf.int32))),
]


def _unproven(path: str) -> None:
    """A trace that counts calls comes before one that fits the same inputs."""
    count = tf.Variable(0.0)

    @tf.function
    def call(x):
        if x.shape[0] is None and x.shape[1] == 3:
            count.assign_add(1.0)
        return x + count

    shapes = ([2, 4], [None, 3], [2, 3], [None, None])
    saved(call, path, *(args(tf.TensorSpec(shape)) for shape in shapes), count=count)


UNPROVEN: List[Call] = [
    lambda m: m(tf.ones([2, 3])),
    lambda m: m(tf.ones([2, 4])),
    lambda m: m(tf.ones([2, 3])),
    lambda m: m(tf.ones([2, 4])),
    lambda m: m(tf.ones([5, 5])),
]


def _further(path: str) -> None:
    @tf.function
    def call(x, **more):
        return sum((value for _, value in sorted(more.items())), x)

    saved(call, path, args(ROWS), args(ROWS, y=ROWS), args(ROWS, z=ROWS, y=2.0))


FURTHER: List[Call] = [
    lambda m: m(X),
    lambda m: m(X, y=X),
    lambda m: m(y=X, x=X),
    lambda m: m(X, y=2.0, z=X),
    lambda m: m(X, z=X, y=2.0),
    lambda m: m(X, q=X),
]


def _any_number(path: str) -> None:
    @tf.function
    def call(x, *more):
        return tf.add_n([x, *more])

    saved(call, path, args(ROWS), args(ROWS, ROWS))


ANY_NUMBER: List[Call] = [
    lambda m: m(X),
    lambda m: m(X, X),
    lambda m: m(X, X, X),
]


def _named(path: str) -> None:
    saved(tf.function(lambda x: Pair(x, [x * 2.0])), path, args(ROWS))


NAMED: List[Call] = [lambda m: tuple(m(X)), lambda m: m(X).second, lambda m: m(X)._fields]


def _nothing(path: str) -> None:
    count = tf.Variable(1.0)
    saved(tf.function(lambda: count * 2.0), path, args(), count=count)


NOTHING: List[Call] = [lambda m: m(), lambda m: m(1)]


def _without_result(path: str) -> None:
    count = tf.Variable(1.0)

    @tf.function
    def call(x):
        count.assign_add(x)

    saved(call, path, args(tf.TensorSpec([])), count=count)


WITHOUT_RESULT: List[Call] = [
    lambda m: m(tf.constant(3.0)),
    lambda m: m.count.numpy(),
]


def _texts(path: str) -> None:
    @tf.function
    def call(texts, numbers):
        return [tf.strings.length(texts), numbers, texts, numbers]

    saved(call, path, args(tf.TensorSpec([None], tf.string), tf.TensorSpec([], tf.bool)))


TEXTS: List[Call] = [
    lambda m: m(tf.constant(["a", "bcd"]), tf.constant(True)),
    lambda m: m(["a", "bcd"], True),
    lambda m: m(numbers=tf.constant(False), texts=tf.constant(["x"])),
    lambda m: m(tf.constant("a"), tf.constant(True)),
    lambda m: m(np.array(["a", "bcd"]), np.array(True)),
    lambda m: m(("a", "bcd"), tf.constant(True)),
    lambda m: m([["a"], ["bcd"]], True),
    lambda m: m(["a", 1], True),
    lambda m: m([], True),
    lambda m: m("a", True),
    lambda m: m(["a", tf.constant("b")], True),
]


def _failing(path: str) -> None:
    @tf.function
    def call(x, checked=True):
        if checked:
            tf.debugging.assert_positive(x, "must be positive")
        return tf.gather([1.0, 2.0], x)

    numbers = tf.TensorSpec([None], tf.int32)
    saved(call, path, args(numbers), args(numbers, False))


FAILING: List[Call] = [
    lambda m: m(tf.constant([1, 1])),
    lambda m: m(tf.constant([0])),
    lambda m: m(tf.constant([0]), False),
    lambda m: m(tf.constant([5])),
    lambda m: m(tf.constant([5]), checked=False),
]

MODELS: Dict[str, Tuple[Callable[[str], None], List[Call]]] = {
    "any_number": (_any_number, ANY_NUMBER),
    "composite": (_composite, COMPOSITE),
    "constrained": (_constrained, CONSTRAINED),
    "failing": (_failing, FAILING),
    "further": (_further, FURTHER),
    "named": (_named, NAMED),
    "nothing": (_nothing, NOTHING),
    "shapes": (_shapes, SHAPES),
    "structures": (_structures, STRUCTURES),
    "texts": (_texts, TEXTS),
    "unproven": (_unproven, UNPROVEN),
    "values": (_values, VALUES),
    "without_result": (_without_result, WITHOUT_RESULT),
}
