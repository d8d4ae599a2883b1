"""A model's call, traced as a pure function, as TensorFlow runs it."""

from __future__ import annotations

import os
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import numpy as np
import tensorflow as tf

from unihub.apis import traces
from unihub.apis.functional.arguments import misfit
from unihub.apis.functional.effects import Analysis, Body
from unihub.apis.functional.errors import NotLifted, WrongWeights
from unihub.apis.functional.lifting import Lift
from unihub.apis.functional.slots import Slot, Slots
from unihub.apis.input_lines import Call
from unihub.apis.inputs import WrongInputs, mismatch
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
        self._analysis = analysis
        self._lift = Lift(analysis, handle)
        self.outputs = concrete.structured_outputs
        if analysis.problems:
            raise NotLifted(handle=handle, found=listed(sorted(analysis.problems)))

    def uncompiled(self) -> Set[str]:
        """The part of the call that XLA does not compile, in words."""
        captured = (
            "a table" for each in self._captured if getattr(each, "dtype", None) == tf.resource
        )
        return {*captured, *self._analysis.strings()}

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


class PureCall:
    """The parts of a pure function, whatever calls it.

    Args:
        call: of the inputs.
        losses: functions without arguments.
        slots: of the variables that the model lists.
        nests: of TypeSpec, which the model takes; of several arguments, dicts by their names.
        handle: of the model, for errors.
        told: how errors name the call; None where the call itself says what it takes.
    """

    def __init__(
        self,
        call: Callable[[Any], Any],
        losses: Sequence[Callable[[], Any]],
        slots: Slots,
        nests: Sequence[Any],
        handle: str,
        told: Optional[Call] = None,
    ) -> None:
        self._call = call
        self._told = told
        self.made_in = os.getpid()
        self._losses = tuple(losses)
        self.handle = handle
        self._slots = slots
        self._traces: Dict[Any, Lifted] = {}
        self._functions: Dict[Any, Any] = {}
        self._kept: Dict[Any, Any] = {}
        self._nests = tuple(nests)
        self._run_losses = tf.function(self.losses_of, autograph=False)

    def run(self, given: Arrays, inputs: Any, seed: Any) -> Tuple[Any, Arrays]:
        """Calls the model by TensorFlow.

        Args:
            given: all variables by name.
            inputs: as for a call.
            seed: of `arguments.seed_of`.

        Returns:
            The outputs, and the variables that were assigned.
        """
        inputs, nest = self._fitted(inputs)
        given = {name: _of_dtype(value, self.dtype_of(name)) for name, value in given.items()}
        outputs, changed = self._function(nest)(given, inputs, seed)
        return outputs, changed

    def run_losses(self, given: Arrays) -> List[Any]:
        """The regularization losses of all variables by name, by TensorFlow."""
        given = {name: _of_dtype(value, self.dtype_of(name)) for name, value in given.items()}
        return list(self._run_losses(given))

    @property
    def reads(self) -> Set[str]:
        """Names of the variables that a trace of the call reads."""
        return {slot.name for each in self._traces.values() for slot in each.effects.read}

    @property
    def accepted(self) -> Sequence[Any]:
        """The nests of TypeSpec that the model takes, as far as it tells."""
        return self._nests

    def uncompiled(self) -> Set[str]:
        """The part of the call's traces that XLA does not compile, in words."""
        return {word for each in self._traces.values() for word in each.uncompiled()}

    @property
    def takes_text(self) -> bool:
        """Whether strings are among the inputs, as far as the model tells."""
        specs = tf.nest.flatten(self._nests)
        return not specs or any(traces.dtype_of(spec) == tf.string for spec in specs)

    @property
    def assigns(self) -> Set[str]:
        """Names of the variables that a trace of the call assigns."""
        return {slot.name for each in self._traces.values() for slot in each.effects.written}

    @property
    def draws(self) -> bool:
        """Whether a trace of the call draws numbers."""
        return any(trace.effects.random for trace in self._traces.values())

    def ordered(self, loaded: Any) -> Dict[str, Any]:
        """The variables by name: those that an object trains, those that it lists, the others."""
        listed = [*getattr(loaded, "trainable_variables", ()), *getattr(loaded, "variables", ())]
        places = {id(variable): place for place, variable in reversed([*enumerate(listed)])}
        found = {name: slot.variable for name, slot in self._slots.by_name.items()}
        last = len(listed)
        return dict(sorted(found.items(), key=lambda item: places.get(id(item[1]), last)))

    @property
    def has_losses(self) -> bool:
        """Whether there are any."""
        return bool(self._losses)

    def trace(self, inputs: Any) -> Lifted:
        """The trace for a nest of tensors or of their specs.

        Raises:
            NotLifted: what it does cannot be lifted.
        """
        specs = tf.nest.map_structure(_spec, inputs)
        key = repr(specs)
        if key not in self._traces:
            try:
                self._traces[key] = self._lifted(self._call, specs)
            except (WrongInputs, TypeError):
                self.refuse(inputs)
                raise
        return self._traces[key]

    def refuse(self, inputs: Any) -> None:
        """Raises WrongInputs where inputs are none that the model takes."""
        nests = sorted(self._nests, key=lambda nest: not traces.same_structure(inputs, nest))
        if self._told is None or not nests:
            return
        # What has a shape alone, or is another framework's, is shown by a tensor like it.
        with tf.Graph().as_default():
            alike = tf.nest.map_structure(_alike, inputs)
            found = [mismatch(alike, nest, self._told) for nest in nests]
        if found[0] is not None and None not in found:
            raise found[0] from None

    def nest_of(self, specs: Any, *, as_given: bool = False) -> Any:
        """The specs that the model takes inputs of these for; theirs where it takes none.

        Args:
            specs: of the inputs.
            as_given: for the shapes that they have, in the dtypes that the model takes.
        """
        for nest in self._nests:
            if traces.same_structure(specs, nest):
                cast = tf.nest.map_structure(_cast_spec, nest, specs)
                if all(map(_is_taken, tf.nest.flatten(nest), tf.nest.flatten(cast))):
                    return cast if as_given or self.is_shadowed(nest) else nest
        return specs

    def is_shadowed(self, nest: Any) -> bool:
        """Whether TensorFlow may take another trace, of fewer shapes, for a nest of specs."""
        return any(
            traces.same_structure(other, nest) and _is_narrower(other, nest)
            for other in self._nests
        )

    def _fitted(self, inputs: Any) -> Tuple[Any, Any]:
        """Inputs as tensors, and the nest of specs to trace the call for."""
        for nest in self._nests:
            if traces.same_structure(inputs, nest):
                try:
                    fitted = tf.nest.map_structure(_fitted, nest, inputs)
                except (TypeError, ValueError):
                    # No tensor is made of it; `refuse` says so.
                    continue
                if all(map(_is_taken, tf.nest.flatten(nest), tf.nest.flatten(fitted))):
                    is_shadowed = self.is_shadowed(nest)
                    return fitted, tf.nest.map_structure(_spec, fitted) if is_shadowed else nest
        self.refuse(inputs)
        tensors = tf.nest.map_structure(_as_tensor, inputs)
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

            def traced(given: Arrays, inputs: Any, seed: Any) -> Any:
                return self.traced(nest, given, inputs, seed)

            self._functions[key] = tf.function(traced, input_signature=specs, autograph=False)
        return self._functions[key]

    def _lifted(self, call: Callable[..., Any], *specs: Any) -> Lifted:
        with tf.init_scope():
            concrete = tf.function(call, autograph=False).get_concrete_function(*specs)
        return Lifted(concrete, self._slots, self.handle)

    def dtype_of(self, name: str) -> tf.DType:
        """That of a variable."""
        return self._slots.by_name[name].variable.dtype

    def cached(self, key: Any, make: Callable[[], Any]) -> Any:
        """A value that another framework keeps of this function, made once."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def traced(self, nest: Any, given: Arrays, inputs: Any, seed: Any) -> Tuple[Any, Arrays]:
        """Traces the call of a nest of specs for variables by name, inputs and a seed."""
        lifted = self.trace(nest)
        flat = tf.nest.flatten(inputs, expand_composites=True)
        outputs, after = lifted(flat, self._values(given), seed)
        return outputs, {slot.name: after[slot] for slot in lifted.effects.changed()}

    def trace_losses(self) -> List[Lifted]:
        """The traces of the regularization losses."""
        traced: List[Lifted] = self.cached(
            "losses", lambda: [self._lifted(loss) for loss in self._losses]
        )
        return traced

    def needed_by_losses(self, weights: Mapping[str, Any], state: Mapping[str, Any]) -> Arrays:
        """The variables that the losses read, by name.

        Raises:
            WrongWeights: one is missing, or of another shape.
        """
        read = {slot for each in self.trace_losses() for slot in each.effects.read}
        return self._checked(weights, state, read)

    def losses_of(self, given: Arrays) -> List[Any]:
        """Traces the regularization losses."""
        values, seed = self._values(given), tf.zeros([2], tf.int64)
        return [lifted((), values, seed)[0] for lifted in self.trace_losses()]

    def _values(self, given: Arrays) -> Dict[Slot, Any]:
        values = {self._slots.by_name[name]: value for name, value in given.items()}
        for slot, value in values.items():
            value.set_shape(slot.variable.shape)
        return values

    def needed(self, weights: Mapping[str, Any], state: Mapping[str, Any]) -> Arrays:
        """All variables by name.

        Raises:
            WrongWeights: one is missing, or of another shape.
        """
        given = self._checked(weights, state, self._slots.by_name.values())
        for name in self.assigns:
            if name not in state:
                slot = self._slots.by_name[name]
                raise self._wrong("state", slot, "it among the weights, of which none is assigned")
        return given

    def _checked(
        self, weights: Mapping[str, Any], state: Mapping[str, Any], slots: Iterable[Slot]
    ) -> Arrays:
        given = {}
        for slot in slots:
            name = slot.name
            for argument, dicts in (("weights", weights), ("state", state)):
                if not hasattr(dicts, "get"):
                    raise self._wrong(
                        argument, slot, f"a {type(dicts).__name__}, which has no names"
                    )
            is_weight = name in weights or (name not in state and slot.variable.trainable)
            value = weights[name] if name in weights else state.get(name)
            wrong = misfit(value, slot.variable)
            if wrong is not None:
                raise self._wrong("weights" if is_weight else "state", slot, wrong)
            given[name] = value
        return given

    def _wrong(self, argument: str, slot: Slot, found: str) -> WrongWeights:
        dtype, shape = slot.variable.dtype.name, list(slot.variable.shape)
        accepted = f"{dtype} of shape {shape}"
        return WrongWeights(
            argument=argument, name=slot.name, handle=self.handle, accepted=accepted, found=found
        )


def _of_dtype(value: Any, dtype: tf.DType) -> Any:
    if tf.is_tensor(value):
        return value if value.dtype == dtype else tf.cast(value, dtype)
    return np.asarray(value).astype(dtype.as_numpy_dtype, copy=False)


def _as_tensor(value: Any) -> Any:
    # Sparse and ragged ones are tensors, too.
    return value if tf.is_tensor(value) else tf.convert_to_tensor(value)


def _alike(value: Any) -> Any:
    """A tensor of the dtype and shape of what is none, where it has both; for messages."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if tf.is_tensor(value) or isinstance(value, np.ndarray) or None in (dtype, shape):
        return value
    if not isinstance(value, tf.TypeSpec):
        name = getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]
        value = tf.TensorSpec(shape, name)
    return tf.compat.v1.placeholder(value.dtype, value.shape)


