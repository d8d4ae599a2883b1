"""How a TF2 SavedModel's objects are called: their arguments and accepted inputs."""

from __future__ import annotations

import re
from typing import (
    Any,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from unihub.formats.message import Message
from unihub.formats.object_graph import children_of, find_callables
from unihub.inspection.structures import (
    Fields,
    Listed,
    Spec,
    Unknown,
    Value,
    read_value,
    sequence,
    show,
)

_LOSSES = "regularization_losses"
_MOST_DESCRIBED = 20
_MOST_ACCEPTED = 16
_UNTOLD = Unknown("untold")
_NUMBER = re.compile(r"-?\d+(\.\d*)?(e-?\d+)?$")


class Argument(NamedTuple):
    """One argument of a function.

    Attributes:
        default: in Python's notation; None where it has none.
    """

    name: str
    default: Optional[str] = None

    def __str__(self) -> str:
        return self.name if self.default is None else f"{self.name}={self.default}"


class Accepted(NamedTuple):
    """Inputs that a function was traced for.

    Attributes:
        arguments: by name, in order; values nested as in `structures.read_value`.
    """

    arguments: Tuple[Tuple[str, Any], ...]

    def __str__(self) -> str:
        return ", ".join(f"{name}: {show(value)}" for name, value in self.arguments)


class Needed(NamedTuple):
    """An argument that a call has to give.

    Attributes:
        value: that it was traced for.
        by_name: whether it is given by name.
    """

    name: str
    value: Any
    by_name: bool


class Callable(NamedTuple):
    """An object, or a method of one, that can be called.

    Attributes:
        path: how to reach it from the loaded object; ``""`` for that object itself.
        arguments: those of its ``__call__``, without ``self``.
        accepted: the structures of inputs that it takes, without duplicates.
        functions: of the graph's library, that it was traced to.
        keywords: those of its arguments that go by name only.
    """

    path: str
    arguments: Tuple[Argument, ...]
    accepted: Tuple[Accepted, ...]
    functions: Tuple[str, ...] = ()
    keywords: Tuple[str, ...] = ()

    def needed(self) -> Optional[Tuple[Needed, ...]]:
        """The arguments that the plainest call has to give; None where none can be told."""
        calls = [needed for needed in map(self._needed, self.accepted) if needed is not None]
        return min(calls, key=_trains) if calls else None

    def modes(self) -> Optional[FrozenSet[Any]]:
        """The values of ``training`` that it was traced for; None where any will do."""
        found = {dict(accepted.arguments).get("training", _UNTOLD) for accepted in self.accepted}
        is_told = found and all(one is None or isinstance(one, bool) for one in found)
        return frozenset(found) if is_told and len(self.functions) <= _MOST_ACCEPTED else None

    def _needed(self, accepted: Accepted) -> Optional[Tuple[Needed, ...]]:
        defaults = {argument.name: argument.default for argument in self.arguments}
        found = []
        is_named = False
        for name, value in accepted.arguments:
            default = defaults.get(name)
            # What follows an argument that was left out has to be named.
            if default is not None and (default == show(value) or _stands_for(default, value)):
                is_named = True
                continue
            by_name = is_named or name in self.keywords or name not in defaults
            if is_named and not name.isidentifier():
                return None
            by_name = name.isidentifier() and (by_name or not has_tensor(value))
            # What follows one that is named has to be, too.
            is_named = by_name
            found.append(Needed(name, value, by_name))
        return tuple(found)


def read_callables(objects: Message, children: Dict[str, int]) -> Tuple[Callable, ...]:
    """The callables of a SavedObjectGraph: the root's own, else the nearest below it.

    Args:
        children: what `ObjectGraph.children_by_name` gives for it.

    Of a root that can be called, what is below it is left out; where it cannot, the
    nearest 20 are described.
    """
    places = find_callables(objects, children)
    described = list(places.items())[:_MOST_DESCRIBED]
    return tuple(
        _callable(path, objects.item("nodes", index), objects) for path, index in described
    )


def read_losses(objects: Message, children: Dict[str, int]) -> Tuple[Callable, ...]:
    """The functions in the list of regularization losses of the root."""
    if _LOSSES not in children:
        return ()
    held = children_of(objects.item("nodes", children[_LOSSES]), objects).values()
    return tuple(_callable(_LOSSES, objects.item("nodes", index), objects) for index in held)


def _callable(path: str, node: Message, objects: Message) -> Callable:
    function = node.message("function")
    bare = node.message("bare_concrete_function")
    names = [*function.texts("concrete_functions"), bare.text("concrete_function_name")]
    spec = function.message("function_spec")
    fields = _fields(read_value(spec.message("fullargspec")))
    arguments = tuple(_arguments(fields, spec.number("is_method")))
    own = bare.texts("argument_keywords")
    arguments = arguments or tuple(map(Argument, own))
    positional = [argument.name for argument in arguments]
    signatures = (_signature_of(name, objects) for name in names[:_MOST_ACCEPTED] if name)
    accepted = [_accepted(value, positional) for value in signatures]
    by_name = own[bare.number("allowed_positional_arguments") :]
    keywords = (*_texts(fields.get("kwonlyargs")), *by_name)
    return Callable(path, arguments, tuple(dict.fromkeys(accepted)), tuple(names), keywords)


def _arguments(fields: Mapping[str, Any], is_method: int) -> Iterator[Argument]:
    """Arguments of an inspect.FullArgSpec, as TensorFlow stores one."""
    names: List[str] = _texts(fields.get("args"))
    defaults: Sequence[Value] = sequence(fields.get("defaults"))
    texts: List[Optional[str]] = [None] * (len(names) - len(defaults))
    texts += [show(value) for value in defaults]
    found = [Argument(name, default) for name, default in zip(names, texts)]
    yield from found[1:] if is_method else found
    by_name = _fields(fields.get("kwonlydefaults"))
    for name in _texts(fields.get("kwonlyargs")):
        yield Argument(name, show(by_name[name]) if name in by_name else None)


def _fields(value: Value) -> Dict[str, Any]:
    return dict(value.items) if isinstance(value, Fields) else {}


def _signature_of(name: str, objects: Message) -> Value:
    for index in objects.holding("concrete_functions", name.encode("utf-8")):
        entry = objects.item("concrete_functions", index)
        if entry.text("key") == name:
            return read_value(entry.message("value").message("canonicalized_input_signature"))
    return ()


def _accepted(signature: Value, names: Sequence[str]) -> Accepted:
    """A canonical signature is a pair of positional and of named arguments."""
    positional, by_name = (*sequence(signature), (), ())[:2]
    values = sequence(positional)
    given = [(names[i] if i < len(names) else f"*{i}", value) for i, value in enumerate(values)]
    given += by_name.items if isinstance(by_name, Fields) else ()
    return Accepted(tuple(given))


def _texts(value: Value) -> List[str]:
    return [text for text in sequence(value) if isinstance(text, str)]


def has_tensor(value: Any) -> bool:
    """Whether a value that was traced is a tensor, or holds one."""
    if isinstance(value, Fields):
        return any(has_tensor(item) for _, item in value.items)
    parts = value.values if isinstance(value, Listed) else value
    if isinstance(parts, tuple):
        return any(map(has_tensor, parts))
    return isinstance(value, Spec)


def _stands_for(default: str, value: Any) -> bool:
    """Whether a default, a number, is what a scalar tensor was traced in the place of."""
    return isinstance(value, Spec) and value.shape == () and _NUMBER.match(default) is not None


def _trains(needed: Tuple[Needed, ...]) -> bool:
    return any(one.name == "training" and one.value is True for one in needed)
