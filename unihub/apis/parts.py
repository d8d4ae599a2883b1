"""A loaded object and what is in it, called and copied as ours: each has a class of its own."""

from __future__ import annotations

import functools
from typing import Any, Callable, Iterator, Optional, Tuple

from unihub.apis.request import Origin

OWN_CLASS = "_UserObject"
_FUNCTION = "RestoredFunction"
_CALL = "__call__"
_DEEPEST = 5  # A file may have a list in itself.
_COPYING = ("__copy__", "__deepcopy__", "__reduce_ex__", "__setattr__", "__delattr__")


def explain_calls(loaded: Any, handle: str) -> None:
    """Has a loaded object and its parts say why they refuse arguments, or to be copied alone."""
    waiting, found = [(loaded, "m")], {id(loaded): ""}
    for one, name in waiting:
        if type(one).__name__ != OWN_CLASS:
            continue
        kind = type(one)
        if _CALL in vars(kind):
            kind.__call__ = _explained(vars(kind)[_CALL], handle, name)  # type: ignore[method-assign]
        if one is not loaded:
            _refuse_copies(kind, handle)
        for key, value in list(vars(one).items()):
            for place, part in () if key.startswith("_") else items_of(value, f"{name}.{key}"):
                if found.setdefault(id(part), place) is place:
                    waiting.append((part, place))
                    if type(part).__name__ == _FUNCTION:
                        part.__class__ = _kind_of_function(type(part), handle, place)


def items_of(value: Any, place: str = "", depth: int = 0) -> Iterator[Tuple[str, Any]]:
    """The parts of a list, tuple or dict, and of those within, by place; else the value."""
    if not isinstance(value, (list, tuple, dict)):
        yield place, value
    elif depth < _DEEPEST:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from items_of(item, f"{place}[{key!r}]", depth + 1)


def _kind_of_function(kind: Any, handle: str, name: str) -> type:
    made = type(kind.__name__, (kind,), {"__module__": kind.__module__})
    made.__call__ = _explained(kind.__call__, handle, name)  # type: ignore[method-assign]
    _refuse_copies(made, handle)
    return made


def _explained(call: Any, handle: str, name: str) -> Callable[..., Any]:
    @functools.wraps(call)
    def __call__(instance: Any, *args: Any, **kwargs: Any) -> Any:
        # Who only loads needs none of it.
        from unihub.apis.own_call import call_explained

        # An object has what is called as an attribute, which knows its traces.
        own = vars(instance).get(_CALL) or functools.partial(call, instance)
        return call_explained(own, args, kwargs, handle, name, told_by=instance)

    # AutoGraph leaves alone what bears this mark.
    __call__.autograph_info__ = {}  # type: ignore[attr-defined]
    return __call__


def _refuse_copies(kind: Any, handle: str) -> None:
    kind.__copy__ = functools.partialmethod(_by_copying, "__copy__")
    kind.__deepcopy__ = functools.partialmethod(_by_copying, "part", handle)
    kind.__reduce_ex__ = functools.partialmethod(_by_copying, "part", handle)


def copy_as_loaded(kind: type, origin: Optional[Origin]) -> None:
    """Has objects of a class that TensorFlow made for a loaded one behave as `copying` says."""
    for name in (*_COPYING, *(("__repr__",) if origin is not None else ())):
        setattr(kind, name, functools.partialmethod(_by_copying, name, origin))


def _by_copying(loaded: Any, name: str, *args: Any) -> Any:
    from unihub.apis import copying

    return copying.METHODS[name](loaded, *args)
