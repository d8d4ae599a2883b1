"""A signature as a function of the eager runtime, without Python objects around it."""

from __future__ import annotations

import weakref
from typing import Any, List, Mapping, Optional, Sequence

import tensorflow as tf

from unihub.apis.lean.plan import Plan
from unihub.apis.lean.private import add_functions, caller, remove_functions

_EAGER_TENSOR = type(tf.constant(0))


class DirectFunction:
    """A signature's function, which leaves the runtime with this object.

    Args:
        plan: of the signature.
    """

    def __init__(self, plan: Plan) -> None:
        runtime = add_functions(plan.functions)
        names = [function.signature.name for function in plan.functions]
        weakref.finalize(self, remove_functions, runtime, names).atexit = False
        self.name = plan.name
        self.captures = plan.captures
        self.result = plan.result
        # The name of the input that can be given by position.
        self.sole_input = plan.inputs[0].name if plan.positional == len(plan.inputs) == 1 else None
        self._places = {name: plan.outputs.index(name) for name in plan.result}
        self._run = caller(runtime, plan.name, len(plan.outputs))
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


def _fixed_sizes(shape: Any) -> Any:
    return tuple((axis, size) for axis, size in enumerate(shape or ()) if size is not None)


def _rank(shape: Any) -> Optional[int]:
    return None if shape is None else len(shape)
