"""Functions of a model that go into the graph that is traced, as they are.

For layers of Keras, which call them there. The variables are tf.Variables from the start.
"""

from __future__ import annotations

import functools
import logging
import weakref
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

import tensorflow as tf

from unihub.apis.lean import levels
from unihub.apis.lean.direct import DirectCall, DirectFunction
from unihub.apis.lean.files import read_values
from unihub.apis.lean.levels import MISSING, LeveledCall, LeveledSignature
from unihub.apis.lean.plan import Capture, Declined, Part, Variable
from unihub.apis.lean.private import is_variable_watched
from unihub.apis.lean.routes import Route
from unihub.apis.lean.structures import tensors
from unihub.apis.lean.threads import at_top_level
from unihub.apis.lean.tracing import (
    GraphFunction,
    are_recorded_once,
    call_in_graph,
    empty_variable,
    may_be_called_in_graph,
)
from unihub.apis.own_call import let_go

_log = logging.getLogger(__name__)


class Model(levels.Model):
    """A model whose functions share tf.Variables with each other from the start.

    The full object, and what is loaded of it, is made around these.

    Args:
        source: where it comes from.
        traces: names of the functions of its __call__, in TensorFlow's order.
        losses: places, in the object graph, of its regularization losses.
    """

    def __init__(
        self, source: levels.Source, traces: Sequence[str] = (), losses: Sequence[int] = ()
    ) -> None:
        super().__init__(source)
        self._shared: Dict[int, tf.Variable] = {}
        self._traces = tuple(traces)
        self._places_of_losses = tuple(losses)
        self._losses: Any = None

    _kinds = staticmethod(lambda: (_Signature, Call))

    def share(self, variables: Mapping[int, Variable], nodes: Sequence[Any]) -> None:
        """Makes tf.Variables, before there are functions.

        Args:
            variables: by place in the object graph.
            nodes: of the object graph.
        """

        prefix = self._source.store.files.prefix

        def make() -> None:
            for place, value in zip(variables, read_values(list(variables.values()), prefix)):
                made = self._shared[place] = empty_variable(nodes[place].variable)
                tf.raw_ops.AssignVariableOp(resource=made.handle, value=value)

        at_top_level(make)

    def shared(self, place: int) -> tf.Variable:
        """The variable at a place in the object graph."""
        return self._shared[place]

    def call_of(self, trace: int) -> Any:
        """TensorFlow's own __call__ with one of its functions alone.

        Raises:
            Declined: that needs more than variables and constants.
        """
        with self._lock:
            return at_top_level(lambda: self._load_part(Part(traces=(self._traces[trace],))))

    def losses(self) -> Any:
        """TensorFlow's own functions of the regularization losses, loaded once."""
        with self._lock:
            if self._losses is None:
                places = self._places_of_losses
                self._losses = at_top_level(self._load_losses) if places else []
            return self._losses

    def _load_losses(self) -> Any:
        try:
            return self._load_part(Part(losses=self._places_of_losses))
        except Declined as reason:
            _log.debug("%s: full load for losses: %s", self.handle, reason)
        return self.full().regularization_losses

    def with_variables(
        self, captures: Optional[Sequence[Capture]], handles: Optional[Sequence[Any]]
    ) -> List[Any]:
        """The captures of a function, variables as such."""
        return [
            self._shared[capture.node or 0] if isinstance(capture, Variable) else handle
            for capture, handle in zip(captures or (), handles or ())
        ]

    def _tensors(self, captures: levels.Captures) -> levels.Tensors:
        # The store would read the variables once more.
        others = [[one for one in some or () if not isinstance(one, Variable)] for some in captures]
        found = [iter(some) for some in self._source.store.tensors(others)]
        return [
            None
            if some is None
            else [
                self._shared[one.node or 0].handle if isinstance(one, Variable) else next(its)
                for one in some
            ]
            for some, its in zip(captures, found)
        ]

    def _variables(self) -> Dict[int, Any]:
        return {**super()._variables(), **self._shared}


class _Signature(LeveledSignature):
    """A signature that goes into graphs."""

    model: Model
    _direct: DirectFunction

    def direct(self, inputs: Mapping[str, Any], output: Optional[str] = None) -> Any:
        if tf.executing_eagerly():
            return super().direct(inputs, output)
        captured = self.tensors
        if captured is None or self.own is not None or not _may_be_called():
            return MISSING
        given = [inputs.get(one.name) for one in self._direct.inputs]
        if len(inputs) != len(given) or not all(map(_fits, given, self._direct.inputs)):
            return MISSING
        captures = self.model.with_variables(self._direct.captures, captured[0])
        if not are_recorded_once([*given, *(captured[0] or ())]):
            return MISSING
        direct = self._direct
        function = _graph_function(direct.name, direct, direct.names[1:], direct.is_stateful)
        flat = call_in_graph(function, given, captures, direct.shapes, self.complete)
        found = dict(zip(direct.outputs, flat))
        return (
            found[output] if output is not None else {name: found[name] for name in direct.result}
        )


