"""A call that TensorFlow refused: why, and whether it is taken once floats are cast."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis.input_lines import Call, made_up, made_up_nest
from unihub.apis.inputs import (
    WrongInputs,
    described,
    is_tensor,
    mismatch,
    same_classes,
    wrong_structure,
)
from unihub.apis.traces import (
    Parameters,
    accepted_arguments,
    dtype_of,
    parameters_of,
    sequence_like,
)
from unihub.errors import nearest

_PLAIN = (bool, int, float, str, type(None))


class WrongArguments(WrongInputs):
    """An argument is unknown or missing, or has a value that was not traced."""

    code = "wrong-arguments"
    what = "{model} cannot be called with these arguments: {problem}."
    why = "it takes {accepted}."
    do = "{fix}"


def why_refused(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], call: Call
) -> Optional[WrongInputs]:
    """The error that says why a function takes no such arguments.

    Args:
        function: a loaded object, restored function, tf.function or any callable.
        args, kwargs: of the call.
        call: how messages name it.

    Returns:
        How the arguments differ from those of the trace that is nearest; None where they
        do not, or the function does not tell what it takes.
    """
    refusal = _Refusal.of(function, args, kwargs, call)
    if refusal is None:
        return None
    found: Optional[WrongInputs] = refusal.wrong_names()
    if found is not None:
        return found
    differing = [(refusal.differing(trace), trace) for trace in refusal.traces]
    if not differing or not all(names for names, _ in differing):
        return None

    def distance(one: Tuple[List[str], Mapping[str, Any]]) -> Tuple[int, bool]:
        names, trace = one
        # Of traces that are as near, one that has a tensor where the call has another.
        return len(names), not _is_input(trace.get(names[0]))

    names, trace = min(differing, key=distance)
    return refusal.difference(names[0], trace)


# AutoGraph leaves alone what bears this mark; that of 1.15 rewrites comprehensions wrongly.
why_refused.autograph_info__ = {}  # type: ignore[attr-defined]


class _Refusal:
    """A call that a function refused, beside what the function takes."""

    def __init__(
        self,
        parameters: Parameters,
        traces: Sequence[Mapping[str, Any]],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        call: Call,
    ) -> None:
        self._parameters = parameters
        # What each trace takes, by the name of the argument.
        self.traces = traces
        self._args = args
        self._kwargs = kwargs
        self._call = call
        self._explicit = [*parameters.names[: len(args)], *kwargs]
        self.given = parameters.bound(args, kwargs)

    @classmethod
    def of(
        cls, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], call: Call
    ) -> Optional[_Refusal]:
        accepted = accepted_arguments(function)
        parameters = parameters_of(function) or _as_traced(function, accepted, len(args))
        if parameters is None:
            return None
        traces = [
            {**dict(zip(parameters.names, positional)), **named} for positional, named in accepted
        ]
        return cls(parameters, traces, args, kwargs, call)

    def wrong_names(self) -> Optional[WrongArguments]:
        """The error for arguments that are unknown, missing or given twice."""
        parameters, given = self._parameters, self.given
        known = [*parameters.names, *parameters.keywords]
        further = {name for trace in self.traces for name in trace if name not in known}
        is_open = parameters.takes_more and not self.traces
        unknown = [n for n in self._kwargs if n not in known and n not in further and not is_open]
        missing = [name for name in known if name not in given]
        name, value = "", None
        if unknown:
            problem = f"{unknown[0]!r} is unknown"
            free = [one for one in (*known, *sorted(further)) if one not in self._explicit]
            # Another name would be no better where none is close.
            name = nearest(unknown[0], ["", *free])
            value = self._kwargs[unknown[0]]
        elif len(self._args) > len(parameters.names):
            problem = f"{len(self._args)} are given by position"
        elif len(set(self._explicit)) < len(self._explicit):
            problem = "one is given by position and by name"
        elif missing:
            problem = f"{missing[0]!r} is missing"
        else:
            return None
        accepted = ", ".join(filter(None, [str(parameters), *sorted(further)]))
        return self._wrong(problem, accepted or "none", name, value)

    def differing(self, trace: Mapping[str, Any]) -> List[str]:
        """The names of the arguments that are not what a trace takes, the plainest first."""
        by_weight: Tuple[List[str], List[str], List[str]] = ([], [], [])
        for name, nest in trace.items():
            if name not in self.given:
                by_weight[2].append(name)
            elif not _is_input(nest):
                if not _is_equal(self.given[name], nest):
                    by_weight[2].append(name)
            elif mismatch(self.given[name], nest, self._call) is not None:
                by_weight[0].append(name)
            elif not same_classes(self.given[name], nest):
                by_weight[1].append(name)
        by_weight[2].extend(name for name in self._explicit if name not in trace)
        return [name for names in by_weight for name in names]

    def difference(self, name: str, trace: Mapping[str, Any]) -> WrongInputs:
        """The error that says how an argument differs from what a trace takes."""
        nest = trace.get(name)
        if name not in self.given or not _is_input(nest):
            traced = [f"{name}={_shown(one[name])}" for one in self.traces if name in one]
            problem = f"{name}={_shown(self.given.get(name))} was not traced"
            accepted = " or ".join(dict.fromkeys(traced)) or str(self._parameters)
            return self._wrong(problem, accepted, name, nest)
        left_out = [one for one in self._parameters.defaults if one not in self._explicit]
        inputs = {k: part for k, part in trace.items() if _is_input(part) and k not in left_out}
        call, given = replace(self._call, after=self._flags(*inputs, name)), self.given[name]
        if len(inputs) > 1:
            by_position = self._parameters.any_number
            call, nest = replace(call, by_keyword=True, by_position=by_position), inputs
            given = {one: self.given.get(one) for one in inputs}
        found = mismatch(given, nest, call)
        if found is not None:
            return found
        is_list = isinstance(nest, (list, tuple))
        fix = f"{call.name}({type(nest).__name__}(x))" if is_list else None
        return wrong_structure(given, nest, call, fix)

    def _wrong(self, problem: str, accepted: str, name: str, value: Any) -> WrongArguments:
        """The error that advises a call with what has no default and one more argument."""
        call, parameters = self._call, self._parameters
        inputs = [one for one in parameters.names if one not in parameters.defaults]
        if not call.keras:
            fix = f"{call.name}({self._unpacked() or self._needed(name, value)})"
        elif len(inputs) != 1 and call.outside:
            # A layer gives one.
            fix = f"{call.outside}({self._unpacked() or self._needed('', None)})"
        else:
            further = {name: _shown(value)} if name else {}
            for one in parameters.keywords:
                if one not in self.given:
                    further[one] = self._example(one)
            entries = ", ".join(f"{one!r}: {code}" for one, code in further.items())
            fix = f"{call.layer[:-1]}{f', arguments={{{entries}}}' if entries else ''})"
        return WrongArguments(model=call.model, problem=problem, accepted=accepted, fix=fix)

    def _needed(self, name: str, value: Any) -> str:
        """The arguments that have no default, and one more, as a line has them."""
        parameters, parts = self._parameters, []
        by_position = [one for one in parameters.names if one not in parameters.defaults]
        by_name = [one for one in parameters.keywords if one not in parameters.defaults]
        if name and name not in (*by_position, *by_name):
            by_name.append(name)
        for one in (*by_position, *by_name):
            if one in self.given and one != name:
                code = one
            elif one == name and not is_tensor(value):
                code = _shown(value)
            else:
                # What was given by another name has that.
                others = (key for key, part in self._kwargs.items() if part is value)
                code = next(others, one) if one == name else self._example(one)
            parts.append(f"{one}={code}" if one in by_name else code)
        return ", ".join(parts) + self._flags(name)

    def _flags(self, *but: str) -> str:
        """Arguments with a default that were given by name and are no tensors, as training=."""
        if self._call.keras:
            # A layer gives them.
            return ""
        named = [one for one in self._parameters.defaults if one not in but]
        kept = {one: value for one, value in self._kwargs.items() if one in named and plain(value)}
        return "".join(f", {one}={value!r}" for one, value in kept.items())

    def _unpacked(self) -> str:
        """The arguments, where they were given as one, or one of them as several."""
        names = [name for name in self._parameters.names if name not in self._parameters.defaults]
        given = self._args[0] if len(self._args) == 1 and not self._kwargs else None
        if len(names) > 1 and isinstance(given, (list, tuple)) and len(given) == len(names):
            return "*inputs"
        if len(names) > 1 and isinstance(given, Mapping) and {*given} == {*names}:
            return "**inputs"
        for trace in self.traces if len(names) == 1 else ():
            nest = trace.get(names[0])
            if len(self._args) > 1 and isinstance(nest, (Mapping, list, tuple)):
                return made_up_nest(nest)
            by_name = {*self._kwargs} if self._kwargs and not self._args else None
            if isinstance(nest, Mapping) and {*nest} == by_name:
                return f"dict({', '.join(f'{name}={name}' for name in self._kwargs)})"
        return ""

    def _example(self, name: str) -> str:
        """Made-up code for an argument that was not given; its name where nothing tells."""
        for trace in self.traces:
            if isinstance(trace.get(name), tf.TypeSpec):
                return made_up(trace[name], name)
        return name


def _as_traced(
    function: Any, accepted: Sequence[Tuple[Tuple[Any, ...], Mapping[str, Any]]], count: int
) -> Optional[Parameters]:
    """The parameters of a function that takes any number, as those of the nearest trace."""
    if not accepted:
        return None

    def distance(trace: Tuple[Tuple[Any, ...], Mapping[str, Any]]) -> Tuple[int, int]:
        return abs(len(trace[0]) - count), -len(trace[0])

    positional, named = min(accepted, key=distance)
    names = [f"x{place}" for place in range(len(positional))]
    if hasattr(function, "structured_input_signature"):
        # Of a concrete function each has a name.
        names = [getattr(part, "name", None) or x for part, x in zip(positional, names)]
    return Parameters(
        names,
        list(named),
        {},
        False,
        any_number=not hasattr(function, "structured_input_signature"),
    )


def cast(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Optional[Tuple[List[Any], Dict[str, Any]]]:
    """The arguments with floats cast to what a trace takes that then fits; None for no such."""
    refusal = _Refusal.of(function, args, kwargs, Call("the model"))
    if refusal is None or refusal.wrong_names() is not None:
        return None
    for trace in refusal.traces:
        if refusal.differing(trace):
            continue
        by_position = list(zip(args, trace.values()))
        changed = [_as_accepted(value, nest) for value, nest in by_position]
        named = {name: _as_accepted(value, trace[name]) for name, value in kwargs.items()}
        if not all(map(_is_same, [*args, *kwargs.values()], [*changed, *named.values()])):
            return changed, named
    return None


def _as_accepted(value: Any, nest: Any) -> Any:
    """A value that fits, with its floating-point numbers cast."""
    if isinstance(nest, Mapping):
        return {name: _as_accepted(value[name], nest[name]) for name in value}
    if isinstance(nest, (list, tuple)):
        return sequence_like(value, map(_as_accepted, value, nest))
    if not isinstance(nest, tf.TypeSpec) or not hasattr(value, "dtype"):
        return value
    given, wanted = tf.as_dtype(value.dtype), dtype_of(nest)
    both_float = given.is_floating and wanted.is_floating
    return tf.cast(value, wanted) if both_float and given != wanted else value


def _is_same(value: Any, changed: Any) -> bool:
    pairs = zip(tf.nest.flatten(value), tf.nest.flatten(changed))
    return all(one is other for one, other in pairs)


def _is_input(nest: Any) -> bool:
    return any(isinstance(leaf, tf.TypeSpec) for leaf in tf.nest.flatten(nest))


def _is_equal(value: Any, expected: Any) -> bool:
    if is_tensor(value):
        return False
    try:
        return bool(value == expected)
    # An array has as many answers as numbers.
    except ValueError:
        return False


def plain(value: Any) -> bool:
    """Whether a value is written in Python as it is."""
    return isinstance(value, _PLAIN)


def _shown(value: Any) -> str:
    return repr(value) if plain(value) else described(value)
