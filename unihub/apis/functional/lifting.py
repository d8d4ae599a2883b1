"""Traces a graph anew, with values in the place of its variables and seeds in that of chance."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, NoReturn, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis.functional import ops, private
from unihub.apis.functional.effects import Analysis, Body, branches_of, function_of
from unihub.apis.functional.errors import GradientNotSaved
from unihub.apis.functional.slots import Slot


@dataclass
class Passed:
    """The value of a variable that came through a branch of TensorFlow 1."""

    slot: Slot
    value: Any


class Scope:
    """The state while a graph is traced.

    Attributes:
        values: of the variables, now.
        seed: of what draws numbers.
        numbers: one for each that draws, so that no two draw the same.
    """

    def __init__(self, values: Dict[Slot, Any], seed: Any, numbers: Iterator[int]) -> None:
        self.values = values
        self.seed = seed
        self.numbers = numbers

    def inner(self, values: Optional[Dict[Slot, Any]] = None, seed: Any = None) -> Scope:
        """A scope for a graph inside, whose assignments stay there."""
        seed = self.seed if seed is None else seed
        return Scope({**self.values, **(values or {})}, seed, self.numbers)

    def drawn(self) -> Any:
        """The next seed."""
        return ops.folded(self.seed, next(self.numbers))


class Lift:
    """Traces graphs of one analysis, which found nothing that cannot be lifted."""

    def __init__(self, analysis: Analysis, handle: str) -> None:
        self._analysis = analysis
        self._handle = handle
        self._kept: List[Any] = []

    def lifted(
        self, body: Body, arguments: Sequence[Any], values: Dict[Slot, Any], seed: Any
    ) -> Tuple[List[Any], Dict[Slot, Any]]:
        """Traces a graph.

        Args:
            body: of the graph.
            arguments: tensors for its inputs, and slots where they are variables.
            values: of all variables that it reads.
            seed: two integers.

        Returns:
            The outputs, and the values of all variables afterwards.
        """
        scope = Scope(dict(values), seed, itertools.count())
        return self._run(body, arguments, scope), scope.values

    def _run(self, body: Body, arguments: Sequence[Any], scope: Scope) -> List[Any]:
        found: Dict[str, Any] = dict(zip(body.inputs, arguments))
        loops: List[Tuple[Any, str]] = []
        made: Dict[str, Any] = {}
        for op in body.ops:
            if op.outputs and op.outputs[0].name in found:
                continue
            names = [tensor.name for tensor in op.inputs]
            if op.type == "Merge" and names[1] not in found:
                # A loop of TensorFlow 1 comes back here from what is not made yet.
                results = private.copied(op, [found[names[0]]] * 2)
                loops.append((results[0].op, names[1]))
            else:
                # What has no inputs is in a loop of TensorFlow 1 by what it waits for.
                before = [made[other.name] for other in op.control_inputs if other.name in made]
                with tf.control_dependencies(before):
                    results = self._step(op, [found[name] for name in names], scope, found)
            if body.has_loops and results and isinstance(results[0], tf.Tensor):
                made[op.name] = results[0].op
            found.update(zip((tensor.name for tensor in op.outputs), results))
        for merge, name in loops:
            private.come_back(merge, found[name])
        return [found[name] for name in body.outputs]

    def _step(
        self, op: Any, given: List[Any], scope: Scope, found: Dict[str, Any]
    ) -> Sequence[Any]:
        kind = op.type
        if kind in ops.CALLS:
            return self._call(op, given, scope)
        if kind in ops.IFS or kind in ops.CASES:
            return self._choose(op, given, scope)
        if kind in ops.WHILES:
            return self._loop(op, given, scope)
        if kind in ops.RANDOM:
            return [ops.RANDOM[kind](op, scope.drawn(), given)]
        if kind in ops.REFERENCES:
            return [scope.values[self._analysis.references[op.name]]]
        first = given[0] if given else None
        if isinstance(first, (Slot, Passed)):
            return _used(op, first, given[1:], scope)
        results = private.copied(op, given)
        saved = private.saved_gradient(op)
        if saved is not None:
            gradient = functools.partial(self._gradient, saved, found, dict(scope.values))
            private.set_gradient(results[0].op, gradient)
        elif private.has_gradient(op):
            private.set_gradient(results[0].op, self._refuse_gradient)
        return results

    def _refuse_gradient(self, op: Any, *given: Any) -> NoReturn:
        raise GradientNotSaved(handle=self._handle, op=op.name)

    def _gradient(
        self, saved: Any, found: Dict[str, Any], values: Dict[Slot, Any], op: Any, *given: Any
    ) -> List[Any]:
        """The gradient that the model's author wrote, which takes tensors of the forward graph."""
        body = Body(saved.graph)
        captured = [
            self._analysis.slot_of(each) or (each if hasattr(each, "numpy") else found[each.name])
            for each in saved.captured_inputs
        ]
        gradients = [
            tf.zeros_like(result) if gradient is None else gradient
            for gradient, result in zip(given, op.outputs)
        ]
        count = len(body.inputs) - len(captured)
        scope = Scope(values, None, itertools.count())
        rest = iter(self._run(body, [*gradients[:count], *captured], scope))
        # None for what has no gradient.
        leaves = tf.nest.flatten(saved.structured_outputs)
        return [None if leaf is None else next(rest) for leaf in leaves]

    def _effects(self, name: str, given: Sequence[Any]) -> Any:
        return self._analysis.of_function(name, [_slot(each) for each in given])

    def _call(self, op: Any, given: List[Any], scope: Scope) -> Sequence[Any]:
        name = function_of(op, "f")
        body = self._analysis.body(name)
        if body.has_loops:
            return self._call_apart(name, given, scope)
        if not op.node_def.attr["_XlaMustCompile"].b:
            return self._run(body, given, scope)
        # Compiled by XLA, whose rounding is another.
        changed = self._effects(name, given).changed()
        compiled = tf.function(self._isolated(name, given, scope, changed), jit_compile=True)
        return _settled(compiled(), changed, self._effects(name, given).outputs, scope)

    def _call_apart(self, name: str, given: List[Any], scope: Scope) -> Sequence[Any]:
        """Calls a function with loops of TensorFlow 1, which tf.function breaks.

        It has what merges wait for each other, in other rounds of a loop.
        """
        effects, slots = self._effects(name, given), [_slot(each) for each in given]
        changed, tensors = effects.changed(), _tensors(given)
        read = sorted(effects.read, key=lambda slot: slot.name)
        arguments = [*tensors, *(scope.values[slot] for slot in read)]

        def traced(*arguments: Any) -> List[Any]:
            inner = Scope(dict(zip(read, arguments[len(tensors) :])), None, itertools.count())
            filled = _filled(slots, arguments[: len(tensors)], slots)
            outputs = self._run(self._analysis.body(name), filled, inner)
            return [*_tensors(outputs), *(inner.values[slot] for slot in changed)]

        with tf.init_scope():
            specs = [tf.TensorSpec(each.shape, each.dtype) for each in arguments]
            wrapped = tf.compat.v1.wrap_function(traced, specs)
        self._kept.append(wrapped)
        return _settled(wrapped(*arguments), changed, effects.outputs, scope)

    def _isolated(
        self, name: str, given: Sequence[Any], scope: Scope, changed: Sequence[Slot]
    ) -> Callable[[], List[Any]]:
        """A function without arguments that gives a function's tensors and new values."""

        def traced() -> List[Any]:
            inner = scope.inner()
            outputs = self._run(self._analysis.body(name), given, inner)
            return [*_tensors(outputs), *(inner.values[slot] for slot in changed)]

        return tf.autograph.experimental.do_not_convert(traced)  # type: ignore[no-any-return]

    def _choose(self, op: Any, given: List[Any], scope: Scope) -> Sequence[Any]:
        choice, names = given[0], branches_of(op)
        effects = [self._effects(name, given[1:]) for name in names]
        changed = sorted(set().union(*(each.written for each in effects)), key=lambda s: s.name)
        branches = [self._isolated(name, given[1:], scope, changed) for name in names]
        if not (changed or any(slot is None for slot in effects[0].outputs)):
            # It is there for what it tells people; TensorFlow wants a result.
            branches = [_with_result(branch) for branch in branches]
        if op.type in ops.CASES:
            results = tf.switch_case(choice, branches)
        else:
            choice = choice if choice.dtype == tf.bool else tf.cast(choice, tf.bool)
            results = tf.cond(choice, branches[1], branches[0])
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        return _settled(results, changed, effects[0].outputs, scope)

    def _loop(self, op: Any, given: List[Any], scope: Scope) -> Sequence[Any]:
        asked, done = function_of(op, "cond"), function_of(op, "body")
        effects = self._effects(done, given)
        changed, slots = effects.changed(), [_slot(each) for each in given]
        seed = scope.drawn() if effects.random else None

        def unpacked(values: Sequence[Any]) -> Tuple[List[Any], Scope]:
            round_, tensors, new = _parts(values, len(changed))
            arguments = _filled(slots, tensors, given)
            own = None if seed is None else ops.folded(seed, round_)
            inner = Scope({**scope.values, **dict(zip(changed, new))}, own, itertools.count())
            return arguments, inner

        def goes_on(*values: Any) -> Any:
            arguments, inner = unpacked(values)
            return self._run(self._analysis.body(asked), arguments, inner)[0]

        def once(*values: Any) -> List[Any]:
            arguments, inner = unpacked(values)
            outputs = _tensors(self._run(self._analysis.body(done), arguments, inner))
            for output, known in zip(outputs, shapes):
                output.set_shape(known)
            return [values[0] + 1, *outputs, *(inner.values[slot] for slot in changed)]

        shapes = [tensor.shape for tensor, slot in zip(op.outputs, slots) if slot is None]
        start = [tf.constant(0), *_tensors(given), *(scope.values[slot] for slot in changed)]
        results = _looped(op, goes_on, once, start, shapes)
        return _settled(results[1:], changed, slots, scope)


