"""The modules that scenarios create: module_fns that take the library under test first.

Every variable starts from constants, so that all TensorFlow versions compute the same.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, List

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
Keys = v1.GraphKeys


def spec(hub: Any, module_fn: Callable[..., None], *args: Any, **options: Any) -> Any:
    """A spec of ``module_fn(hub, *args, **arguments)``; options go to create_module_spec."""
    arguments = options.pop("arguments", {})
    return hub.create_module_spec(functools.partial(module_fn, hub, *args, **arguments), **options)


def exported(hub: Any, module_spec: Any, path: Any, tags: Any = None) -> str:
    """The folder that a fresh instance of ``module_spec`` is exported to."""
    with tf.Graph().as_default():
        module = hub.Module(module_spec, tags=tags)
        with v1.Session() as session:
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            module.export(str(path), session)
    return str(path)


def ramp(*shape: int) -> Any:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / np.float32(10)


def scale(hub: Any, factor: float = 2.0) -> None:
    x = v1.placeholder(tf.float32, [], name="x")
    w = v1.get_variable("w", initializer=factor)
    hub.add_signature(inputs=x, outputs=x * w)


def dense(hub: Any, regularized: bool = False, use_resource: bool = True) -> None:
    x = v1.placeholder(tf.float32, [None, 3], name="x")
    regularizer = (lambda value: 0.5 * tf.reduce_sum(value * value)) if regularized else None
    with v1.variable_scope("dense", use_resource=use_resource, regularizer=regularizer):
        w = v1.get_variable("w", initializer=ramp(3, 2))
        b = v1.get_variable("b", initializer=np.float32([1, -1]), regularizer=lambda value: None)
    v1.add_to_collection(Keys.MODEL_VARIABLES, w)
    hub.add_signature(inputs=x, outputs=tf.matmul(x, w) + b)


def normalized(hub: Any, is_training: bool = True) -> None:
    """Batch normalisation written out, with its moving mean updated through UPDATE_OPS."""
    x = v1.placeholder(tf.float32, [None, 2], name="x")
    gamma = v1.get_variable("gamma", initializer=np.float32([1, 2]))
    moving_mean = v1.get_variable(
        "moving_mean", initializer=np.zeros(2, np.float32), trainable=False
    )
    mean = tf.reduce_mean(x, axis=0) if is_training else moving_mean
    if is_training:
        update = moving_mean.assign_sub(0.1 * (moving_mean - mean), read_value=False)
        v1.add_to_collection(Keys.UPDATE_OPS, update)
    v1.add_to_collection(Keys.REGULARIZATION_LOSSES, tf.reduce_sum(gamma * gamma, name="penalty"))
    hub.add_signature(inputs=x, outputs=(x - mean) * gamma)


TRAIN_AND_SERVE = [({"train"}, {"is_training": True}), (set(), {"is_training": False})]


def signatures(hub: Any) -> None:
    """One signature for each shape that a signature can have."""
    w = v1.get_variable("w", initializer=np.float32([1, 10]))
    x, a, b = (v1.placeholder(tf.float32, [None, 2], name=name) for name in "xab")
    words = v1.placeholder(tf.string, [None], name="words")
    hub.add_signature(inputs=x, outputs=x * w)
    hub.add_signature("sum", {"a": a, "b": b}, {"default": a + b, "difference": a - b})
    hub.add_signature("pair", x, {"first": x[:, 0], "second": x[:, 1]})
    hub.add_signature("constant", outputs=tf.identity(w))
    hub.add_signature("identity", x, x)
    hub.add_signature("nothing", x, {})
    hub.add_signature("words", words, v1.string_join([words, "!"]))


def typed(hub: Any, dtype: str) -> None:
    x = v1.placeholder(dtype, [None], name="x")
    hub.add_signature(inputs=x, outputs=tf.reverse(x, [0]))


def of_shape(hub: Any, shape: Any) -> None:
    x = v1.placeholder(tf.float32, shape, name="x")
    hub.add_signature(inputs=x, outputs={"default": x * 2.0, "sum": tf.reduce_sum(x, axis=-1)})


def holding(hub: Any, value: Any, trainable: bool = False) -> None:
    kept = v1.get_variable("kept", initializer=tf.constant(value), trainable=trainable)
    hub.add_signature(outputs=tf.identity(kept))


def sparse(hub: Any) -> None:
    x = v1.sparse_placeholder(tf.float32, name="x")
    w = v1.get_variable("w", initializer=3.0)
    tripled = tf.SparseTensor(x.indices, x.values * w, x.dense_shape)
    hub.add_signature(inputs=x, outputs={"default": tf.sparse.to_dense(tripled), "sparse": tripled})


def ragged(hub: Any) -> None:
    x = v1.ragged.placeholder(tf.float32, ragged_rank=1, name="x")
    w = v1.get_variable("w", initializer=3.0)
    hub.add_signature(inputs=x, outputs={"default": x.with_values(x.values * w), "flat": x.values})


def partitioned(hub: Any, use_resource: bool = True) -> None:
    x = v1.placeholder(tf.int64, [None], name="ids")
    three = v1.fixed_size_partitioner(3)
    with v1.variable_scope("sharded", partitioner=three, use_resource=use_resource):
        table = v1.get_variable("table", initializer=_rows, shape=[7, 2])
    whole = v1.get_variable("whole", initializer=np.float32([0.5, 0.25]))
    embedded = tf.nn.embedding_lookup(table, x, **_STRATEGY)
    hub.add_signature(inputs=x, outputs=embedded + whole)


# Only 1.x has the argument; div is what 2.x always does, and what contiguous shards need.
_STRATEGY = {"partition_strategy": "div"} if tf.__version__.startswith("1.") else {}


def _rows(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
    first = partition_info.var_offset[0] if partition_info else 0
    return tf.constant(ramp(7, 2)[first : first + int(shape[0])])


def lookup(hub: Any) -> None:
    words = v1.placeholder(tf.string, [None], name="words")
    pairs = tf.lookup.KeyValueTensorInitializer(
        tf.constant(["one", "two"]), tf.constant([1, 2], tf.int64)
    )
    table = tf.lookup.StaticHashTable(pairs, -1)
    hub.add_signature(inputs=words, outputs=table.lookup(words))


def file_table(path: str) -> Any:
    """A table from each line of a text file to its number."""
    index = tf.lookup.TextFileIndex
    lines = tf.lookup.TextFileInitializer(
        path, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
    )
    return tf.lookup.StaticHashTable(lines, -1)


def vocabulary(hub: Any, *paths: str) -> None:
    """Each word's line number in each file, which is an asset."""
    words = v1.placeholder(tf.string, [None], name="words")
    ids = [file_table(path).lookup(words) for path in paths]
    hub.add_signature(inputs=words, outputs=tf.stack(ids))


