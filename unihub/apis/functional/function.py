"""A model's call as a pure function, and its variables as arrays."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis import traces
from unihub.apis.functional.arguments import seed_of
from unihub.apis.functional.pure import Arrays, PureCall
from unihub.apis.functional.slots import Slots
from unihub.apis.input_lines import Call
from unihub.apis.surroundings import check_fork
from unihub.errors import UnknownChoice, counted, listed, nearest


class PureFunction(PureCall):
    """``outputs, new_state = f(weights, state, inputs, seed)``.

    The weights and state are dicts by name, of NumPy arrays or of what TensorFlow makes
    tensors of. All that the model's call reads of its variables is in them, and all that it assigns
    is in the new state; what it draws follows from the seed, an integer or two. Nothing
    else is read or changed. It is traced for each shape of inputs as a tf.function is.

    Args:
        call, losses, slots, nests, handle, told: see `PureCall`.
    """

    def __repr__(self) -> str:
        return f"<pure function of {self.handle}: f(weights, state, inputs, seed)>"

    def __deepcopy__(self, memo: Any) -> PureFunction:
        # It keeps nothing of its calls, so that the copies of a model share it.
        return self

    def __call__(
        self, weights: Mapping[str, Any], state: Mapping[str, Any], inputs: Any, seed: Any = 0
    ) -> Tuple[Any, Arrays]:
        """Calls the model.

        Args:
            weights: arrays of the trainable variables, by name.
            state: those of the others.
            inputs: a tensor or nest of tensors, as the model takes it; of a model that takes
                several arguments, a dict of them by name, or a tuple.
            seed: an integer, or two; equal ones give equal results.

        Returns:
            What the model returns, and the state after it.

        Raises:
            WrongWeights: an array is missing, or of another shape or kind.
            WrongInputs: the model takes no such inputs.
            WrongSeed: the seed is no integer.
            ForkedAfterUse: in a process that was forked from the one that made the function.
            NotLifted: for other inputs than were looked at the model does what cannot be lifted.
        """
        if os.getpid() != self.made_in:
            check_fork(self.handle)
        inputs = getattr(self._call, "arranged", _as_it_is)(inputs)
        framework = _framework((weights, state, inputs, seed))
        if framework is not None:
            found: Tuple[Any, Arrays] = framework.called(self, weights, state, inputs, seed)
            return found
        outputs, changed = self.run(self.needed(weights, state), inputs, seed_of(seed, self.handle))
        return outputs, {name: changed.get(name, value) for name, value in state.items()}

    def regularization_losses(self, weights: Mapping[str, Any], state: Any = ()) -> List[Any]:
        """The model's regularization losses, as scalars of the weights that they read."""
        framework = _framework((weights, state))
        if framework is not None:
            return list(framework.losses(self, weights, dict(state)))
        return self.run_losses(self.needed_by_losses(weights, dict(state)))


def _as_it_is(inputs: Any) -> Any:
    return inputs


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

    def __repr__(self) -> str:
        many = f"{counted(len(self.weights), 'weight')}, {len(self.state)} in the state"
        return f"<f, weights, state of {self.function.handle}: {many}>"


def functional_of(
    loaded: Any,
    call: Callable[[Any], Any],
    nests: Sequence[Any],
    handle: str,
    told: Optional[Call] = None,
) -> Functional:
    """Makes a pure function of a loaded object's call.

    Args:
        loaded: has the variables and regularization losses, as far as it lists them.
        call: of the inputs.
        nests: of TypeSpec that it takes, by each of which it is looked at now.
        handle: as errors name it.
        told: how they name the call; None where the call itself says what it takes.

    Raises:
        NotLifted: what it does cannot be lifted.
    """
    slots = Slots()
    slots.add(getattr(loaded, "variables", ()))
    losses = getattr(loaded, "regularization_losses", ())
    function = PureFunction(call, losses, slots, nests, handle, told)
    traced = [function.trace(nest) for nest in nests if not function.is_shadowed(nest)]
    assigned = {slot for each in traced for slot in each.effects.written}
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
    """The caller for arrays of another framework; None for TensorFlow's and NumPy's."""
    packages = {type(leaf).__module__.partition(".")[0] for leaf in tf.nest.flatten(arguments)}
    if packages & {"jax", "jaxlib"}:
        # Whose arrays these are is imported.
        from unihub.apis.functional import in_jax

        return in_jax
    if "torch" in packages:
        from unihub.apis.functional import in_torch

        return in_torch
    return None


