"""The comparison of observations finds what it must and forgives what it may."""

from __future__ import annotations

import numpy as np
from apis.module.observe import attempt, differences, plain


def test_arrays_keep_dtype_and_shape() -> None:
    assert plain(np.float32([[1, 2]])) == {"float32": [[1.0, 2.0]]}
    assert plain({"a": (np.int64(3), None, b"x")}) == {"a": [{"int64": 3}, None, "x"]}
    assert plain(np.array([b"x", "y"], object)) == {"object": ["x", "y"]}
    assert plain(np.complex64(1 + 2j)) == {"complex64": [1.0, 2.0]}


def test_numbers_may_be_off_by_the_tolerance_only() -> None:
    assert differences({"x": 1.0}, {"x": 1.0000005}) == []
    assert differences({"x": 1.0}, {"x": 1.00001}) == ["x: expected 1.0, got 1.00001"]
    assert differences({"x": 1}, {"x": 2}) == ["x: expected 1, got 2"]
    assert differences([float("inf")], [float("inf")]) == []


def test_types_and_lengths_count() -> None:
    assert differences([1], [True]) == ["[0]: expected 1, got True"]
    assert differences([1], [1, 2]) == [": expected [1], got [1, 2]"]
    assert differences({"float32": [1.0]}, {"float64": [1.0]}) == [
        "float32: expected [1.0], got nothing",
        "float64: expected nothing, got [1.0]",
    ]


def test_an_error_may_be_more_than_expected_but_not_less() -> None:
    class Both(KeyError, ValueError):
        pass

    def fail(error: type) -> None:
        raise error

    both, one = attempt(lambda: fail(Both)), attempt(lambda: fail(ValueError))
    assert one == {"raises": ["ValueError"]}
    assert differences(one, both) == []
    assert differences(both, one) != []
    assert differences(one, attempt(lambda: 1)) != []
