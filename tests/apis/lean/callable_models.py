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


def _ordered(path: str) -> None:
    """Products that TensorFlow computes in the order of the names of what goes into them."""
    weights = tf.Variable([1.1, 2.3, 3.7, 0.3])
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [3]), 7)
    few, many = tf.constant([1.3, 0.7, 1.9, 2.1]), tf.random.stateless_normal([40, 4], [1, 2])

    @tf.function
    def call(x, mask, Identity, noop=None, *, unknown=None, Const=1.5, abc=None):
        size = table.lookup(tf.constant("a"))
        others = Identity["b"] * Identity["a"][0] * Identity["c"]
        total = x * mask * weights * others * few * tf.reduce_mean(many, axis=0) * Const
        return total * tf.cast(size, tf.float32), x * weights * mask, mask * x * few

    row, scalar = tf.TensorSpec([None, 4]), tf.TensorSpec([])
    nested = {"c": row, "a": [row], "b": row}
    saved(
        call,
        path,
        args(row, row, nested),
        args(row, row, nested, unknown=row, abc=row, Const=scalar),
        args(row, row, nested, row, unknown=row, abc=row),
        weights=weights,
        table=table,
        few=few,
        many=many,
    )


def normal(seed: int) -> Any:
    return tf.random.stateless_normal([3, 4], [seed, 2])


def nested(*order: str) -> Dict[str, Any]:
    values = {"a": [normal(3)], "b": normal(4), "c": normal(5)}
    return {name: values[name] for name in order}


ORDERED: List[Call] = [
    lambda m: m(normal(1), normal(2), nested("a", "b", "c")),
    lambda m: m(normal(1), normal(2), nested("b", "c", "a")),
    lambda m: m(mask=normal(2), Identity=nested("c", "b", "a"), x=normal(1)),
    lambda m: m(
        normal(1), normal(2), nested("a", "b", "c"), unknown=normal(6), abc=normal(7), Const=2.5
    ),
    lambda m: m(
        normal(1),
        normal(2),
        nested("a", "c", "b"),
        Const=tf.constant(2.5),
        abc=normal(7),
        unknown=normal(6),
    ),
    lambda m: m(
        normal(1), normal(2), nested("a", "b", "c"), normal(8), abc=normal(7), unknown=normal(6)
    ),
]


def _named_specs(path: str) -> None:
    """An input_signature whose names are not those of the arguments."""
    row = tf.TensorSpec([None, 4])

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 4], name="zed"),
            {"q": tf.TensorSpec(None, name="b"), "p": row, "o": tf.TensorSpec([None, 4], name="x")},
        ]
    )
    def call(x, y):
        return x * y["q"] * y["p"] * y["o"]

    saved(call, path)


NAMED_SPECS: List[Call] = [
    lambda m: m(normal(1), {"o": normal(2), "p": normal(3), "q": normal(4)}),
    lambda m: m(normal(1), {"q": normal(2)[0], "p": normal(3), "o": normal(4)}),
    lambda m: m(y={"q": normal(2), "p": normal(3).numpy(), "o": normal(4)}, x=normal(1)),
]


def _mixed(path: str) -> None:
    """Traces for a tensor and for a list, which shows in the result."""

    @tf.function
    def call(x):
        return x[0] * 100 + x[1] if isinstance(x, list) else tf.reduce_sum(x)

    scalar = tf.TensorSpec([])
    saved(call, path, args(tf.TensorSpec([2])), args([scalar, scalar]))


MIXED: List[Call] = [
    lambda m: m([tf.constant(1.0), 2.0]),
    lambda m: m([1.0, tf.constant(2.0)]),
    lambda m: m([tf.constant(1.0), tf.constant(2.0)]),
    lambda m: m([1.0, 2.0]),
    lambda m: m([True, 2]),
    lambda m: m([tf.constant(1.0), "a"]),
    lambda m: m([np.float32(1.0), np.ones([], "float32")]),
    lambda m: m((1.0, 2.0)),
    lambda m: m(tf.constant([1.0, 2.0])),
]


def _equal(path: str) -> None:
    """Traces for values that are equal to Python, which shows in the result."""

    @tf.function
    def call(x, flag, power=2.0):
        return x + (1000.0 if flag is True else 1.0) + power

    scalar, several = tf.TensorSpec([]), tf.TensorSpec(None)
    saved(call, path, args(scalar, True), args(several, 1), args(scalar, 1, scalar))


EQUAL: List[Call] = [
    lambda m: m(2.0, 1),
    lambda m: m(2.0, True),
    lambda m: m(tf.constant(2.0), 1),
    lambda m: m(tf.constant(2.0), True),
    lambda m: m(tf.constant(2.0), 1.0),
    lambda m: m(tf.constant([2.0]), 1),
    lambda m: m(tf.constant([2.0]), True),
    lambda m: m(2, True),
    lambda m: m(True, 1),
    lambda m: m(2.0, True, 2),
    lambda m: m(2.0, 1.0, True),
    lambda m: m(2.0, 1.0, tf.constant(1.0)),
    lambda m: m(2.0, 2),
]

MODELS: Dict[str, Tuple[Callable[[str], None], List[Call]]] = {
    "any_number": (_any_number, ANY_NUMBER),
    "composite": (_composite, COMPOSITE),
    "constrained": (_constrained, CONSTRAINED),
    "equal": (_equal, EQUAL),
    "failing": (_failing, FAILING),
    "further": (_further, FURTHER),
    "mixed": (_mixed, MIXED),
    "named": (_named, NAMED),
    "named_specs": (_named_specs, NAMED_SPECS),
    "nothing": (_nothing, NOTHING),
    "ordered": (_ordered, ORDERED),
    "shapes": (_shapes, SHAPES),
    "structures": (_structures, STRUCTURES),
    "texts": (_texts, TEXTS),
    "unproven": (_unproven, UNPROVEN),
    "values": (_values, VALUES),
    "without_result": (_without_result, WITHOUT_RESULT),
}
