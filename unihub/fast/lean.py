"""What `load` returns for a signature: the full object to whoever asks for more."""

from __future__ import annotations

import functools
import inspect
from typing import Any, ClassVar, Dict, List, Optional, Sequence

from unihub.fast.levels import LeveledFunction
from unihub.fast.private import AutoTrackable
from unihub.routes.proxy import CallableObject
from unihub.routes.signature import SignatureFunction

# TensorFlow asks every callable for these, and no loaded object has them.
_ABSENT = frozenset(("__code__", "__name__", "__qualname__", "_tf_decorator"))


class LeanObject:
    """A signature that can be called, and the full object to whoever asks for more.

    Args:
        function: the signature.
        call: the same with inputs as one likes, for what cannot be run directly.
        inputs: names of its inputs.
        output: name of the one to return; None for a dict of all.
    """

    __slots__ = ("__weakref__", "_lean_call", "_lean_function", "_lean_output", "_lean_sole_input")

    # AutoGraph leaves alone what bears this mark.
    autograph_info__: ClassVar[Dict[str, Any]] = {}

    def __init__(
        self,
        function: LeveledFunction,
        call: SignatureFunction,
        inputs: Sequence[str],
        output: Optional[str],
    ) -> None:
        set_own = functools.partial(object.__setattr__, self)
        set_own("_lean_function", function)
        set_own("_lean_call", call)
        set_own("_lean_sole_input", inputs[0] if len(inputs) == 1 else None)
        set_own("_lean_output", output)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs: Any = None
        if not args:
            inputs = kwargs
        elif len(args) == 1 and not kwargs:
            inputs = args[0] if type(args[0]) is dict else {self._lean_sole_input: args[0]}
        if inputs is not None:
            outputs = self._lean_function.direct(inputs, self._lean_output)
            if outputs is not None:
                return outputs
        return self._lean_call(*args, **kwargs)

    def _maybe_initialize_trackable(self) -> None:
        """TensorFlow's way to prepare what it tracks: the full object does so itself."""

    def __getattr__(self, name: str) -> Any:
        if name in _ABSENT and not self._lean_function.is_full:
            raise AttributeError(f"{AutoTrackable.__name__!r} object has no attribute {name!r}")
        return getattr(_callable_object(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_callable_object(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_callable_object(self), name)

    def __dir__(self) -> List[str]:
        return dir(_callable_object(self))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _callable_object(self).__reduce_ex__(protocol)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # So that it is tracked as the full object is, and not loaded to find out.
        function = object.__getattribute__(self, "_lean_function")
        return type(function.full()) if function.is_full else AutoTrackable

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(object.__getattribute__(self, "_lean_call"))

    def __repr__(self) -> str:
        function = object.__getattribute__(self, "_lean_function")
        if function.is_full:
            return repr(_callable_object(self))
        return f"<callable {AutoTrackable.__name__} of a signature at {id(self):#x}>"

    def _repr_html_(self) -> str:
        # Else a notebook would load the full object to show it.
        from unihub.inspection import loaded

        call = object.__getattribute__(self, "_lean_call")
        return loaded.card(call._handle, "load", signature=call._signature.name)


def _callable_object(lean: LeanObject) -> CallableObject:
    function = object.__getattribute__(lean, "_lean_function")
    return CallableObject(function.full(), object.__getattribute__(lean, "_lean_call"))
