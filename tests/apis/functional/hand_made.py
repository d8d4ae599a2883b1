"""Models that do what is hard to make pure: all that changes, chance, control flow, gradients."""

from __future__ import annotations

import tensorflow as tf


class Busy(tf.Module):
    """Assigns in loops and branches, draws from a generator, looks up rows, calls functions."""

    def __init__(self):
        draw = tf.random.Generator.from_seed(1).normal
        self.kernel = tf.Variable(draw([4, 4]), name="kernel")
        self.rows = tf.Variable(draw([10, 4]), name="rows")
        self.calls = tf.Variable(0, trainable=False, name="calls")
        self.sums = tf.Variable(tf.zeros([4]), trainable=False, name="sums")
        self.generator = tf.random.Generator.from_seed(5)
        table = tf.lookup.KeyValueTensorInitializer(tf.range(10), tf.range(9, -1, -1))
        self.table = tf.lookup.StaticHashTable(table, 0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def __call__(self, places):
        self.calls.assign_add(1)
        x = tf.gather(self.rows, self.table.lookup(places))
        x += self.generator.normal(tf.shape(x))
        turn = 0
        while turn < 3:
            x = tf.tanh(x @ self.kernel)
            self.sums.scatter_nd_update([[turn]], [tf.reduce_sum(x)])
            if tf.reduce_sum(x) > 0:
                self.calls.assign_add(10)
                x += self.kernel[0]
            else:
                x = self._scaled(x)
            turn += 1
        self.rows.scatter_add(tf.IndexedSlices([[1.0] * 4], [3]))
        return tf.switch_case(
            self.calls % 3, [lambda: x @ self.kernel, lambda: x * 2.0, lambda: self._scaled(x)]
        )

    @tf.function
    def _scaled(self, x):
        return x - self.kernel[1] * tf.cast(self.calls, tf.float32)


class Drawing(tf.Module):
    """Draws numbers, of every kind, also in a loop."""

    def __init__(self):
        self.scale = tf.Variable(2.0, name="scale")

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def __call__(self, x):
        shape = tf.shape(x)
        found = [
            tf.random.uniform(shape),
            tf.random.normal(shape),
            tf.random.truncated_normal(shape),
            tf.cast(tf.random.uniform(shape, 0, 1000, tf.int32), tf.float32),
            tf.random.gamma([], x + 1.0),
            tf.cast(tf.random.categorical(x, 3), tf.float32),
            tf.random.shuffle(x),
        ]
        drawn = tf.TensorArray(tf.float32, 3)
        for turn in tf.range(3):
            drawn = drawn.write(turn, tf.random.uniform([3]))
        return [self.scale * each for each in [*found, drawn.stack()]]


class Generating(tf.Module):
    """Draws from a generator, whose state has 64 bits."""

    def __init__(self):
        self.scale = tf.Variable(2.0, name="scale")
        self.generator = tf.random.Generator.from_seed(2**40 + 7)

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def __call__(self, x):
        return self.scale * x + self.generator.normal(tf.shape(x))


class Several(tf.Module):
    """Takes two inputs, and two arguments that are no tensors."""

    def __init__(self):
        self.kernel = tf.Variable([1.0, 2.0, 3.0], name="kernel")
        # As a model that was called on one row before it was saved.
        for rows in (1, None):
            row = tf.TensorSpec([rows, 3])
            for training in (False, True):
                for scale in (2.0, 3.0):
                    self.__call__.get_concrete_function(row, row, scale, training)

    @tf.function
    def __call__(self, left, right, scale=2.0, training=False):
        outputs = scale * self.kernel * left + right
        return {"sum": outputs, "nest": [left + 1.0 if training else left]}


class Gradient(tf.Module):
    """Has a gradient of its author's own, which is not that of its ops."""

    def __init__(self):
        self.kernel = tf.Variable([1.0, 2.0, 3.0], name="kernel")

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def __call__(self, x):
        factor = self.kernel * 2.0

        @tf.custom_gradient
        def reversed_(x, factor):
            def gradient(upstream):
                return -7.0 * upstream * factor, tf.reduce_sum(upstream * x, 0)

            return x * factor, gradient

        return reversed_(x, factor)


class Kinds(tf.Module):
    """Gives numbers that each framework holds in its own way, a scalar of truth, and nothing."""

    def __init__(self):
        self.factor = tf.Variable(tf.constant(2.0, tf.bfloat16), trainable=False, name="factor")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.complex64)])
    def __call__(self, x):
        real = tf.math.real(x)
        half = tf.cast(real, tf.bfloat16) * self.factor
        return {"whole": x, "half": half, "any": tf.reduce_any(real > 2.0), "none": None}


class Moving(tf.Module):
    """Takes a moving mean off, after it moved."""

    def __init__(self):
        self.mean = tf.Variable([1.0, 2.0, 3.0], trainable=False, name="mean")

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def __call__(self, x):
        self.mean.assign(0.75 * self.mean + 0.25 * tf.reduce_mean(x, 0))
        return x - self.mean


class Looking(tf.Module):
    """Looks up rows of a table, and once which of them are not zero."""

    def __init__(self):
        self.rows = tf.Variable(tf.reshape(tf.range(12.0), [6, 2]), name="rows")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def __call__(self, places):
        return tf.gather(self.rows, places)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def found(self, places):
        return {"found": tf.where(places > 0)}


class Acting(tf.Module):
    """Does what no pure function does."""

    def __init__(self):
        self.seen = tf.lookup.experimental.DenseHashTable(
            tf.string, tf.int64, 0, "empty", "deleted"
        )

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def __call__(self, path):
        self.seen.insert(path, 1)
        return tf.io.read_file(path)