def _looped(op: Any, goes_on: Any, once: Any, start: List[Any], shapes: Sequence[Any]) -> List[Any]:
    further: Dict[str, Any] = {"parallel_iterations": op.node_def.attr["parallel_iterations"].i}
    further = {name: value for name, value in further.items() if value}
    most = _most_rounds(op)
    if most is not None:
        # XLA computes gradients of loops whose rounds are counted.
        further["maximum_iterations"] = most
    try:
        return list(tf.while_loop(goes_on, once, start, **further))
    except ValueError:
        # A tensor that grows: its shape is what the loop was saved with.
        known = [tf.TensorShape([]), *shapes]
        known += [tensor.shape for tensor in start[len(known) :]]
        return list(tf.while_loop(goes_on, once, start, shape_invariants=known, **further))


def _most_rounds(op: Any) -> Optional[int]:
    """How often a loop goes at most, where that was known when it was traced."""
    inputs = list(op.inputs)
    if len(inputs) < 2 or "maximum_iterations" not in inputs[1].name:
        return None
    most = tf.get_static_value(inputs[1])
    return None if most is None or most.ndim or most < 0 else int(most)


def _slot(value: Any) -> Optional[Slot]:
    if isinstance(value, Passed):
        return value.slot
    return value if isinstance(value, Slot) else None


