"""What `load` returns: a function of a model, and the full object to whoever asks for more."""

from __future__ import annotations

import functools
import inspect
from typing import Any, ClassVar, Dict, FrozenSet, Optional, Sequence

from unihub.apis.lean.levels import MISSING, LeveledCall, LeveledSignature, Model
from unihub.apis.lean.private import AutoTrackable
from unihub.apis.lean.signatures import (
    ABSENT,
    ANY_ARGUMENTS,
    NOTEBOOKS,
    Lean,
    LeanCall,
    LeanSignatures,
)
from unihub.apis.proxy import CallableObject
from unihub.apis.signature import SignatureFunction

_CALL, _SIGNATURES = "__call__", "signatures"


class _UserObject(AutoTrackable):  # type: ignore[misc]
    """Stands for the class that TensorFlow makes for each object that it loads."""


_UserObject.__module__ = "tensorflow.python.saved_model.load"
_UserObject.__qualname__ = "Loader._recreate_base_user_object.<locals>._UserObject"


class LeanObject(Lean):
    """The full object to whoever asks for more than a call and its signatures.

    Args:
        model: that is called.
        signatures: its signatures; None where the full object is to give them.
    """

    __slots__ = ("__weakref__", "_lean_model", "_lean_signatures")

    # AutoGraph leaves alone what bears this mark.
    autograph_info__: ClassVar[Dict[str, Any]] = {}
    _lean_claims: ClassVar[type] = AutoTrackable
    _lean_absent: ClassVar[FrozenSet[str]] = ABSENT

    def __init__(self, model: Model, signatures: Optional[LeanSignatures]) -> None:
        set_own = functools.partial(object.__setattr__, self)
        set_own("_lean_model", model)
        set_own("_lean_signatures", signatures)

    def _maybe_initialize_trackable(self) -> None:
        """TensorFlow's way to prepare what it tracks: the full object does so itself."""

    def __getattr__(self, name: str) -> Any:
        if name == _SIGNATURES and self._lean_signatures is not None:
            return self._lean_signatures
        is_absent = name in self._lean_absent or name.startswith(NOTEBOOKS)
        if is_absent and not self._lean_model.is_full:
            raise AttributeError(f"{self._lean_claims.__name__!r} object has no attribute {name!r}")
        return getattr(self._lean_full(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self._lean_changed(name)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._lean_changed(name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # So that it is tracked as the full object is, and not loaded to find out.
        model = object.__getattribute__(self, "_lean_model")
        claims = object.__getattribute__(self, "_lean_claims")
        return type(model.full()) if model.is_full else claims

    def _lean_full(self) -> Any:
        return object.__getattribute__(self, "_lean_model").full()

    def _lean_changed(self, name: str) -> None:
        if name == _SIGNATURES:
            object.__setattr__(self, "_lean_signatures", None)


class LeanSignatureObject(LeanObject):
    """A model that is called by one of its signatures.

    Args:
        model: that is called.
        signatures: its signatures.
        function: the signature.
        call: the same with inputs as one likes, for what cannot be run directly.
        inputs: names of its inputs.
        output: name of the one to return; None for a dict of all.
    """

    __slots__ = ("_lean_call", "_lean_function", "_lean_output", "_lean_sole_input")
    # It is a proxy of the full object, and tells so.
    _lean_absent = ABSENT - {"__wrapped__"}

    def __init__(
        self,
        model: Model,
        signatures: LeanSignatures,
        function: LeveledSignature,
        call: SignatureFunction,
        inputs: Sequence[str],
        output: Optional[str],
    ) -> None:
        super().__init__(model, signatures)
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
            if outputs is not MISSING:
                return outputs
        return self._lean_call(*args, **kwargs)

    # As the object, where the bound method is passed on.
    __call__.autograph_info__ = {}  # type: ignore[attr-defined] # noqa: RUF012

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(object.__getattribute__(self, "_lean_call"))

    def __repr__(self) -> str:
        if object.__getattribute__(self, "_lean_model").is_full:
            return repr(self._lean_full())
        return f"<callable {AutoTrackable.__name__} of a signature at {id(self):#x}>"

    def _repr_html_(self) -> str:
        # Else a notebook would load the full object to show it.
        from unihub.inspection import loaded

        call = object.__getattribute__(self, "_lean_call")
        return loaded.card(call._handle, "load", signature=call._signature.name)

    def _lean_full(self) -> Any:
        return CallableObject(super()._lean_full(), object.__getattribute__(self, "_lean_call"))


class _OwnCall:
    """The __call__ of an object, which is an object too, with attributes of its own."""

    def __get__(self, lean: Any, owner: Any) -> Any:
        if lean is None:
            return _call_attribute
        call = object.__getattribute__(lean, "_lean_call")
        return lean._lean_full().__call__ if call is None else call


def _call_attribute(instance: Any, *args: Any, **kwargs: Any) -> Any:
    return instance.__call__(*args, **kwargs)


class LeanCallableObject(LeanObject):
    """A model that is called by its own __call__.

    Args:
        model: that is called.
        signatures: its signatures; None where the full object is to give them.
        function: the __call__.
        handle: of the model.
    """

    __slots__ = ("_lean_call", "_lean_handle")
    _lean_claims = _UserObject
    __signature__: ClassVar[inspect.Signature] = ANY_ARGUMENTS

    __call__ = _OwnCall()

    def __init__(
        self,
        model: Model,
        signatures: Optional[LeanSignatures],
        function: LeveledCall,
        handle: str,
    ) -> None:
        super().__init__(model, signatures)
        object.__setattr__(self, "_lean_call", LeanCall(function))
        object.__setattr__(self, "_lean_handle", handle)

    def __repr__(self) -> str:
        if object.__getattribute__(self, "_lean_model").is_full:
            return repr(self._lean_full())
        claims = self._lean_claims
        return f"<{claims.__module__}.{claims.__qualname__} object at {id(self):#x}>"

    def _repr_html_(self) -> str:
        from unihub.inspection import loaded

        return loaded.card(object.__getattribute__(self, "_lean_handle"), "load")

    def _lean_changed(self, name: str) -> None:
        super()._lean_changed(name)
        if name == _CALL:
            object.__setattr__(self, "_lean_call", None)
