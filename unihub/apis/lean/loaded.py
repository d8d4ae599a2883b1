"""A lean object and its functions, which pass for TensorFlow's own and load them when asked."""

from __future__ import annotations

import copy
import inspect
from typing import Any, ClassVar, Dict, FrozenSet, Iterator, Mapping, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis.lean.levels import MISSING, LeveledCall, LeveledFunction, LeveledSignature, Model
from unihub.apis.lean.plan import Declined
from unihub.apis.lean.private import (
    AutoTrackable,
    RestoredFunction,
    SignatureMap,
    WrappedFunction,
    WrapperFunction,
)
from unihub.apis.proxy import CallableObject

# Of the callables that TensorFlow makes.
ANY_ARGUMENTS = inspect.Signature(
    [
        inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
)


# TensorFlow asks every callable for these, and no loaded object has them.
ABSENT = frozenset(("__code__", "__name__", "__qualname__", "__wrapped__", "_tf_decorator"))
# IPython asks everything that it shows for these.
NOTEBOOKS = ("_ipython_", "_repr_")


class Lean:
    """The object that is loaded when more than a call is asked for has all the attributes."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._lean_full(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._lean_full(), name)

    def __dir__(self) -> Sequence[str]:
        return dir(self._lean_full())

    def __copy__(self) -> Any:
        return copy.copy(self._lean_full())

    # Few are copied.
    def __deepcopy__(self, memo: Any) -> Any:
        return self.__reduce_ex__(4)

    def __reduce_ex__(self, protocol: Any) -> Any:
        from unihub.apis import copying

        raise copying.refused_part(self, *self._lean_part())

    def _lean_set(self, **own: Any) -> None:
        for name, value in own.items():
            object.__setattr__(self, f"_lean_{name}", value)

    def _lean_part(self) -> Tuple[str, Optional[str]]:
        """The handle of the model that it is a part of, and the signature."""
        raise NotImplementedError

    def _lean_full(self) -> Any:
        raise NotImplementedError


class LeanFunction(Lean):
    """A function of a model, and TensorFlow's own to whoever asks for more than a call.

    Args:
        function: that it is.
    """

    __slots__ = ("__weakref__", "_lean_function")

    # AutoGraph leaves alone what bears this mark.
    autograph_info__: ClassVar[Dict[str, Any]] = {}
    _lean_claims: ClassVar[type] = object

    def __init__(self, function: LeveledFunction) -> None:
        object.__setattr__(self, "_lean_function", function)

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._lean_own(), name)
        except AttributeError:
            # It may be what was saved with the function, such as its traces.
            if name in ABSENT or name.startswith(NOTEBOOKS):
                raise
        return getattr(self._lean_full(), name)

    def __repr__(self) -> str:
        return repr(self._lean_own())

    def __str__(self) -> str:
        return str(self._lean_own())

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # So that it is taken for TensorFlow's own, which is not loaded to find out.
        function = object.__getattribute__(self, "_lean_function")
        claims = object.__getattribute__(self, "_lean_claims")
        return claims if function.own is None else type(function.own)

    def _lean_own(self) -> Any:
        return object.__getattribute__(self, "_lean_function").complete()

    def _lean_full(self) -> Any:
        function = object.__getattribute__(self, "_lean_function")
        return function.of(function.model.full())

    def _lean_part(self) -> Tuple[str, Optional[str]]:
        function = object.__getattribute__(self, "_lean_function")
        return function.model.handle, function.signature


class LeanCall(LeanFunction):
    """A model's own __call__."""

    __slots__ = ()
    _lean_claims = RestoredFunction
    _lean_function: LeveledCall

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._lean_function(*args, **kwargs)

    def _lean_own(self) -> Any:
        function = object.__getattribute__(self, "_lean_function")
        # What is done with it may be a trace that serves later calls.
        function.leave()
        return function.complete()


class LeanSignature(LeanFunction):
    """A signature, called as a ConcreteFunction is."""

    __slots__ = ()
    _lean_claims = WrapperFunction
    _lean_function: LeveledSignature
    __signature__: ClassVar[inspect.Signature] = ANY_ARGUMENTS

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs: Any = None
        if not args:
            inputs = kwargs
        elif len(args) == 1 and not kwargs and self._lean_function.sole_input is not None:
            inputs = {self._lean_function.sole_input: args[0]}
        if inputs is not None:
            outputs = self._lean_function.direct(inputs)
            if outputs is not MISSING:
                return outputs
        return self._lean_function.complete()(*args, **kwargs)


class _LeanWrapped(LeanSignature):
    __slots__ = ()
    _lean_claims = WrappedFunction


class LeanSignatures(Lean, Mapping[str, Any]):
    """The signatures of a model, each loaded when it is asked for.

    Args:
        model: whose they are.
        names: in TensorFlow's order.
        known: those that are loaded.
    """

    __slots__ = ("__weakref__", "_lean_found", "_lean_model", "_lean_names")

    def __init__(
        self, model: Model, names: Sequence[str], known: Optional[LeveledSignature] = None
    ) -> None:
        self._lean_set(model=model, names=tuple(names), found={})
        if known is not None:
            self._lean_found[known.signature] = _lean_signature(known)

    def __getitem__(self, name: str) -> Any:
        found = self._lean_found
        if name not in self._lean_names:
            raise KeyError(name)
        if name not in found:
            # Another thread may have been first.
            return found.setdefault(name, self._lean_load(name))
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lean_names)

    def __len__(self) -> int:
        return len(self._lean_names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lean_full(), name)

    def __repr__(self) -> str:
        return repr(self._lean_full())

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return SignatureMap

    def _lean_full(self) -> Any:
        return object.__getattribute__(self, "_lean_model").full().signatures

    def _lean_part(self) -> Tuple[str, Optional[str]]:
        return self._lean_model.handle, next(iter(self), None)

    def _lean_load(self, name: str) -> Any:
        try:
            return _lean_signature(self._lean_model.function(name))
        # The full load says better what is wrong with the files.
        except (Declined, tf.errors.OpError):
            return self._lean_full()[name]