class Call(LeveledCall):
    """A model's own __call__ that goes into graphs.

    What is left to TensorFlow is one of its functions, loaded when it is first called.
    """

    model: Model
    _direct: DirectCall

    def __init__(self, model: Model, signature: Optional[str], direct: DirectCall) -> None:
        super().__init__(model, signature, direct)
        self.explains = False
        # Whether a kind of calls that is new may have a function of its own.
        self._is_split = len(direct.traces) > 1 and self._routes.are_told_apart()
        self._owns: Dict[int, Any] = {}
        # By what tells calls apart: where there is one, TensorFlow has traced it for these.
        self._served: Dict[Any, Any] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Nothing is told apart before there is more than the direct functions.
        kind = self._routes.trace_of(args, kwargs) if self._owns else None
        own = None
        if kind is not None:
            own = self._served.get(kind[0]) or (self._is_split and self._owns.get(kind[1])) or None
        if own is None:
            run = self._directly if tf.executing_eagerly() else self._in_graph
            outputs = run(args, kwargs)
            if outputs is not MISSING:
                return outputs
            if self._is_split and self.own is None:
                kind = kind or self._routes.trace_of(args, kwargs)
                own = None if kind is None else self._own_of(kind[1])
        if own is None:
            # What is traced now may serve later calls of other kinds.
            self._is_split = self._is_split and tf.executing_eagerly()
            return super().__call__(*args, **kwargs)
        if kind is not None and kind[0] not in self._served:
            self._served[kind[0]] = own
            if not tf.executing_eagerly():
                # Of unknown sizes, it serves calls of known ones too.
                self._routes.find_traced(args, kwargs)
        return self._called(own, args, kwargs)

    def _called(self, own: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if self.explains:
            return super()._called(own, args, kwargs)
        # A layer explains by itself what is refused.
        try:
            return own(*args, **kwargs)
        except Exception:
            let_go(own)
            raise

    def leave(self) -> None:
        super().leave()
        self._is_split = False

    def _own_of(self, trace: int) -> Any:
        """TensorFlow's own __call__ for one trace; None where all of it is needed."""
        own = self._owns.get(trace)
        if own is None:
            try:
                own = self._owns.setdefault(trace, self.model.call_of(trace))
            except Declined as reason:
                _log.debug("%s: all of the call: %s", self.model.handle, reason)
                self._is_split = False
                return None
            before = [one for one in self._routes.kinds() if one.wrapper.trace == trace]
            self._trace_as_before(own, before)
        return own

    def _in_graph(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        captured = self.tensors
        if captured is None or self.own is not None or not _may_be_called():
            return MISSING
        found = self._routes.find_traced(args, kwargs)
        if found is None:
            return MISSING
        route, given = found
        wrapper = route.wrapper
        handles = captured[wrapper.trace]
        if not are_recorded_once([*given, *(handles or ())]):
            return MISSING
        trace = self._direct.traces[wrapper.trace]
        function = _graph_function(
            wrapper.name, (wrapper, self._direct), self._direct.names, trace.stateful
        )
        shapes = [tensor.shape for tensor in tensors(trace.result)]
        captures = self.model.with_variables(trace.captures, handles)
        own = functools.partial(self._concrete, route)
        return wrapper.pack(call_in_graph(function, given, captures, shapes, own))

    def _concrete(self, route: Route) -> Any:
        """TensorFlow's own function for a kind of calls."""
        before = self._routes.kinds()
        args, kwargs = route.example
        own = self._own_of(route.wrapper.trace) if self._may_be_one(route) else None
        if own is None:
            # It is asked from now on.
            self.tensors = None
            own = self.complete()
            self._routes.takes_values = False
            self._trace_as_before(own, before)
        return at_top_level(functools.partial(own.get_concrete_function, *args, **kwargs))

    def _may_be_one(self, route: Route) -> bool:
        """Whether a kind of calls is served by one function, with no value made a constant."""
        return self._is_split and self.own is None and not route.wrapper.has_values


def _may_be_called() -> bool:
    return may_be_called_in_graph() and not is_variable_watched()


def _fits(value: Any, wanted: Any) -> bool:
    return (
        tf.is_tensor(value)
        and isinstance(value, tf.Tensor)
        and value.dtype == wanted.dtype
        and tf.TensorShape(wanted.shape).is_compatible_with(value.shape)
    )


_FUNCTIONS: Any = weakref.WeakValueDictionary()


def _graph_function(
    name: str, owner: Any, children: Iterable[str], is_stateful: bool
) -> GraphFunction:
    found: Optional[GraphFunction] = _FUNCTIONS.get(name)
    if found is None:
        below = [GraphFunction(child, owner) for child in children]
        found = _FUNCTIONS[name] = GraphFunction(name, owner, below, is_stateful)
    return found