def _tensors(values: Sequence[Any]) -> List[Any]:
    return [value for value in values if _slot(value) is None]


def _filled(slots: Sequence[Optional[Slot]], tensors: Sequence[Any], given: Sequence[Any]) -> Any:
    """Tensors, and between them the variables, each in its place."""
    rest = iter(tensors)
    return [next(rest) if slot is None else value for slot, value in zip(slots, given)]


def _parts(values: Sequence[Any], changed: int) -> Tuple[Any, Sequence[Any], Sequence[Any]]:
    end = len(values) - changed
    return values[0], values[1:end], values[end:]


def _settled(
    results: Sequence[Any],
    changed: Sequence[Slot],
    outputs: Sequence[Optional[Slot]],
    scope: Scope,
) -> List[Any]:
    """The outputs of a function, after its assignments are taken over."""
    count = sum(slot is None for slot in outputs)
    for slot, value in zip(changed, results[count:]):
        scope.values[slot] = value
    return _filled(outputs, results[:count], outputs)  # type: ignore[no-any-return]


def _with_result(branch: Callable[[], List[Any]]) -> Callable[[], List[Any]]:
    return lambda: [*branch(), tf.constant(0)]


def _used(op: Any, held: Any, inputs: Sequence[Any], scope: Scope) -> Sequence[Any]:
    """The output of an op whose first input is a variable."""
    kind = op.type
    if kind in ops.PASSES:
        if kind == "Identity":
            return [held]
        value = scope.values[held] if isinstance(held, Slot) else held.value
        outputs = private.copied(op, [value, *inputs], T=value.dtype)
        return [Passed(_slot(held), output) for output in outputs]  # type: ignore[arg-type]
    if isinstance(held, Passed):
        return [ops.READS[kind](op, held.value, inputs)]
    value = scope.values[held]
    if kind in ops.READS:
        return [ops.READS[kind](op, value, inputs)]
    if kind == ops.MOVES_ON:
        scope.values[held] = ops.moved_on(value, *inputs)
        return [tf.identity(value)]
    new = ops.ASSIGNS[kind](op, value, inputs)
    new.set_shape(value.shape)
    scope.values[held] = new
    return []
