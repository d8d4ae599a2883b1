"""Which functions serve the calls of a model's own __call__."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from unihub.apis.lean.calls import Trace
from unihub.apis.lean.direct import DirectCall, Wrapper
from unihub.apis.lean.structures import Fit, Literal, Tensor, converted, covers, fits, tensors
from unihub.apis.lean.wrappers import Given

Arguments = Tuple[Sequence[Any], Mapping[str, Any]]

_EAGER_TENSOR = type(tf.constant(0))
# Of a graph that is traced; older releases have no class of their own for these.
_SYMBOLIC_TENSOR = getattr(tf.__internal__, "SymbolicTensor", None)
_VALUES = frozenset((bool, bytes, float, int, str, np.ndarray))
_LITERALS = frozenset((bool, float, int, str, type(None)))
_MOST_OF_VALUES = 32
# Stand for themselves in what tells calls apart.
_LITERAL, _NAN = object(), object()


class _Unusual(Exception):
    """An argument that TensorFlow is to convert, or to refuse."""


@dataclass(frozen=True)
class Route:
    """How calls with arguments of one kind are served.

    Attributes:
        wrapper: what is called for them.
        bound: the arguments of the first such call, by position and by name.
        order: places, in the call, of the tensors that it takes; None for as they are.
        example: arguments that TensorFlow traces for as for those of the first such call.
    """

    wrapper: Wrapper
    bound: Any
    order: Optional[Tuple[Any, ...]]
    example: Arguments


class Routes:
    """Which functions serve the calls of one object.

    As TensorFlow's tf.function does, it lets the first call decide for all those whose
    tensors have the same shapes and whose Python values are equal, as 1 and True are.

    Args:
        direct: the functions of the __call__.

    Attributes:
        takes_values: whether Python values of a new kind are made constants. Once
            TensorFlow's own function was called, it knows for which ones it was.
    """

    def __init__(self, direct: DirectCall) -> None:
        self.takes_values = True
        self._is_closed = False
        self._direct = direct
        self._routes: Dict[Any, Route] = {}
        # Those for Python values, which are constants in their functions.
        self._of_values: Dict[Any, Route] = {}
        # By what is bound to the arguments, however it was given.
        self._by_binding: Dict[Any, Route] = {}
        self._traces: Dict[Any, int] = {}
        # Of tensors of unknown sizes, which TensorFlow takes for those of known ones too.
        self._general: List[Route] = []
        self._lock = threading.Lock()

    def find(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Optional[Tuple[Route, List[Any]]]:
        """How a call is served, and the tensors that its function takes.

        Returns:
            None where TensorFlow may do something else than call one of the functions.
        """
        for convert in (_as_they_are, self._as_tensors):
            try:
                return self._find(*convert(args, kwargs))
            except _Unusual:
                pass
        return None

    def find_traced(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Optional[Tuple[Route, List[Any]]]:
        """The same for a call in a graph, where no argument may become a tensor."""
        try:
            return self._find(args, kwargs)
        except _Unusual:
            return None

    def known(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Optional[Route]:
        """How such a call was served before; None where it was not."""
        for convert in (_as_they_are, self._as_tensors):
            try:
                converted_args, converted_kwargs = convert(args, kwargs)
                route = self._get(_described(converted_args, converted_kwargs)[0])
                # It may have been given its arguments by name, or in another order.
                bound = None if route else self._bound(converted_args, converted_kwargs)
                if bound is None:
                    return route
                covering = self._covering(bound)
                sole = covering[0] if len(covering) == 1 else None
                return self._by_binding.get(_binding(bound)) or sole
            except _Unusual:
                pass
        return None

    def _bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        count = itertools.count()
        structured = [_structure(value, count) for value in args]
        return self._direct.arguments.bound(
            structured, {name: _structure(value, count) for name, value in kwargs.items()}
        )

    def _covering(self, bound: Any) -> List[Route]:
        return [route for route in self._general if covers(route.bound, bound)]

    def _get(self, key: Any) -> Optional[Route]:
        return self._routes.get(key) or self._of_values.get(key)

    def _find(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Optional[Tuple[Route, List[Any]]]:
        key, given = _described(args, kwargs)
        route = self._get(key)
        if route is None:
            with self._lock:
                route = self._get(key) or self._new_route(args, kwargs, key)
            if route is None:
                return None
        if route.order is None:
            return route, given
        return route, [given[place] for place in route.order]

    def _as_tensors(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
        """The arguments with those made tensors that TensorFlow makes tensors at once.

        These are NumPy's arrays, and all that has a place in an input_signature.

        Raises:
            _Unusual: there is none, or it cannot be made one.
        """
        arguments = self._direct.arguments
        if not arguments.is_constrained:
            return list(map(_arrays, args)), {n: _arrays(value) for n, value in kwargs.items()}
        positional, named = self._direct.traces[0].inputs
        expected = {**dict(zip(arguments.names, positional)), **named}
        if len(args) > len(positional) or not set(kwargs) <= set(expected):
            raise _Unusual
        return (
            [_cast(value, wanted) for value, wanted in zip(args, positional)],
            {name: _cast(value, expected[name]) for name, value in kwargs.items()},
        )

    def trace_of(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Optional[Tuple[Any, int]]:
        """A key that tells a call from others, and the place of the trace that serves it.

        Returns:
            None where it may be another, or none, or a constant is made for it.
        """
        conversions = (
            (_as_they_are, self._as_tensors) if tf.executing_eagerly() else (_as_they_are,)
        )
        for convert in conversions:
            try:
                converted_args, converted_kwargs = convert(args, kwargs)
                key = _described(converted_args, converted_kwargs)[0]
            except _Unusual:
                continue
            found = self._traces.get(key)
            if found is None:
                found = self._fitting(self._bound(converted_args, converted_kwargs))
                if found is not None:
                    self._traces[key] = found
            return None if found is None else (key, found)
        return None

    def are_told_apart(self) -> bool:
        """Whether no two traces take calls that differ in nothing but their tensors' shapes."""
        traces = self._direct.traces
        if self._direct.arguments.is_constrained or any(one.inputs is None for one in traces):
            return False
        return len({_binding(trace.inputs, by_shape=False) for trace in traces}) == len(traces)

    def _fitting(self, bound: Any) -> Optional[int]:
        for index, trace in enumerate(() if bound is None else self._direct.traces):
            fit = Fit.UNSURE if trace.inputs is None else fits(bound, trace.inputs)
            if fit is not Fit.NO:
                return index if fit is Fit.YES else None
        return None

    def close(self) -> None:
        """Leaves calls of a new kind to TensorFlow."""
        self._is_closed = True

    def kinds(self) -> Sequence[Route]:
        """One route of each kind of call that was made, the earliest first."""
        return list(self._by_binding.values())

    def _new_route(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], key: Any
    ) -> Optional[Route]:
        bound = self._bound(args, kwargs)
        if bound is None:
            return None
        places = [tensor.place for tensor in tensors(bound)]
        binding = _binding(bound)
        first = self._by_binding.get(binding)
        if first is None:
            covering = self._covering(bound)
            if len(covering) > 1:
                return None
            (first,) = covering or (None,)
        if first is None:
            function = None if self._is_closed else self._wrapper(bound)
            if function is None:
                return None
            named = {name: _spec(value) for name, value in kwargs.items()}
            example: Arguments = (tuple(map(_spec, args)), named)
        else:
            function, example, bound = first.wrapper, first.example, first.bound
        order = None if places == list(range(len(places))) else tuple(places)
        route = Route(function, bound, order, example)
        if first is None and _is_general(bound):
            self._general.append(route)
        return self._keep(key, binding, route)

    def _wrapper(self, bound: Any) -> Optional[Wrapper]:
        """The function that serves a call of a new kind; None where TensorFlow is to find out.

        Raises:
            _Unusual: an input_signature makes tensors of what is none.
        """
        traces = self._direct.traces
        for index, trace in enumerate(traces):
            fit = Fit.UNSURE if trace.inputs is None else fits(bound, trace.inputs)
            if fit is Fit.YES and isinstance(trace, Trace):
                return self._direct.wrapper(index, self._given(tensors(bound), bound, trace))
            if fit is not Fit.NO:
                return None
        if self._direct.arguments.is_constrained:
            raise _Unusual
        for index, trace in enumerate(traces if self.takes_values else ()):
            fit, found = converted(bound, trace.inputs)
            if fit is Fit.YES and isinstance(trace, Trace):
                return self._direct.wrapper(index, self._given(found, bound, trace))
            if fit is not Fit.NO:
                return None
        return None

    def _given(self, found: Sequence[Any], bound: Any, trace: Trace) -> Given:
        arguments = self._direct.arguments
        seen = trace.inputs if arguments.is_constrained else bound
        leaves_of_trace = tensors(seen) if arguments.is_constrained else found
        places = {id(leaf): place for place, leaf in enumerate(leaves_of_trace)}
        positional, named = seen
        names = [
            (leaf.name or name, places[id(leaf)])
            for name, structure in (*zip(arguments.names, positional), *named.items())
            for leaf in _as_written(structure)
            if isinstance(leaf, Tensor) and id(leaf) in places
        ]
        return Given(leaves_of_trace, names)

    def _keep(self, key: Any, binding: Any, route: Route) -> Route:
        """Keeps a route; one for Python values in the place of the one that was made first."""
        self._by_binding.setdefault(binding, route)
        if not route.wrapper.has_values:
            self._routes[key] = route
            return route
        while len(self._of_values) >= _MOST_OF_VALUES:
            forgotten = self._of_values.pop(next(iter(self._of_values)))
            for other, kept in list(self._by_binding.items()):
                if kept is forgotten:
                    del self._by_binding[other]
        self._of_values[key] = route
        return route