class Callee:
    """The function of a loaded object, as `unihub.load` gives it, that a pure one calls.

    Args:
        loaded: a loaded object, or the proxy of one that calls a signature.
        training: the mode to call it in, where it has modes.
        arguments: further ones by name, the same at each call.

    Attributes:
        nests: of TypeSpec that it takes; of several arguments, dicts by their names.

    Raises:
        UnknownChoice: it has no argument of such a name.
    """

    def __init__(self, loaded: Any, handle: str, training: bool, arguments: Mapping[str, Any]):
        self._function = loaded
        self._keywords = dict(arguments)
        signature: Any = getattr(loaded, "_self_call", None)
        self._is_signature = signature is not None
        if hasattr(signature, "_error"):
            raise signature._error
        parameters = traces.parameters_of(loaded) if signature is None else None
        known = () if parameters is None else (*parameters.names, *parameters.keywords)
        if signature is not None:
            self.nests = [_nest_of_signature(signature, arguments)]
            known = tuple(_inputs_of(signature))
        elif parameters is None:
            self.nests = traces.accepted_inputs(loaded)
        else:
            if "training" in known:
                self._keywords.setdefault("training", bool(training))
            self.nests = _nests_of(loaded, parameters, self._keywords)
        for name in arguments:
            if known and name not in known and not (parameters and parameters.takes_more):
                line = f"unihub.functional({handle!r}, arguments={{{nearest(name, known)!r}: ...}})"
                raise UnknownChoice(
                    argument="arguments", value=name, choices=listed(known), remedy=line
                )
        # The arguments' names, where a call takes several inputs.
        self._several = [
            [*nest] for nest in self.nests if isinstance(nest, _Arguments) and len(nest) > 1
        ]

    def __call__(self, inputs: Any) -> Any:
        if self._is_signature:
            if self._keywords:
                inputs = {**inputs, **self._keywords}
            return self._function(inputs)
        if isinstance(inputs, Mapping) and sorted(inputs) in map(sorted, self._several):
            return self._function(**inputs, **self._keywords)
        return self._function(inputs, **self._keywords)

    def arranged(self, inputs: Any) -> Any:
        """Inputs, of which those in a list or tuple are what the model takes of such.

        Several arguments get their names, numbers and texts become an array.
        """
        nests = [nest for nest in self.nests if not isinstance(nest, _Arguments)]
        is_list = isinstance(inputs, (list, tuple))
        if not is_list or any(traces.same_structure(inputs, nest) for nest in nests):
            return inputs
        for names in self._several:
            if len(names) == len(inputs):
                return dict(zip(names, inputs))
        sole = next((nest for nest in nests if isinstance(nest, tf.TensorSpec)), None)
        if sole is None or any(hasattr(leaf, "shape") for leaf in tf.nest.flatten(inputs)):
            return inputs
        try:
            return tf.convert_to_tensor(inputs, dtype_hint=sole.dtype).numpy()
        except (TypeError, ValueError):
            return inputs


class _Arguments(Dict[str, Any]):
    """The values that a call takes for each of its arguments."""


def _inputs_of(signature: Any) -> Mapping[str, Any]:
    ((_, specs),) = traces.accepted_arguments(signature._function)
    named = dict(specs)
    for name in traces.composites_of(specs).sparse:
        indices, values, _ = (named.pop(f"{name}_{part}") for part in traces.SPARSE_PARTS)
        named[name] = tf.SparseTensorSpec([None] * (indices.shape[1] or 0) or None, values.dtype)
    return named


def _nest_of_signature(signature: Any, arguments: Mapping[str, Any]) -> Any:
    named = _inputs_of(signature)
    rest = {name: spec for name, spec in named.items() if name not in arguments}
    return next(iter(rest.values())) if len(named) == 1 else rest


def _nests_of(
    function: Any, parameters: traces.Parameters, keywords: Mapping[str, Any]
) -> List[Any]:
    """The arguments beside some keywords, for each trace that these fit."""
    found = []
    for args, named in traces.accepted_arguments(function):
        given = _Arguments(zip(parameters.names, args), **named)
        inputs = _Arguments()
        for name, nest in given.items():
            leaves = tf.nest.flatten(nest)
            if name in keywords:
                fits = isinstance(nest, tf.TypeSpec) or keywords[name] == nest
            elif leaves and all(isinstance(leaf, tf.TypeSpec) for leaf in leaves):
                inputs[name], fits = nest, True
            else:
                fits = name in parameters.defaults and parameters.defaults[name] == nest
            if not fits:
                break
        else:
            is_first = len(inputs) == 1 and [*inputs] == [*parameters.names[:1]]
            found.append(next(iter(inputs.values())) if is_first else inputs)
    return [nest for nest in found if tf.nest.flatten(nest)]