def asset(hub: Any, path: str) -> None:
    filename = tf.constant(path, name="filename")
    v1.add_to_collection(Keys.ASSET_FILEPATHS, filename)
    hub.add_signature(outputs=tf.io.read_file(filename))


def queue(hub: Any) -> None:
    """State that is no variable: what one signature puts in, another takes out."""
    x = v1.placeholder(tf.float32, [], name="x")
    fifo = tf.queue.FIFOQueue(10, [tf.float32], shapes=[[]], name="fifo")
    with tf.control_dependencies([fifo.enqueue(x)]):
        hub.add_signature("put", x, tf.identity(x))
    hub.add_signature("take", outputs=fifo.dequeue())


def mutable_table(hub: Any) -> None:
    keys = v1.placeholder(tf.int64, [None], name="keys")
    values = v1.placeholder(tf.float32, [None], name="values")
    table = tf.raw_ops.MutableHashTableV2(key_dtype=tf.int64, value_dtype=tf.float32, name="kept")
    insert = tf.raw_ops.LookupTableInsertV2(table_handle=table, keys=keys, values=values)
    found = tf.raw_ops.LookupTableFindV2(table_handle=table, keys=keys, default_value=-1.0)
    with tf.control_dependencies([insert]):
        hub.add_signature("insert", {"keys": keys, "values": values}, tf.identity(keys))
    hub.add_signature("find", keys, found)


def table_with_inputs(hub: Any) -> None:
    """A table whose operation has inputs, so that it does not count as state."""
    keys = v1.placeholder(tf.int64, [None], name="keys")
    table = tf.raw_ops.MutableDenseHashTableV2(
        empty_key=tf.constant(-1, tf.int64),
        deleted_key=tf.constant(-2, tf.int64),
        value_dtype=tf.int64,
        shared_name="kept",
    )
    insert = tf.raw_ops.LookupTableInsertV2(table_handle=table, keys=keys, values=keys)
    with tf.control_dependencies([insert]):
        size = tf.raw_ops.LookupTableSizeV2(table_handle=table)
    hub.add_signature(inputs=keys, outputs=size)


def nested(hub: Any, inner: Any, trainable: bool = True, input_dtype: Any = tf.float32) -> None:
    module = hub.Module(inner, trainable=trainable)
    x = v1.placeholder(input_dtype, module.get_input_info_dict()["default"].get_shape())
    w = v1.get_variable("w", initializer=10.0)
    hub.add_signature(inputs=x, outputs=tf.cast(module(x), tf.float32) * w)


def iterating(hub: Any) -> None:
    numbers = v1.data.Dataset.from_tensor_slices([5.0, 6.0, 7.0])
    hub.add_signature(outputs=v1.data.make_one_shot_iterator(numbers).get_next() * 2.0)


def branching(hub: Any) -> None:
    x = v1.placeholder(tf.float32, [], name="x")
    w = v1.get_variable("w", initializer=2.0)
    hub.add_signature(inputs=x, outputs=v1.cond(x > 0.0, lambda: x * w, lambda: -x + w))