def _is_general(bound: Any) -> bool:
    return any(size is None for tensor in tensors(bound) for size in tensor.shape or ())


def _as_they_are(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    return args, kwargs


def _described(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tuple[Tuple[Any, ...], List[Any]]:
    """A key that tells whether another call is of the kind of one, and the tensors in it."""
    given: List[Any] = []
    kind: List[Any] = []
    for value in args:
        _describe(value, given, kind)
    for name, value in kwargs.items():
        kind.append(name)
        _describe(value, given, kind)
    return tuple(kind), given


def _describe(value: Any, given: List[Any], kind: List[Any]) -> None:
    """Adds the tensors in an argument, and what tells whether another is of its kind."""
    its = type(value)
    if its is _EAGER_TENSOR or (its is _SYMBOLIC_TENSOR and _is_usual(value)):
        given.append(value)
        kind.append(value.dtype)
        kind.append(value.shape)
    elif its in _LITERALS:
        kind.append(_LITERAL)
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


def _is_usual(tensor: Any) -> bool:
    """Whether a tensor of a graph is given in a graph, and known well enough."""
    return tensor.shape.rank is not None and not tf.executing_eagerly()


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
    if its is _EAGER_TENSOR or its is _SYMBOLIC_TENSOR:
        return Tensor(value.dtype.as_datatype_enum, tuple(value.shape.as_list()), next(count))
    if its is dict:
        return {name: _structure(part, count) for name, part in value.items()}
    if its is list or its is tuple:
        return its(_structure(part, count) for part in value)
    return Literal(value)


def _spec(value: Any) -> Any:
    """An argument with the specs of tensors in their place."""
    its = type(value)
    if its is _EAGER_TENSOR or its is _SYMBOLIC_TENSOR:
        return tf.TensorSpec(value.shape, value.dtype)
    if its is dict:
        return {name: _spec(part) for name, part in value.items()}
    return its(map(_spec, value)) if its is list or its is tuple else value


def _binding(structure: Any, by_shape: bool = True) -> Any:
    """A key that tells whether TensorFlow takes other arguments to be of the same kind."""
    if isinstance(structure, dict):
        names = sorted(structure)
        return dict, tuple((name, _binding(structure[name], by_shape)) for name in names)
    if isinstance(structure, (list, tuple)):
        return type(structure), tuple(_binding(part, by_shape) for part in structure)
    if isinstance(structure, Tensor):
        return structure.dtype, structure.shape if by_shape else None
    return _LITERAL, _NAN if structure.value != structure.value else structure.value


def _as_written(structure: Any) -> Iterator[Any]:
    """The leaves of a structure in the order in which its dicts were made."""
    if isinstance(structure, dict):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        for part in structure:
            yield from _as_written(part)
    else:
        yield structure
