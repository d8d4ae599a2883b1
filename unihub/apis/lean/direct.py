"""A model's own __call__ as functions of the eager runtime."""

from __future__ import annotations

import threading
import weakref
from typing import Any, Callable, List, Mapping, Optional, Sequence

import tensorflow as tf

from unihub.apis.lean.calls import CallPlan, Trace
from unihub.apis.lean.plan import Capture, Plan
from unihub.apis.lean.private import add_functions, call_configuration, caller, remove_functions
from unihub.apis.lean.structures import Value, packer
from unihub.apis.lean.wrappers import Given, wrapper

_EAGER_TENSOR = type(tf.constant(0))


class DirectFunction:
    """A signature's function, which leaves the runtime with this object.

    Args:
        plan: of the signature.
        reads_in_place: whether it is for variables alone to which nobody writes.
        after_first: called when it has run first.
    """

    def __init__(
        self,
        plan: Plan,
        reads_in_place: bool = False,
        after_first: Optional[Callable[[], None]] = None,
    ) -> None:
        self.reads_in_place = reads_in_place
        runtime = add_functions(plan.functions)
        names = [function.signature.name for function in plan.functions]
        weakref.finalize(self, remove_functions, runtime, names).atexit = False
        self.name = plan.name
        self.names = names
        self.is_stateful = plan.functions[0].signature.is_stateful
        self.outputs = plan.outputs
        self.shapes = plan.shapes
        self.captures = plan.captures
        self.result = plan.result
        # The name of the input that can be given by position.
        self.sole_input = plan.inputs[0].name if plan.positional == len(plan.inputs) == 1 else None
        self._places = {name: plan.outputs.index(name) for name in plan.result}
        self._run = _followed(caller(runtime, plan.name, len(plan.outputs)), after_first)
        self.inputs = plan.inputs
        self._inputs = [
            (given.name, tf.as_dtype(given.dtype), _fixed_sizes(given.shape), _rank(given.shape))
            for given in plan.inputs
        ]

    def __call__(self, tensors: Sequence[Any], output: Optional[str] = None) -> Any:
        """Runs the function on its inputs and captures, in its order.

        Args:
            tensors: the inputs, then the captures.
            output: name of the one to return; by default a dict of all.
        """
        results = self._run(tensors)
        if output is not None:
            return results[self._places[output]]
        return {name: results[place] for name, place in self._places.items()}

    def accepted(self, inputs: Mapping[str, Any]) -> Optional[List[Any]]:
        """The inputs in the function's order, where all are just what it takes.

        Returns:
            None where one is not an eager tensor of its dtype and shape.
        """
        if len(inputs) != len(self._inputs):
            return None
        tensors = []
        for name, dtype, sizes, rank in self._inputs:
            tensor: Any = inputs.get(name)
            if type(tensor) is not _EAGER_TENSOR or tensor.dtype is not dtype:
                return None
            if rank is not None:
                shape = tensor.shape
                if shape.rank != rank:
                    return None
                for axis, size in sizes:
                    if shape[axis] != size:
                        return None
            tensors.append(tensor)
        return tensors


def _followed(
    run: Callable[[Sequence[Any]], Any], after_first: Optional[Callable[[], None]]
) -> Callable[[Sequence[Any]], Any]:
    if after_first is None:
        return run

    def followed(tensors: Sequence[Any]) -> Any:
        nonlocal after_first
        results = run(tensors)
        if after_first is not None:
            after_first()
            after_first = None
        return results

    return followed


def _fixed_sizes(shape: Any) -> Any:
    return tuple((axis, size) for axis, size in enumerate(shape or ()) if size is not None)


def _rank(shape: Any) -> Optional[int]:
    return None if shape is None else len(shape)


class Wrapper:
    """A function for inputs of certain shapes or values; it leaves the runtime with this object.

    Attributes:
        trace: index of the one that it calls.
        has_values: whether some inputs are constants in it.
        run: calls it with tensors and the captures of the trace.
        pack: makes the result of what it gives.
    """

    def __init__(
        self,
        runtime: Any,
        index: int,
        trace: Trace,
        given: Given,
        after_first: Optional[Callable[[], None]],
    ) -> None:
        function = wrapper(trace, given)
        add_functions([function])
        self.name = function.signature.name
        weakref.finalize(self, remove_functions, runtime, [self.name]).atexit = False
        self.trace = index
        self.has_values = any(isinstance(leaf, Value) for leaf in given.leaves)
        self.run = _followed(caller(runtime, self.name, len(trace.results)), after_first)
        self.pack = packer(trace.result)


class DirectCall:
    """The functions of a __call__, which leave the runtime with this object.

    TensorFlow traces a loaded __call__ anew for each shape of its inputs, and what it
    makes of the functions in it depends on the shapes, down to the last bits of the
    results. So here too each is called from a function of its own for each shape.

    Args:
        plan: of the __call__.
        reads_in_place: whether it is for variables alone to which nobody writes.
        after_first: called when a function of it has run first.
    """

    def __init__(
        self,
        plan: CallPlan,
        reads_in_place: bool = False,
        after_first: Optional[Callable[[], None]] = None,
    ) -> None:
        self.reads_in_place = reads_in_place
        self._after_first = after_first
        self._runtime = add_functions(plan.functions)
        names = [function.signature.name for function in plan.functions]
        weakref.finalize(self, remove_functions, self._runtime, names).atexit = False
        self.names = names
        self.arguments = plan.arguments
        self.traces = plan.traces
        # Objects of the same files share them, though not which of them serves a call.
        self._wrappers: weakref.WeakValueDictionary[Any, Wrapper] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    @property
    def captures(self) -> List[Optional[Sequence[Capture]]]:
        """The captures of each function; None for one left to TensorFlow."""
        return [trace.captures if isinstance(trace, Trace) else None for trace in self.traces]

    def wrapper(self, index: int, given: Given) -> Wrapper:
        """The function that calls a trace for certain inputs.

        Args:
            index: of the trace.
            given: its inputs.
        """
        inputs = tuple(
            leaf.tensor.SerializeToString() if isinstance(leaf, Value) else (leaf.dtype, leaf.shape)
            for leaf in given.leaves
        )
        key = (index, inputs, tuple(given.names), call_configuration())
        with self._lock:
            found = self._wrappers.get(key)
            if found is None:
                found = Wrapper(self._runtime, index, self.traces[index], given, self._after_first)
                self._wrappers[key] = found
            return found
