"""A model's call as a pure function, and its variables as arrays."""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np
import tensorflow as tf

from unihub.apis import traces
from unihub.apis.functional.effects import Analysis, Body
from unihub.apis.functional.errors import NotLifted, WrongWeights
from unihub.apis.functional.lifting import Lift
from unihub.apis.functional.slots import Slot, Slots
from unihub.errors import listed

Arrays = Dict[str, Any]


class Lifted:
    """One trace of a call, found to be one that can be lifted.

    Attributes:
        outputs: the nest that the call gives, with specs for tensors.
        effects: which variables are read and assigned.
    """

    def __init__(self, concrete: Any, slots: Slots, handle: str) -> None:
        analysis = Analysis(slots.of_handle, slots.of_reference)
        graph = concrete.graph
        slots.add(graph.variables)
        self._body = Body(graph)
        self._captured = [slots.of_handle(each) or each for each in concrete.captured_inputs]
        given = [None] * (len(graph.inputs) - len(self._captured))
        found = [each if isinstance(each, Slot) else None for each in self._captured]
        self.effects = analysis.of(self._body, [*given, *found])
        self._lift = Lift(analysis)
        self.outputs = concrete.structured_outputs
        if analysis.problems:
            raise NotLifted(handle=handle, found=listed(sorted(analysis.problems)))

    def __call__(self, inputs: Sequence[Any], values: Dict[Slot, Any], seed: Any) -> Any:
        """Traces the call; the outputs as a nest, and the values of variables afterwards."""
        arguments = [*inputs, *self._captured]
        flat, after = self._lift.lifted(self._body, arguments, values, seed)
        rest = iter(flat)
        leaves = [
            next(rest) if tf.is_tensor(leaf) or isinstance(leaf, tf.TypeSpec) else leaf
            for leaf in tf.nest.flatten(self.outputs, expand_composites=True)
        ]
        return tf.nest.pack_sequence_as(self.outputs, leaves, expand_composites=True), after


