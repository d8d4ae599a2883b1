"""A model's own __call__ as functions of the eager runtime."""

from __future__ import annotations

import itertools
import threading
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from unihub.apis.lean.calls import CallPlan, Trace
from unihub.apis.lean.plan import Capture
from unihub.apis.lean.private import (
    FunctionDef,
    add_functions,
    call_configuration,
    caller,
    remove_functions,
)
from unihub.apis.lean.structures import Literal, Tensor, converted, fits, packer, tensors

_EAGER_TENSOR = type(tf.constant(0))
_VALUES = frozenset((bool, bytes, float, int, str, np.ndarray))
_LITERALS = frozenset((bool, float, int, str, type(None)))
_CALL, _DONE = "StatefulPartitionedCall", "NoOp"
_MOST_OF_VALUES = 32
_UNIQUE = itertools.count()


class _Unusual(Exception):
    """An argument that TensorFlow is to convert, or to refuse."""


@dataclass(frozen=True)
class Route:
    """How calls with arguments of one kind are served.

    Attributes:
        name: of the function that is called for them.
        trace: index of the one that this calls.
        order: places, in the call, of the tensors that it takes.
        run: calls it with these and its captures.
        pack: makes the result of what it gives.
    """

    name: str
    trace: int
    order: Optional[Tuple[int, ...]]
    run: Callable[[Sequence[Any]], Any]
    pack: Callable[[Sequence[Any]], Any]


