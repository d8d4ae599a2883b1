"""The functions of a lean object, which pass for TensorFlow's own."""

from __future__ import annotations

import functools
import inspect
from typing import Any, ClassVar, Dict, Iterator, Mapping, Optional, Sequence

import tensorflow as tf

from unihub.apis.lean.levels import MISSING, LeveledCall, LeveledFunction, LeveledSignature, Model
from unihub.apis.lean.plan import Declined
from unihub.apis.lean.private import (
    RestoredFunction,
    SignatureMap,
    WrappedFunction,
    WrapperFunction,
)

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
    """What is loaded when more than a call is asked for has all the attributes."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._lean_full(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._lean_full(), name)

    def __dir__(self) -> Sequence[str]:
        return dir(self._lean_full())

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self._lean_full().__reduce_ex__(protocol)

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
        set_own = functools.partial(object.__setattr__, self)
        set_own("_lean_model", model)
        set_own("_lean_names", tuple(names))
        set_own("_lean_found", {})
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

    def _lean_load(self, name: str) -> Any:
        try:
            return _lean_signature(self._lean_model.function(name))
        # The full load says better what is wrong with the files.
        except (Declined, tf.errors.OpError):
            return self._lean_full()[name]


def _lean_signature(function: LeveledSignature) -> LeanSignature:
    has_objects = function.model.has_objects
    return LeanSignature(function) if has_objects else _LeanWrapped(function)