class PureFunction:
    """``outputs, new_state = f(weights, state, inputs, seed)``.

    The weights and state are dicts by name, of NumPy arrays or of what TensorFlow makes
    tensors of. All that the model's call reads of its variables is in them, and all that it assigns
    is in the new state; what it draws follows from the seed, an integer or two. Nothing
    else is read or changed. It is traced for each shape of inputs as a tf.function is.

    Args:
        call: of the inputs.
        losses: functions without arguments.
        slots: of the variables that the model lists.
        nests: of TypeSpec, which the model takes.
        handle: of the model, for errors.
    """

    def __init__(
        self,
        call: Callable[[Any], Any],
        losses: Sequence[Callable[[], Any]],
        slots: Slots,
        nests: Sequence[Any],
        handle: str,
    ) -> None:
        self._call = call
        self._losses = tuple(losses)
        self._handle = handle
        self._slots = slots
        self._traces: Dict[Any, Lifted] = {}
        self._functions: Dict[Any, Any] = {}
        self._nests = tuple(nests)
        self._run_losses = tf.function(self._traced_losses, autograph=False)

    def __repr__(self) -> str:
        return f"<pure function of {self._handle}: f(weights, state, inputs, seed)>"

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
        given = self._needed(weights, state)
        inputs, nest = self._fitted(inputs)
        outputs, changed = self._function(nest)(given, inputs, seed_of(seed))
        return outputs, {name: changed.get(name, value) for name, value in state.items()}

    def regularization_losses(self, weights: Mapping[str, Any], state: Any = ()) -> List[Any]:
        """The model's regularization losses, as scalars of the weights."""
        losses: List[Any] = self._run_losses(self._needed(weights, dict(state)))
        return losses

    def trace(self, inputs: Any) -> Lifted:
        """The trace for a nest of tensors or of their specs.

        Raises:
            NotLifted: what it does cannot be lifted.
        """
        specs = tf.nest.map_structure(_spec, inputs)
        key = repr(specs)
        if key not in self._traces:
            self._traces[key] = self._lifted(self._call, specs)
        return self._traces[key]

    def _fitted(self, inputs: Any) -> Tuple[Any, Any]:
        """Inputs as tensors, and the nest of specs to trace the call for."""
        for nest in self._nests:
            if traces.same_structure(inputs, nest):
                fitted = tf.nest.map_structure(_fitted, nest, inputs)
                if all(map(_is_taken, tf.nest.flatten(nest), tf.nest.flatten(fitted))):
                    return fitted, nest
        tensors = tf.nest.map_structure(tf.convert_to_tensor, inputs)
        return tensors, tf.nest.map_structure(tf.type_spec_from_value, tensors)

    def _function(self, nest: Any) -> Any:
        """The tf.function for inputs of a nest of specs."""
        key = repr(nest)
        if key not in self._functions:
            # TensorFlow knows no more of the shapes than of a variable's, lest it computes in
            # another order.
            given = {
                name: tf.TensorSpec(None, slot.variable.dtype)
                for name, slot in self._slots.by_name.items()
            }
            specs = [given, nest, tf.TensorSpec([2], tf.int64)]
            self._functions[key] = tf.function(self._traced, input_signature=specs, autograph=False)
        return self._functions[key]

    def _lifted(self, call: Callable[..., Any], *specs: Any) -> Lifted:
        with tf.init_scope():
            concrete = tf.function(call, autograph=False).get_concrete_function(*specs)
        return Lifted(concrete, self._slots, self._handle)

    def _traced(self, given: Arrays, inputs: Any, seed: Any) -> Tuple[Any, Arrays]:
        lifted = self.trace(inputs)
        flat = tf.nest.flatten(inputs, expand_composites=True)
        outputs, after = lifted(flat, self._values(given), seed)
        return outputs, {slot.name: after[slot] for slot in lifted.effects.changed()}

    def trace_losses(self) -> List[Lifted]:
        """The traces of the regularization losses."""
        return [self._lifted(loss) for loss in self._losses]

    def _traced_losses(self, given: Arrays) -> List[Any]:
        values, seed = self._values(given), tf.zeros([2], tf.int64)
        return [lifted((), values, seed)[0] for lifted in self.trace_losses()]

    def _values(self, given: Arrays) -> Dict[Slot, Any]:
        values = {self._slots.by_name[name]: value for name, value in given.items()}
        for slot, value in values.items():
            value.set_shape(slot.variable.shape)
        return values

    def _needed(self, weights: Mapping[str, Any], state: Mapping[str, Any]) -> Arrays:
        given = {}
        for name, slot in self._slots.by_name.items():
            is_weight = name in weights or (name not in state and slot.variable.trainable)
            argument = "weights" if is_weight else "state"
            value = weights[name] if name in weights else state.get(name)
            accepted = f"{slot.variable.dtype.name} of shape {list(slot.variable.shape)}"
            if value is None:
                raise self._wrong(argument, name, accepted, "nothing")
            if not slot.variable.shape.is_compatible_with(np.shape(value)):
                raise self._wrong(argument, name, accepted, f"shape {list(np.shape(value))}")
            given[name] = value
        return given

    def _wrong(self, argument: str, name: str, accepted: str, found: str) -> WrongWeights:
        return WrongWeights(
            argument=argument, name=name, handle=self._handle, accepted=accepted, found=found
        )


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


def seed_of(seed: Any) -> Any:
    """Two integers as TensorFlow takes them for a seed, of one or two."""
    if not tf.is_tensor(seed):
        seed = np.asarray(seed)
        if seed.dtype == np.uint32:
            seed = seed.view(np.int32)
        seed = np.array([0, seed]) if seed.ndim == 0 else seed
        return tf.constant(seed, tf.int64)
    return tf.cast(
        tf.stack([tf.zeros_like(seed), seed]) if seed.shape.rank == 0 else seed, tf.int64
    )


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


def _spec(value: Any) -> Any:
    return value if isinstance(value, tf.TypeSpec) else tf.type_spec_from_value(value)


def _fitted(spec: Any, value: Any) -> Any:
    if not isinstance(spec, tf.TensorSpec):
        return value
    if not tf.is_tensor(value):
        value = tf.convert_to_tensor(value, dtype_hint=spec.dtype)
    is_cast = value.dtype != spec.dtype and value.dtype.is_floating and spec.dtype.is_floating
    return tf.cast(value, spec.dtype) if is_cast else value


def _is_taken(spec: Any, value: Any) -> bool:
    return bool(spec.is_compatible_with(value))


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