def looping(hub: Any) -> None:
    """x multiplied by w n times, in a while loop."""
    x = v1.placeholder(tf.float32, [], name="x")
    n = v1.placeholder(tf.int32, [], name="n")
    w = v1.get_variable("w", initializer=2.0)
    _, power = v1.while_loop(lambda i, _: i < n, lambda i, y: (i + 1, y * w), [0, x])
    hub.add_signature(inputs={"x": x, "n": n}, outputs=power)


def mapping(hub: Any) -> None:
    x = v1.placeholder(tf.float32, [None], name="x")
    w = v1.get_variable("w", initializer=2.0)
    hub.add_signature(inputs=x, outputs=tf.map_fn(lambda item: item * w, x))


def python(hub: Any, graphs: List[Any]) -> None:
    """A Python function, which lives as long as the graph that it was made for."""
    graphs.append(v1.get_default_graph())
    x = v1.placeholder(tf.float32, [None], name="x")
    doubled = v1.py_func(lambda value: value * np.float32(2), [x], tf.float32)
    doubled.set_shape([None])
    hub.add_signature(inputs=x, outputs=doubled)


def function(hub: Any) -> None:
    x = v1.placeholder(tf.float32, [None], name="x")
    w = v1.get_variable("w", initializer=2.0)

    @tf.function
    def double(value: Any) -> Any:
        return value * w

    hub.add_signature(inputs=x, outputs=tf.identity(double(x)))


def random(hub: Any) -> None:
    n = v1.placeholder(tf.int32, [1], name="n")
    hub.add_signature(inputs=n, outputs=v1.random_uniform(n, seed=7))


def asserting(hub: Any) -> None:
    x = v1.placeholder(tf.float32, [], name="x")
    with tf.control_dependencies([v1.assert_positive(x)]):
        hub.add_signature(inputs=x, outputs=tf.identity(x))


def with_custom_gradient(hub: Any) -> None:
    x = v1.placeholder(tf.float32, [], name="x")

    @tf.custom_gradient
    def clipped(value: Any) -> Any:
        return value * 2.0, lambda upstream: upstream * 100.0

    hub.add_signature(inputs=x, outputs=clipped(x))


def devices(hub: Any) -> None:
    x = v1.placeholder(tf.float32, [], name="x")
    with tf.device("/device:CPU:2"):
        w = v1.get_variable("w", initializer=2.0)
        hub.add_signature(inputs=x, outputs=tf.multiply(x, w, name="y"))


def colocated(hub: Any, how: str) -> None:
    """Operations held together by colocate_with in the ways that a module can contain."""
    x = v1.placeholder(tf.float32, [None], name="x")
    w = v1.get_variable("w", initializer=2.0)
    first, second = tf.split(v1.placeholder(tf.float32, [2], name="both"), 2)
    built = {
        "with_input": (x, lambda: x * w, x),
        "with_state": (w, lambda: x * w, x),
        "input": (w, lambda: v1.placeholder(tf.float32, [], name="held") * w, None),
        "with_one_of_two_outputs": (
            first,
            lambda: first + second,
            {"first": first, "second": second},
        ),
        "state_with_state": (w, lambda: v1.get_variable("held", initializer=3.0) * x, x),
        "state_with_input": (x, lambda: v1.get_variable("held", initializer=3.0) * x, x),
    }
    anchor, build, inputs = built[how]
    with v1.colocate_with(anchor.op):
        y = build()
    hub.add_signature(inputs=y.op.inputs[0] if inputs is None else inputs, outputs=y)


def layered(hub: Any, is_training: bool = False) -> None:
    images = v1.placeholder(tf.float32, [None, 4, 4, 1], name="images")
    constant = tf.constant_initializer
    with v1.variable_scope("net"):
        net = v1.layers.conv2d(
            images, 2, 3, kernel_initializer=constant(0.25), name="conv",
            kernel_regularizer=lambda value: 0.1 * tf.reduce_sum(value * value),
        )  # fmt: skip
        net = v1.layers.batch_normalization(net, training=is_training, name="norm", fused=False)
        net = v1.layers.flatten(net)
        net = v1.layers.dense(net, 3, kernel_initializer=constant(0.5), name="logits")
    hub.add_signature(inputs={"images": images}, outputs=net)


def text(hub: Any) -> None:
    """Length of each sentence, as an embedding of two numbers."""
    sentences = v1.placeholder(tf.string, [None], name="sentences")
    w = v1.get_variable("w", initializer=np.float32([[1, 10]]))
    length = tf.cast(tf.strings.length(sentences), tf.float32)
    hub.add_signature(inputs=sentences, outputs=tf.reshape(length, [-1, 1]) * w)


def image(hub: Any, height: int = 2, width: int = 3, information: bool = False) -> None:
    images = v1.placeholder(tf.float32, [None, height, width, 3], name="images")
    if information:
        size = hub.ImageModuleInfo()
        size.default_image_size.height, size.default_image_size.width = 2, 3
        hub.attach_image_module_info(size)
    w = v1.get_variable("w", initializer=ramp(3, 2))
    pooled = tf.reduce_mean(images, axis=[1, 2])
    hub.add_signature(inputs={"images": images}, outputs=tf.matmul(pooled, w))
