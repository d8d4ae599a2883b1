"""Before anything runs: which variables a graph reads and assigns, whether it draws numbers,
and what of it cannot be lifted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

from unihub.apis.functional import ops, private
from unihub.apis.functional.slots import Slot


@dataclass
class Effects:
    """The effects of a function beside its outputs."""

    read: Set[Slot] = field(default_factory=set)
    written: Set[Slot] = field(default_factory=set)
    random: bool = False
    outputs: List[Optional[Slot]] = field(default_factory=list)

    def add(self, other: Effects) -> None:
        """Takes what another function does, which this one calls."""
        self.read |= other.read
        self.written |= other.written
        self.random |= other.random

    def changed(self) -> List[Slot]:
        """The variables that are assigned, in an order that does not change."""
        return sorted(self.written, key=lambda slot: slot.name)


class Body:
    """The ops of a graph that its outputs and effects need, in their order."""

    def __init__(self, graph: Any) -> None:
        self.inputs = [tensor.name for tensor in graph.inputs]
        self.outputs = [tensor.name for tensor in graph.outputs]
        roots = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
        needed = {op.name for op in _in_order(roots)}
        # Those of graphs of TensorFlow 1 are in no order.
        self.ops = _in_order([op for op in graph.get_operations() if op.name in needed])
        self.has_loops = any(op.type in ops.BACKWARDS for op in self.ops)


def _in_order(roots: Sequence[Any]) -> List[Any]:
    """Ops and all that they need, each after what it needs; as given where that is so."""
    order: List[Any] = []
    begun: Set[str] = set()
    waiting = [(op, False) for op in reversed(roots)]
    while waiting:
        op, ready = waiting.pop()
        if ready:
            order.append(op)
        elif op.name not in begun:
            begun.add(op.name)
            waiting.append((op, True))
            before = [*(tensor.op for tensor in op.inputs), *op.control_inputs]
            if op.type == "Merge":
                # What comes back from the end of a loop is there last; all others wait for it.
                last = [other for other in before if other.type in ops.BACKWARDS]
                before = [other for other in before if other not in last]
                waiting[:0] = [(other, False) for other in last]
            waiting += [(other, False) for other in reversed(before)]
    return order


# Strings that are in these are part of a message.
_SAID = ("Const", "StringFormat", "AsString", "StringJoin")


class Analysis:
    """Goes through graphs as `lifting.Lift` does, without making any.

    Args:
        slot_of: the slot of a captured tensor, or None where it is no variable's handle.
        reference: the slot of an op that is a variable itself, as in TensorFlow 1.

    Attributes:
        problems: what cannot be lifted, in words, each once.
        references: slots by the ops' names.
    """

    def __init__(
        self, slot_of: Callable[[Any], Optional[Slot]], reference: Callable[[Any], Slot]
    ) -> None:
        self.slot_of = slot_of
        self._reference = reference
        self.references: Dict[str, Slot] = {}
        self.problems: Dict[str, None] = {}
        self._bodies: Dict[str, Body] = {}
        self._known: Dict[Any, Effects] = {}

    def body(self, name: str) -> Body:
        """The body of a function that is loaded in this process."""
        if name not in self._bodies:
            self._bodies[name] = Body(private.graph_of(name))
        return self._bodies[name]

    def strings(self) -> Set[str]:
        """The ops that make strings, which XLA compiles none of, beside what a message says."""
        every = {op for body in self._bodies.values() for op in body.ops}
        return {
            f"{op.type} of strings"
            for op in every
            if op.type not in _SAID and any(each.dtype.name == "string" for each in op.outputs)
        }

    def of_function(self, name: str, slots: Sequence[Optional[Slot]]) -> Effects:
        """The effects of a function that is called with these variables."""
        key = (name, tuple(slots))
        if key not in self._known:
            self._known[key] = self.of(self.body(name), slots)
        return self._known[key]

    def of(self, body: Body, slots: Sequence[Optional[Slot]]) -> Effects:
        """The effects of a graph that is called with these variables for its inputs."""
        found: Dict[str, Optional[Slot]] = dict(zip(body.inputs, slots))
        passed: Set[str] = set()
        effects = Effects()
        for op in body.ops:
            if op.outputs and op.outputs[0].name in found:
                continue
            given = [found.get(tensor.name) for tensor in op.inputs]
            if op.type in ops.PASSES and given[0] is not None:
                found.update({tensor.name: given[0] for tensor in op.outputs})
                if op.type != "Identity" or op.inputs[0].name in passed:
                    passed.update(tensor.name for tensor in op.outputs)
                continue
            results = self._step(op, given, effects)
            if op.type in ops.ASSIGNS and op.inputs[0].name in passed:
                self._problem(f"{op.type} in a branch or loop of TensorFlow 1")
            found.update(zip((tensor.name for tensor in op.outputs), results))
        if body.has_loops and effects.random:
            self._problem("chance beside a loop of TensorFlow 1")
        effects.outputs = [found.get(name) for name in body.outputs]
        return effects

    def _step(
        self, op: Any, given: List[Optional[Slot]], effects: Effects
    ) -> Sequence[Optional[Slot]]:
        kind = op.type
        if kind in ops.CALLS:
            called = self.of_function(function_of(op, "f"), given)
            effects.add(called)
            return called.outputs
        if kind in ops.IFS or kind in ops.CASES:
            branches = [self.of_function(name, given[1:]) for name in branches_of(op)]
            for branch in branches:
                effects.add(branch)
            return self._agreed(op, [branch.outputs for branch in branches])
        if kind in ops.WHILES:
            return self._loop(op, given, effects)
        if kind in ops.REFERENCES:
            self.references[op.name] = self._reference(op)
            effects.read.add(self.references[op.name])
            return [None]
        first = given[0] if given else None
        if any(slot is not None for slot in given[1:]):
            self._problem(f"{kind}, which takes a variable for a value")
        elif first is not None:
            self._use(kind, first, effects)
        elif kind in ops.RANDOM:
            effects.random = True
        elif any(argument.is_ref for argument in op.op_def.input_arg):
            self._problem(f"{kind} of a variable of TensorFlow 1")
        elif kind in ops.READS or kind in ops.ASSIGNS or kind == ops.MOVES_ON:
            self._problem(f"{kind} of a variable that is made in the graph")
        elif private.is_stateful(op) and kind not in ops.STAY:
            self._problem(kind)
        else:
            self._check_functions_of(op)
        return [None] * len(op.outputs)

    def _use(self, kind: str, slot: Slot, effects: Effects) -> None:
        if kind in ops.READS:
            effects.read.add(slot)
        elif kind in ops.ASSIGNS or kind == ops.MOVES_ON:
            effects.read.add(slot)
            effects.written.add(slot)
        else:
            self._problem(f"{kind} of a variable")

    def _loop(
        self, op: Any, given: List[Optional[Slot]], effects: Effects
    ) -> Sequence[Optional[Slot]]:
        asked = self.of_function(function_of(op, "cond"), given)
        done = self.of_function(function_of(op, "body"), given)
        if asked.written or asked.random:
            self._problem(f"{op.type}, whose condition assigns a variable or draws a number")
        effects.add(asked)
        effects.add(done)
        return self._agreed(op, [given, done.outputs])

    def _agreed(
        self, op: Any, results: Sequence[Sequence[Optional[Slot]]]
    ) -> Sequence[Optional[Slot]]:
        if any(list(each) != list(results[0]) for each in results):
            self._problem(f"{op.type}, which chooses among variables")
        return results[0]

    def _check_functions_of(self, op: Any) -> None:
        for value in op.node_def.attr.values():
            for name in [value.func.name] * bool(value.func.name) + [
                each.name for each in value.list.func
            ]:
                inside = self.of_function(name, [None] * len(self.body(name).inputs))
                if inside.random:
                    self._problem(f"{op.type}, whose function draws numbers")

    def _problem(self, words: str) -> None:
        self.problems.setdefault(words)


def function_of(op: Any, attribute: str) -> str:
    """The name of the function that an op has for an attribute."""
    name: str = op.node_def.attr[attribute].func.name
    return name


def branches_of(op: Any) -> List[str]:
    """The names of the functions among which an op chooses, in the order of the choice."""
    if op.type in ops.CASES:
        return [each.name for each in op.node_def.attr["branches"].list.func]
    return [function_of(op, "else_branch"), function_of(op, "then_branch")]
