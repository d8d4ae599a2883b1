"""Parts of a loaded object that is no function itself: each keeps the whole alive.

TensorFlow's functions hold what they read weakly, so that ``tf.saved_model.load(path).encode``
would be without its variables.
"""

from __future__ import annotations

from typing import Any

from unihub.apis.parts import items_of

_WHOLE = "_unihub_whole"


class _Part:
    """An attribute whose value, when it is asked for, takes hold of the object that has it.

    What nobody asks for is in no cycle: the object is freed as soon as nothing needs it.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None or self._name not in vars(instance):
            raise AttributeError(self._name)
        part = vars(instance)[self._name]
        # Of a list or dict, one of those in it is what is called.
        for _, held in items_of(part):
            if hasattr(held, "__dict__"):
                vars(held)[_WHOLE] = instance
        return part

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self._name] = value

    def __delete__(self, instance: Any) -> None:
        del vars(instance)[self._name]


def hold_parts(loaded: Any, kind: str) -> None:
    """Has the parts of a loaded object, which are called one by one, keep it alive.

    Args:
        loaded: that TensorFlow made; it and those in it have a class each.
        kind: name of these classes.
    """
    waiting, found = [loaded], {id(loaded)}
    while waiting:
        one = waiting.pop()
        for name, value in list(vars(one).items()):
            parts = [part for _, part in items_of(value)]
            own = [part for part in parts if type(part).__name__ == kind]
            if name.startswith("_") or not (own or any(map(callable, parts))):
                continue
            setattr(type(one), name, _Part(name))
            waiting += [part for part in own if id(part) not in found]
            found.update(map(id, own))