def _spec(value: Any) -> Any:
    return value if isinstance(value, tf.TypeSpec) else tf.type_spec_from_value(value)


def _fitted(spec: Any, value: Any) -> Any:
    if not isinstance(spec, tf.TensorSpec):
        return value
    if not tf.is_tensor(value):
        # An array has a dtype of its own; Python numbers become what the model takes.
        hint = None if isinstance(value, np.ndarray) else spec.dtype
        value = tf.convert_to_tensor(value, dtype_hint=hint)
    is_cast = value.dtype != spec.dtype and value.dtype.is_floating and spec.dtype.is_floating
    return tf.cast(value, spec.dtype) if is_cast else value


def _cast_spec(spec: Any, given: Any) -> Any:
    """A spec of the same shape, in a dtype to which it is cast without loss, or in float."""
    pairs = [(spec.dtype, given.dtype)]
    is_cast = all(
        (one.is_floating and other.is_floating) or (one.is_integer and other.is_integer)
        for one, other in pairs
    )
    return tf.TensorSpec(given.shape, spec.dtype) if is_cast else given


def _is_taken(spec: Any, value: Any) -> bool:
    return bool(spec.is_compatible_with(value))


def _is_narrower(nest: Any, other: Any) -> bool:
    """Whether all that fits the one fits the other, and not the reverse."""
    pairs = [
        (traces.shape_of(one), traces.shape_of(two))
        for one, two in zip(tf.nest.flatten(nest), tf.nest.flatten(other))
    ]
    is_part = all(one.is_subtype_of(two) for one, two in pairs)
    return is_part and not all(two.is_subtype_of(one) for one, two in pairs)
