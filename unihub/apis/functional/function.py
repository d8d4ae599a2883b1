"""A model's call as a pure function, and its variables as arrays."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis import traces
from unihub.apis.functional.pure import Arrays, PureCall, seed_of
from unihub.apis.functional.slots import Slots


class PureFunction(PureCall):
    """``outputs, new_state = f(weights, state, inputs, seed)``.

    The weights and state are dicts by name, of NumPy arrays or of what TensorFlow makes
    tensors of. All that the model's call reads of its variables is in them, and all that it assigns
    is in the new state; what it draws follows from the seed, an integer or two. Nothing
    else is read or changed. It is traced for each shape of inputs as a tf.function is.

    Args:
        call, losses, slots, nests, handle: see `PureCall`.
    """

    def __repr__(self) -> str:
        return f"<pure function of {self.handle}: f(weights, state, inputs, seed)>"

    def __call__(
        self, weights: Mapping[str, Any], state: Mapping[str, Any], inputs: Any, seed: Any = 0
    ) -> Tuple[Any, Arrays]:
        """Calls the model.

        Args:
            weights: arrays of the trainable variables, by name.
            state: those of the others.
            inputs: a tensor or nest of tensors, as the model takes it.
            seed: an integer, or two; equal ones give equal results.

        Returns:
            What the model returns, and the state after it.

        Raises:
            WrongWeights: an array is missing, or of another shape.
            NotLifted: for other inputs than were looked at the model does what cannot be lifted.
        """
        framework = _framework((weights, state, inputs))
        if framework is not None:
            found: Tuple[Any, Arrays] = framework.called(self, weights, state, inputs, seed)
            return found
        outputs, changed = self.run(self.needed(weights, state), inputs, seed_of(seed))
        return outputs, {name: changed.get(name, value) for name, value in state.items()}

    def regularization_losses(self, weights: Mapping[str, Any], state: Any = ()) -> List[Any]:
        """The model's regularization losses, as scalars of the weights."""
        framework = _framework((weights, state))
        if framework is not None:
            return list(framework.losses(self, weights, dict(state)))
        return self.run_losses(self.needed(weights, dict(state)))


class Functional(NamedTuple):
    """A pure function, and what it is called with at first.

    Attributes:
        function: ``outputs, new_state = function(weights, state, inputs, seed)``.
        weights: NumPy arrays of the trainable variables, by name.
        state: those of the others.
    """

    function: PureFunction
    weights: Arrays
    state: Arrays


def functional_of(
    loaded: Any, call: Callable[[Any], Any], nests: Sequence[Any], handle: str
) -> Functional:
    """Makes a pure function of a loaded object's call.

    Args:
        loaded: has the variables and regularization losses, as far as it lists them.
        call: of the inputs.
        nests: of TypeSpec that it takes, by each of which it is looked at now.
        handle: as errors name it.

    Raises:
        NotLifted: what it does cannot be lifted.
    """
    slots = Slots()
    slots.add(getattr(loaded, "variables", ()))
    losses = getattr(loaded, "regularization_losses", ())
    function = PureFunction(call, losses, slots, nests, handle)
    assigned = {slot for nest in nests for slot in function.trace(nest).effects.written}
    function.trace_losses()
    trained = getattr(loaded, "trainable_variables", None)
    weights: Arrays = {}
    state: Arrays = {}
    for name, slot in slots.by_name.items():
        variable = slot.variable
        is_weight = variable.trainable if trained is None else any(v is variable for v in trained)
        # What is assigned has to come out, and only the state does.
        (weights if is_weight and slot not in assigned else state)[name] = variable.numpy()
    return Functional(function, weights, state)


def _framework(arguments: Any) -> Any:
    """What calls a function with arrays of another framework; None for TensorFlow's and NumPy's."""
    packages = {type(leaf).__module__.partition(".")[0] for leaf in tf.nest.flatten(arguments)}
    if packages & {"jax", "jaxlib"}:
        # Whose arrays these are is imported.
        from unihub.apis.functional import in_jax

        return in_jax
    if "torch" in packages:
        from unihub.apis.functional import in_torch

        return in_torch
    return None


def accepted(loaded: Any) -> List[Any]:
    """The nests of TypeSpec that a loaded object is called with, as `unihub.load` gives it."""
    call = getattr(loaded, "_self_call", None)
    if call is None:
        return traces.accepted_inputs(loaded)
    if hasattr(call, "_error"):
        raise call._error
    ((_, specs),) = traces.accepted_arguments(call._function)
    named = dict(specs)
    for name in traces.composites_of(specs).sparse:
        indices, values, _ = (named.pop(f"{name}_{part}") for part in traces.SPARSE_PARTS)
        named[name] = tf.SparseTensorSpec([None] * (indices.shape[1] or 0) or None, values.dtype)
    return [next(iter(named.values())) if len(named) == 1 else named]


def calling(function: Callable[..., Any], training: Optional[bool]) -> Callable[[Any], Any]:
    """A function of the inputs alone, in training mode if ``training``, where it has modes."""
    parameters = traces.parameters_of(function)
    if parameters is None or "training" not in {*parameters.names, *parameters.keywords}:
        return lambda inputs: function(inputs)
    return lambda inputs: function(inputs, training=bool(training))
