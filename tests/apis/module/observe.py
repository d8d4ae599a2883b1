"""What a scenario may observe, in a plain form that JSON holds and that can be compared.

An observation is made of dicts, lists, text, numbers and arrays. An array is kept with its
dtype, as ``{"float32": [[1.0, 2.0]]}``; an error as ``{"raises": ["ValueError"]}``.
"""

from __future__ import annotations

import functools
import math
import os
from typing import Any, Callable, Dict, Iterable, List

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1

FLOAT_TOLERANCE = 1e-6
_SIGNIFICANT_DIGITS = 9
_SAYS_NOTHING = {"Exception", "BaseException", "object"}


def run(fetches: Any, feed: Any = None) -> Any:
    """Values of ``fetches`` after variables and tables are initialised."""
    with v1.Session() as session:
        initialize(session)
        return session.run(fetches, feed)


def derivatives(output: Any, inputs: Any) -> Any:
    """Values of the gradients, None for an input that the output does not depend on."""
    derived = tf.gradients(output, inputs)
    values = iter(run([value for value in derived if value is not None]))
    return [None if value is None else next(values) for value in derived]


def initialize(session: Any) -> None:
    session.run([v1.global_variables_initializer(), v1.tables_initializer()])


def attempt(call: Callable[[], Any]) -> Any:
    """What ``call`` returns, or the error it raises."""
    try:
        return call()
    except Exception as error:  # whatever it raises is the observation
        return {"raises": _catchable_as(type(error))}


def _catchable_as(error: type) -> List[str]:
    """The public classes by which callers can catch it: builtin or of tf.errors."""
    return [
        base.__name__
        for base in error.__mro__
        if base.__name__ not in _SAYS_NOTHING
        and (base.__module__ == "builtins" or base.__module__.startswith("tensorflow.python"))
    ]


def tensor(value: Any) -> Any:
    """Name, dtype and static shape of a tensor, component by component if composite."""
    if isinstance(value, tf.SparseTensor):
        return [tensor(part) for part in (value.indices, value.values, value.dense_shape)]
    if isinstance(value, tf.RaggedTensor):
        return [tensor(part) for part in (value.flat_values, *value.nested_row_splits)]
    if isinstance(value, dict):
        return {key: tensor(part) for key, part in value.items()}
    return f"{value.name} {value.dtype.base_dtype.name} {_shape_text(value.shape)}"


def variables(values: Iterable[Any]) -> List[str]:
    """Name, dtype, shape, kind and trainability of variables, in the order given."""
    return [
        "{} {} {} {}".format(
            tensor(value), value.op.type, "trainable" if value.trainable else "fixed", _slice(value)
        ).rstrip()
        for value in values
    ]


def _slice(variable: Any) -> str:
    info = variable._get_save_slice_info()
    return info.spec if info else ""


def variable_map(module: Any) -> Dict[str, Any]:
    return {
        key: [part.name for part in value] if isinstance(value, list) else value.name
        for key, value in module.variable_map.items()
    }


def collections() -> Dict[str, List[str]]:
    """Names of what the default graph's collections hold."""
    graph = v1.get_default_graph()
    keys = [key for key in graph.get_all_collection_keys() if isinstance(key, str)]
    found = {key: sorted(_name(item) for item in graph.get_collection(key)) for key in keys}
    return {key: names for key, names in found.items() if names}


def _name(item: Any) -> str:
    return getattr(item, "name", None) or type(item).__name__


_STATE_TYPES = ("VarHandleOp", "VariableV2", "HashTableV2", "FIFOQueueV2")


def state_ops() -> List[str]:
    """The operations of the default graph that hold variables, tables and queues."""
    return sorted(
        op.name for op in v1.get_default_graph().get_operations() if op.type in _STATE_TYPES
    )


def infos(info_dict: Dict[str, Any]) -> Dict[str, Any]:
    """dtype, shape and kind of each entry of get_input_info_dict and get_output_info_dict."""
    return {
        name: f"{info.dtype.name} {_shape_text(info.get_shape())} {_kind(info)}"
        for name, info in info_dict.items()
    }


def _kind(info: Any) -> str:
    if info.is_sparse:
        return "sparse"
    return info.type_spec.value_type.__name__ if info.is_composite else "dense"


def _shape_text(shape: Any) -> str:
    return str(tf.TensorShape(shape).as_list() if tf.TensorShape(shape).ndims is not None else None)


def files(folder: Any) -> List[str]:
    """Paths of all files below ``folder``, and of its empty folders with a slash."""
    found = []
    for parent, folders, names in os.walk(str(folder)):
        below = os.path.relpath(parent, str(folder)).replace(os.sep, "/")
        found += [name if below == "." else f"{below}/{name}" for name in names]
        found += [] if folders or names else [f"{below}/"]
    return sorted(found)


@functools.singledispatch
def plain(value: Any) -> Any:
    """The JSON form of an observation."""
    raise TypeError(f"an observation cannot be a {type(value).__name__}: {value!r}")


@plain.register(type(None))
@plain.register(bool)
@plain.register(int)
@plain.register(float)
@plain.register(str)
def _(value: Any) -> Any:
    return value


@plain.register(bytes)
def _(value: bytes) -> str:
    return value.decode("utf-8")


@plain.register(dict)
def _(value: Dict[Any, Any]) -> Any:
    return {str(key): plain(part) for key, part in sorted(value.items())}


@plain.register(list)
@plain.register(tuple)
def _(value: Any) -> Any:
    return [plain(part) for part in value]


@plain.register(set)
@plain.register(frozenset)
def _(value: Any) -> Any:
    return sorted(plain(part) for part in value)


@plain.register(np.ndarray)
@plain.register(np.generic)
def _(value: Any) -> Any:
    return {value.dtype.name.replace("bytes", "object"): _numbers(value.tolist())}


@plain.register(v1.SparseTensorValue)
def _(value: Any) -> Any:
    return plain(dict(value._asdict()))


@plain.register(v1.ragged.RaggedTensorValue)
def _(value: Any) -> Any:
    return {"ragged": _numbers(value.to_list())}


def _numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    if isinstance(value, complex):
        return [_numbers(value.real), _numbers(value.imag)]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float) and math.isfinite(value):
        return float("{:.{}g}".format(value, _SIGNIFICANT_DIGITS))
    return value


def differences(expected: Any, actual: Any, at: str = "") -> List[str]:
    """Where ``actual`` is not as ``expected``, one line each, both in plain form.

    Numbers may be off by FLOAT_TOLERANCE. An error may be more than was expected: a class
    that is caught by every except clause which catches the expected one.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        if "raises" in expected and "raises" in actual:
            missing = set(expected["raises"]) - set(actual["raises"])
            return [_line(at, expected, actual)] if missing else []
        return [
            line
            for key in sorted(set(expected) | set(actual))
            for line in differences(
                expected.get(key, _ABSENT), actual.get(key, _ABSENT), f"{at}.{key}"
            )
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [
            line
            for index, pair in enumerate(zip(expected, actual))
            for line in differences(pair[0], pair[1], f"{at}[{index}]")
        ]
    if type(expected) is float and type(actual) is float:
        same = math.isclose(expected, actual, rel_tol=FLOAT_TOLERANCE, abs_tol=FLOAT_TOLERANCE)
        return [] if same or expected == actual else [_line(at, expected, actual)]
    same = type(expected) is type(actual) and expected == actual
    return [] if same else [_line(at, expected, actual)]


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()


def _line(at: str, expected: Any, actual: Any) -> str:
    return "{}: expected {!r}, got {!r}".format(at.lstrip("."), expected, actual)