def _lean_signature(function: LeveledSignature) -> LeanSignature:
    has_objects = function.model.has_objects
    return LeanSignature(function) if has_objects else _LeanWrapped(function)


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
    _lean_absent: ClassVar[FrozenSet[str]] = ABSENT

    def __init__(self, model: Model, signatures: Optional[LeanSignatures]) -> None:
        self._lean_set(model=model, signatures=signatures)

    @property
    def _lean_claims(self) -> type:
        """The class of the full object: graphs without objects are given a plain one."""
        return _UserObject if self._lean_model.has_objects else AutoTrackable

    def _maybe_initialize_trackable(self) -> None:
        """TensorFlow's way to prepare what it tracks: the full object does so itself."""

    def __deepcopy__(self, memo: Any) -> Any:
        from unihub.apis import copying

        return copying.deep(self._lean_changeable(), self._lean_model.origin)

    def __reduce_ex__(self, protocol: Any) -> Any:
        from unihub.apis import copying

        return copying.reduced(self._lean_changeable(), self._lean_model.origin)

    def _lean_changeable(self) -> Any:
        """The full object where variables may have changed; itself where there are none yet."""
        return self._lean_full() if self._lean_model.has_variables else self

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
        from unihub.apis import copying

        copying.note_edit(self._lean_model.origin, name)
        if name == _SIGNATURES:
            object.__setattr__(self, "_lean_signatures", None)


class LeanSignatureObject(LeanObject):
    """A model that is called by one of its signatures.

    Args:
        model: that is called.
        signatures: its signatures.
        function: the signature.
        call: a SignatureFunction of it, for what cannot be run directly.
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
        call: Any,
        inputs: Sequence[str],
        output: Optional[str],
    ) -> None:
        super().__init__(model, signatures)
        sole = inputs[0] if len(inputs) == 1 else None
        self._lean_set(function=function, call=call, sole_input=sole, output=output)

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
        from unihub.apis.shown import shown_model

        call = object.__getattribute__(self, "_lean_call")
        return shown_model(self, call._handle, call._signature.name)

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
        function: the __call__; None where the full object is to give it.
        handle: of the model.
    """

    __slots__ = ("_lean_call", "_lean_handle")
    __signature__: ClassVar[inspect.Signature] = ANY_ARGUMENTS

    __call__ = _OwnCall()

    def __init__(
        self,
        model: Model,
        signatures: Optional[LeanSignatures],
        function: Optional[LeveledCall],
        handle: str,
    ) -> None:
        super().__init__(model, signatures)
        call = None if function is None else LeanCall(function)
        object.__setattr__(self, "_lean_call", call)
        object.__setattr__(self, "_lean_handle", handle)

    def __repr__(self) -> str:
        if object.__getattribute__(self, "_lean_model").is_full:
            return repr(self._lean_full())
        from unihub.apis.shown import shown_model

        return shown_model(self, object.__getattribute__(self, "_lean_handle"))

    def _repr_html_(self) -> str:
        from unihub.inspection import loaded

        return loaded.card(object.__getattribute__(self, "_lean_handle"), "load")

    def _lean_changed(self, name: str) -> None:
        super()._lean_changed(name)
        if name == _CALL:
            object.__setattr__(self, "_lean_call", None)
