"""Numbers that stay what they are as an input, and those that do not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import unihub
from unihub.apis.exact import inexact

OTHERS = {
    "cut": (np.array([1.5]), tf.int32),
    "wrapped": (np.array([2**40]), tf.int32),
    "of no sign": ([-1], tf.uint8),
    "not a number": (np.array([np.nan]), tf.int64),
    "two as true": ([2], tf.bool),
    "without an imaginary part": (np.array([1 + 2j]), tf.float32),
}
THE_SAME = {
    "whole": (np.array([1.0, -3.0]), tf.int32),
    "narrow": (np.array([255]), tf.uint8),
    "rounded": (np.array([0.1]), tf.float32),
    "complex": (np.array([1 + 2j]), tf.complex64),
    "texts": (["1"], tf.int32),
    "of many lengths": ([[1], [1, 2]], tf.int32),
}


@pytest.mark.parametrize("case", OTHERS)
def test_numbers_that_would_be_others_are_given_back(case):
    value, dtype = OTHERS[case]
    np.testing.assert_array_equal(inexact(value, dtype), np.asarray(value))


@pytest.mark.parametrize("case", THE_SAME)
def test_others_stay_or_are_left_to_tensorflow(case):
    assert inexact(*THE_SAME[case]) is None


def test_a_module_takes_no_numbers_that_would_be_others(graph):
    def module_fn():
        x = tf.compat.v1.placeholder(tf.int32, [None])
        unihub.add_signature(inputs=x, outputs=x * 2)

    module = unihub.Module(unihub.create_module_spec(module_fn))
    with pytest.raises(TypeError, match="module-input-not-accepted"):
        module(np.array([1.5]))
    module(tf.compat.v1.placeholder(tf.int32, [None]))
    with tf.compat.v1.Session() as session:
        for whole in (np.array([3.0]), [tf.constant(3)], tf.constant([3])):
            assert session.run(module(whole)).tolist() == [6]
