"""A loaded object and what is in it, called and copied as ours: each has a class of its own."""

from __future__ import annotations

import functools
from typing import Any, Callable, Optional

from unihub.apis.request import Origin

OWN_CLASS = "_UserObject"
_FUNCTION = "RestoredFunction"
_CALL = "__call__"
_COPYING = ("__copy__", "__deepcopy__", "__reduce_ex__", "__setattr__", "__delattr__")


def explain_calls(loaded: Any, handle: str) -> None:
    """Has a loaded object and its parts say why they refuse arguments; all else stays as it was.

    Their parts are not copied alone, and say so.
    """
    waiting, found = [(loaded, "m")], {id(loaded)}
    while waiting:
        one, name = waiting.pop()
        kind = type(one)
        if kind.__name__ != OWN_CLASS:
            continue
        if _CALL in vars(kind):
            kind.__call__ = _explained(vars(kind)[_CALL], handle, name)  # type: ignore[method-assign]
        if one is not loaded:
            _refuse_copies(kind, handle)
        for key, part in list(vars(one).items()):
            if not key.startswith("_") and id(part) not in found:
                found.add(id(part))
                waiting.append((part, f"{name}.{key}"))
                if type(part).__name__ == _FUNCTION:
                    part.__class__ = _kind_of_function(type(part), handle, f"{name}.{key}")


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
    shown = ("__repr__",) if origin is not None else ()
    for name in (*_COPYING, *shown):
        setattr(kind, name, functools.partialmethod(_by_copying, name, origin))


def _by_copying(loaded: Any, name: str, *args: Any) -> Any:
    from unihub.apis import copying

    return copying.METHODS[name](loaded, *args)
