"""Functions of a model that go into the graph that is traced, as they are.

For layers of Keras, which call them there. The variables are tf.Variables from the start.
"""

from __future__ import annotations

import functools
import weakref
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

import tensorflow as tf

from unihub.apis.lean import levels
from unihub.apis.lean.direct import DirectCall, DirectFunction
from unihub.apis.lean.files import read_values
from unihub.apis.lean.levels import MISSING, LeveledCall, LeveledSignature
from unihub.apis.lean.plan import Capture, Variable
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


class Model(levels.Model):
    """A model whose functions share tf.Variables with each other from the start.

    The full object, and what is loaded of it, is made around these.
    """

    def __init__(self, source: levels.Source) -> None:
        super().__init__(source)
        self._shared: Dict[int, tf.Variable] = {}

    _kinds = staticmethod(lambda: (_Signature, _Call))

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

    def with_variables(
        self, captures: Optional[Sequence[Capture]], handles: Optional[Sequence[Any]]
    ) -> List[Any]:
        """What a function takes after its inputs, variables as such."""
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
        return dict(self._shared)


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


class _Call(LeveledCall):
    """A model's own __call__ that goes into graphs."""

    model: Model
    _direct: DirectCall

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not tf.executing_eagerly():
            outputs = self._in_graph(args, kwargs)
            if outputs is not MISSING:
                return outputs
        return super().__call__(*args, **kwargs)

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
        # It is asked from now on.
        self.tensors = None
        own = self.complete()
        self._routes.takes_values = False
        self._trace_as_before(own, before)
        args, kwargs = route.example
        return at_top_level(functools.partial(own.get_concrete_function, *args, **kwargs))


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
