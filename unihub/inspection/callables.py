"""How a TF2 SavedModel's objects are called: their arguments and accepted inputs."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from unihub.formats.message import Message
from unihub.formats.object_graph import find_callables
from unihub.inspection.structures import Fields, Value, read_value, sequence, show

_MOST_DESCRIBED = 20
_MOST_ACCEPTED = 16


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


class Callable(NamedTuple):
    """An object, or a method of one, that can be called.

    Attributes:
        path: how to reach it from the loaded object; ``""`` for that object itself.
        arguments: those of its ``__call__``, without ``self``.
        accepted: the structures of inputs that it takes, without duplicates.
        functions: of the graph's library, that it was traced to.
    """

    path: str
    arguments: Tuple[Argument, ...]
    accepted: Tuple[Accepted, ...]
    functions: Tuple[str, ...] = ()


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


def _callable(path: str, node: Message, objects: Message) -> Callable:
    function = node.message("function")
    bare = node.message("bare_concrete_function")
    names = [*function.texts("concrete_functions"), bare.text("concrete_function_name")]
    spec = function.message("function_spec")
    arguments = tuple(_arguments(read_value(spec.message("fullargspec")), spec))
    positional = [argument.name for argument in arguments] or bare.texts("argument_keywords")
    signatures = (_signature_of(name, objects) for name in names[:_MOST_ACCEPTED] if name)
    accepted = [_accepted(value, positional) for value in signatures]
    return Callable(path, arguments, tuple(dict.fromkeys(accepted)), tuple(names))


def _arguments(spec: Value, function_spec: Message) -> Iterator[Argument]:
    """Arguments of an inspect.FullArgSpec, as TensorFlow stores one."""
    fields: Dict[str, Any] = dict(spec.items) if isinstance(spec, Fields) else {}
    names: List[str] = _texts(fields.get("args"))
    defaults: Sequence[Value] = sequence(fields.get("defaults"))
    texts: List[Optional[str]] = [None] * (len(names) - len(defaults))
    texts += [show(value) for value in defaults]
    found = [Argument(name, default) for name, default in zip(names, texts)]
    yield from found[1:] if function_spec.number("is_method") else found
    only_by_name = fields.get("kwonlydefaults")
    by_name = dict(only_by_name.items) if isinstance(only_by_name, Fields) else {}
    for name in _texts(fields.get("kwonlyargs")):
        yield Argument(name, show(by_name[name]) if name in by_name else None)


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
