"""Ops that read or change variables, draw numbers, or keep something: and what each becomes."""

from __future__ import annotations

from typing import Any, Callable, Dict, Sequence

import tensorflow as tf

Rule = Callable[[Any, Any, Sequence[Any]], Any]

CALLS = ("PartitionedCall", "StatefulPartitionedCall")
IFS = ("If", "StatelessIf")
CASES = ("Case", "StatelessCase")
WHILES = ("While", "StatelessWhile")

# What the control flow of TensorFlow 1 does with a tensor; a variable goes through it, too.
PASSES = ("Identity", "Switch", "Enter")
# Its loops go back to what is not made yet.
BACKWARDS = ("NextIteration",)
# Its variables were ops, whose output was the variable and its value.
REFERENCES = ("VariableV2", "Variable")

# Stateful by TensorFlow's word, and the same at every call: what they keep belongs to the
# call, to a table that is filled once, or to a message for people.
STAY = frozenset(
    (
        *("Assert", "Print", "PrintV2", "Placeholder", "PlaceholderWithDefault"),
        *("HashTableV2", "HashTable", "LookupTableFindV2", "LookupTableFind"),
        *("LookupTableSizeV2", "LookupTableSize", "LookupTableExportV2"),
        *("MutableHashTableV2", "MutableDenseHashTableV2", "AnonymousHashTable"),
        *("TensorArrayV3", "TensorArrayReadV3", "TensorArrayWriteV3", "TensorArrayGatherV3"),
        *("TensorArrayScatterV3", "TensorArraySizeV3", "TensorArrayCloseV3"),
        *("TensorArraySplitV3", "TensorArrayConcatV3", "TensorArrayGradV3"),
        *("StackV2", "StackPushV2", "StackPopV2", "StackCloseV2"),
        *("SparseTensorDenseAdd", "Bucketize", "NoOp"),
    )
)


def _scattered(name: str) -> Rule:
    def changed(op: Any, value: Any, inputs: Sequence[Any]) -> Any:
        indices, updates = inputs
        rank = value.shape.rank - 1
        updates = (
            tf.broadcast_to(updates, tf.concat([tf.shape(indices), tf.shape(value)[1:]], 0))
            if updates.shape.rank != indices.shape.rank + rank
            else updates
        )
        return getattr(tf, f"tensor_scatter_nd_{name}")(value, indices[..., None], updates)

    return changed


def _scattered_nd(name: str) -> Rule:
    def changed(op: Any, value: Any, inputs: Sequence[Any]) -> Any:
        return getattr(tf, f"tensor_scatter_nd_{name}")(value, *inputs)

    return changed


def _gathered(op: Any, value: Any, inputs: Sequence[Any]) -> Any:
    return tf.gather(value, inputs[0], batch_dims=op.get_attr("batch_dims"))


def _slice_assigned(op: Any, value: Any, inputs: Sequence[Any]) -> Any:
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    given = dict(zip(("begin", "end", "strides", "value"), inputs))
    given.update({mask: op.get_attr(mask) for mask in masks})
    return tf.raw_ops.TensorStridedSliceUpdate(input=value, **given)


# Op → what it gives, from the variable's value and the op's further inputs.
READS: Dict[str, Rule] = {
    "ReadVariableOp": lambda op, value, inputs: tf.identity(value),
    "ResourceGather": _gathered,
    "ResourceGatherNd": lambda op, value, inputs: tf.gather_nd(value, inputs[0]),
    "VariableShape": lambda op, value, inputs: tf.shape(value, op.get_attr("out_type")),
    "VarIsInitializedOp": lambda op, value, inputs: tf.constant(True),
}

# Op → the variable's new value, from its old one and the op's further inputs.
ASSIGNS: Dict[str, Rule] = {
    "AssignVariableOp": lambda op, value, inputs: tf.identity(inputs[0]),
    "AssignAddVariableOp": lambda op, value, inputs: value + inputs[0],
    "AssignSubVariableOp": lambda op, value, inputs: value - inputs[0],
    "ResourceStridedSliceAssign": _slice_assigned,
    "ResourceApplyGradientDescent": lambda op, value, inputs: value - inputs[0] * inputs[1],
    **{
        f"ResourceScatter{kind}": _scattered(kind.lower())
        for kind in ("Add", "Sub", "Update", "Min", "Max")
    },
    **{
        f"ResourceScatterNd{kind}": _scattered_nd(kind.lower())
        for kind in ("Add", "Sub", "Update", "Min", "Max")
    },
}