class DirectCall:
    """The functions of a __call__, which leave the runtime with this object.

    TensorFlow traces a loaded __call__ anew for each shape of its inputs, and what it
    makes of the functions in it depends on the shapes, down to the last bits of the
    results. So here too each is called from a function of its own for each shape.

    Args:
        plan: of the __call__.
    """

    def __init__(self, plan: CallPlan) -> None:
        self._runtime = add_functions(plan.functions)
        # Shared with the finalizer, which must not know the object.
        self._names = [function.signature.name for function in plan.functions]
        weakref.finalize(self, remove_functions, self._runtime, self._names).atexit = False
        self._arguments = plan.arguments
        self._traces = plan.traces
        self._routes: Dict[Any, Route] = {}
        # Those for Python values, which are constants in their functions.
        self._of_values: Dict[Any, Route] = {}
        self._lock = threading.Lock()

    @property
    def captures(self) -> List[Optional[Sequence[Capture]]]:
        """What each function takes after its inputs; None for one left to TensorFlow."""
        return [trace.captures if isinstance(trace, Trace) else None for trace in self._traces]

    def route(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Optional[Tuple[Route, List[Any]]]:
        """How a call is served, and the tensors that its function takes.

        Returns:
            None where TensorFlow may do something else than call one of the functions.
        """
        try:
            return self._route(args, kwargs)
        except _Unusual:
            pass
        try:
            return self._route(*self._as_tensors(args, kwargs))
        except _Unusual:
            return None

    def _route(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Optional[Tuple[Route, List[Any]]]:
        given: List[Any] = []
        kind: List[Any] = []
        for value in args:
            _describe(value, given, kind)
        for name, value in kwargs.items():
            kind.append(name)
            _describe(value, given, kind)
        key = tuple(kind)
        route = self._routes.get(key) or self._of_values.get(key)
        if route is None:
            route = self._new_route(args, kwargs, key)
            if route is None:
                return None
        if route.order is None:
            return route, given
        return route, [given[place] for place in route.order]

    def _as_tensors(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Tuple[Sequence[Any], Mapping[str, Any]]:
        """The arguments with those made tensors that TensorFlow makes tensors at once.

        These are NumPy's arrays, and all that has a place in an input_signature.

        Raises:
            _Unusual: there is none, or it cannot be made one.
        """
        if not self._arguments.is_constrained:
            return [_arrays(value) for value in args], {n: _arrays(v) for n, v in kwargs.items()}
        positional, named = self._traces[0].inputs
        expected = {**dict(zip(self._arguments.names, positional)), **named}
        if len(args) > len(positional) or not set(kwargs) <= set(expected):
            raise _Unusual
        return (
            [_cast(value, wanted) for value, wanted in zip(args, positional)],
            {name: _cast(value, expected[name]) for name, value in kwargs.items()},
        )

    def _new_route(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], key: Any
    ) -> Optional[Route]:
        count = itertools.count()
        structured = [_structure(value, count) for value in args]
        bound = self._arguments.bound(
            structured, {name: _structure(value, count) for name, value in kwargs.items()}
        )
        if bound is None:
            return None
        for index, trace in enumerate(self._traces):
            fit = None if trace.inputs is None else fits(bound, trace.inputs)
            if fit is False:
                continue
            if fit is None or not isinstance(trace, Trace):
                return None
            route = self._routes[key] = self._to_trace(index, trace, tensors(bound))
            return route
        if self._arguments.is_constrained:
            raise _Unusual
        for index, trace in enumerate(self._traces):
            found = converted(bound, trace.inputs)
            if found is None:
                continue
            if not isinstance(trace, Trace):
                return None
            return self._to_values(key, self._to_trace(index, trace, found))
        return None

    def _to_values(self, key: Any, route: Route) -> Route:
        """Keeps a route for Python values in the place of the one that was made first."""
        with self._lock:
            while len(self._of_values) >= _MOST_OF_VALUES:
                forgotten = self._of_values.pop(next(iter(self._of_values)))
                self._names.remove(forgotten.name)
                remove_functions(self._runtime, [forgotten.name])
            self._of_values[key] = route
        return route

    def _to_trace(self, index: int, trace: Trace, given: Sequence[Any]) -> Route:
        seen = tensors(trace.inputs) if self._arguments.is_constrained else given
        function = _specialized(trace, seen)
        add_functions([function])
        self._names.append(function.signature.name)
        places = [one.place for one in given if isinstance(one, Tensor)]
        order = tuple(place for place in places if place is not None)
        return Route(
            name=function.signature.name,
            trace=index,
            order=None if order == tuple(range(len(order))) else order,
            run=caller(self._runtime, function.signature.name, len(trace.results)),
            pack=packer(trace.result),
        )


def _describe(value: Any, given: List[Any], kind: List[Any]) -> None:
    """Adds the tensors in an argument, and what tells whether another is of its kind."""
    its = type(value)
    if its is _EAGER_TENSOR:
        given.append(value)
        kind.append(value.dtype)
        kind.append(value.shape)
    elif its in _LITERALS:
        kind.append(its)
        kind.append(value)
    elif its is dict and all(type(name) is str for name in value):
        kind.append(dict)
        kind.append(tuple(value))
        for part in value.values():
            _describe(part, given, kind)
    elif its is list or its is tuple:
        kind.append(its)
        kind.append(len(value))
        for part in value:
            _describe(part, given, kind)
    else:
        raise _Unusual


def _arrays(value: Any) -> Any:
    """An argument with tensors in the place of NumPy's arrays."""
    its = type(value)
    if its is np.ndarray:
        return _tensor(value)
    if its is dict:
        return {name: _arrays(part) for name, part in value.items()}
    return its(map(_arrays, value)) if its is list or its is tuple else value


def _cast(value: Any, wanted: Any) -> Any:
    """An argument with tensors where an input_signature has them."""
    its = type(value)
    if isinstance(wanted, Tensor):
        return value if its is _EAGER_TENSOR else _tensor(value, tf.as_dtype(wanted.dtype))
    if its is not type(wanted) or not isinstance(wanted, (dict, list, tuple)):
        return value
    if len(value) != len(wanted) or (its is dict and set(value) != set(wanted)):
        raise _Unusual
    if its is dict:
        return {name: _cast(part, wanted[name]) for name, part in value.items()}
    return its(map(_cast, value, wanted))


def _tensor(value: Any, dtype: Optional[tf.DType] = None) -> Any:
    if any(type(leaf) not in _VALUES for leaf in tf.nest.flatten(value)):
        raise _Unusual
    try:
        return tf.convert_to_tensor(value, dtype)
    except (TypeError, ValueError, tf.errors.OpError):
        raise _Unusual from None


def _structure(value: Any, count: Any) -> Any:
    its = type(value)
    if its is _EAGER_TENSOR:
        return Tensor(value.dtype.as_datatype_enum, tuple(value.shape.as_list()), next(count))
    if its is dict:
        return {name: _structure(part, count) for name, part in value.items()}
    if its is list or its is tuple:
        return its(_structure(part, count) for part in value)
    return Literal(value)


def _specialized(trace: Trace, inputs: Sequence[Any]) -> Any:
    """A function that calls another, for inputs of certain shapes or values.

    Args:
        trace: of the function that is called.
        inputs: of it; a Tensor for what is given, or the constant itself.
    """
    function = FunctionDef()
    function.signature.name = f"__inference_call_{next(_UNIQUE)}_{trace.name}"
    function.signature.is_stateful = trace.stateful
    function.attr["_construction_context"].s = b"kEagerRuntime"
    node = function.node_def.add(name=_CALL, op=_CALL if trace.stateful else "PartitionedCall")
    for place, dtype in enumerate(trace.arguments):
        given = inputs[place] if place < len(inputs) else None
        if given is not None and not isinstance(given, Tensor):
            constant = function.node_def.add(name=f"Const_{place}", op="Const")
            constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(given.numpy()))
            constant.attr["dtype"].type = dtype
            node.input.append(f"{constant.name}:output:0")
            continue
        if given is not None:
            known = function.arg_attr[len(function.signature.input_arg)].attr["_output_shapes"]
            known.list.shape.add().CopyFrom(tf.TensorShape(given.shape).as_proto())
        argument = function.signature.input_arg.add(name=f"input_{place}", type=dtype)
        node.input.append(argument.name)
    node.attr["f"].func.name = trace.name
    node.attr["Tin"].list.type.extend(trace.arguments)
    node.attr["Tout"].list.type.extend(trace.results)
    node.attr["config_proto"].s = call_configuration()
    if trace.stateful:
        function.node_def.add(name=_DONE, op=_DONE, input=[f"^{_CALL}"])
        function.signature.control_output.append(_CALL)
        function.control_ret[_CALL] = _CALL
    for place, dtype in enumerate(trace.results):
        result = function.signature.output_arg.add(name=f"output_{place}", type=dtype)
        identity = function.node_def.add(
            name=f"Identity_{place}", op="Identity", input=[f"{_CALL}:output:{place}"]
        )
        if trace.stateful:
            identity.input.append(f"^{_DONE}")
        identity.attr["T"].type = dtype
        function.ret[result.name] = f"{identity.name}:output:0"
    return function