# It gives the state of a generator as it was, and moves it on.
MOVES_ON = "RngReadAndSkip"


def moved_on(state: Any, algorithm: Any, delta: Any) -> Any:
    """The state of a tf.random.Generator after it has given ``delta`` numbers.

    Both of its algorithms count 256 for each: Philox in two words, ThreeFry in one.
    """
    words = tf.bitcast(state, tf.uint64)
    low = words[0] + tf.cast(delta, tf.uint64) * 256
    # Numbers without a sign are not compared everywhere: the highest bit is flipped.
    flipped = tf.bitcast(tf.stack([low, words[0]]), tf.int64) ^ tf.int64.min
    carried = (flipped[0] < flipped[1]) & (tf.cast(algorithm, tf.int32) == 1)
    rest = tf.concat([words[1:2] + tf.cast(carried, tf.uint64), words[2:]], 0)
    return tf.bitcast(tf.concat([[low], rest], 0), tf.int64)


def _shape_by(shape: Any, *parameters: Any) -> Any:
    return tf.concat([tf.cast(shape, tf.int32), tf.shape(parameters[0])], 0)


# The same algorithm for all devices, so that the numbers are the same.
_PHILOX = {"alg": "philox"}


def folded(seed: Any, number: Any) -> Any:
    """Another seed for each number."""
    return tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int64), **_PHILOX)


def _categorical(op: Any, seed: Any, inputs: Sequence[Any]) -> Any:
    """By the largest of logits with Gumbel's noise: XLA has no kernel of TensorFlow's own way."""
    logits, count = inputs
    dtype = tf.float64 if logits.dtype == tf.float64 else tf.float32
    rows, classes = tf.unstack(tf.shape(logits))
    least = dtype.as_numpy_dtype(1e-37)
    drawn = tf.random.stateless_uniform(
        [rows, count, classes], seed, least, 1, dtype=dtype, **_PHILOX
    )
    noisy = tf.cast(logits, dtype)[:, None] - tf.math.log(-tf.math.log(drawn))
    return tf.argmax(noisy, -1, op.outputs[0].dtype)


# Op → what draws in its place, from a seed.
RANDOM: Dict[str, Rule] = {
    "RandomUniform": lambda op, seed, inputs: tf.random.stateless_uniform(
        inputs[0], seed, dtype=op.outputs[0].dtype, **_PHILOX
    ),
    "RandomUniformInt": lambda op, seed, inputs: tf.random.stateless_uniform(
        *(inputs[0], seed, inputs[1], inputs[2]), dtype=op.outputs[0].dtype, **_PHILOX
    ),
    "RandomStandardNormal": lambda op, seed, inputs: tf.random.stateless_normal(
        inputs[0], seed, dtype=op.outputs[0].dtype, **_PHILOX
    ),
    "TruncatedNormal": lambda op, seed, inputs: tf.random.stateless_truncated_normal(
        inputs[0], seed, dtype=op.outputs[0].dtype, **_PHILOX
    ),
    "ParameterizedTruncatedNormal": (
        lambda op, seed, inputs: tf.random.stateless_parameterized_truncated_normal(
            inputs[0], seed, *inputs[1:]
        )
    ),
    "RandomGamma": lambda op, seed, inputs: tf.random.stateless_gamma(
        _shape_by(*inputs), seed, inputs[1], dtype=op.outputs[0].dtype
    ),
    "RandomPoissonV2": lambda op, seed, inputs: tf.random.stateless_poisson(
        _shape_by(*inputs), seed, inputs[1], dtype=op.outputs[0].dtype
    ),
    "Multinomial": _categorical,
    "RandomShuffle": lambda op, seed, inputs: tf.random.experimental.stateless_shuffle(
        inputs[0], seed
    ),
}
