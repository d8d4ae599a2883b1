"""A loaded object that can be called though its own class cannot."""

from __future__ import annotations

import inspect
import pickle
from typing import Any, Callable, NoReturn, Optional

import wrapt

from unihub.errors import UnihubError


class LoadedNotCopied(UnihubError, TypeError, NotImplementedError, pickle.PicklingError):
    """A loaded model was to be pickled or deep-copied."""

    code = "loaded-not-copied"
    what = "a loaded model ({given}) can be neither pickled nor deep-copied."
    why = "its functions, variables and tables live in the TensorFlow of this process."
    do = "unihub.save(m, 'copy'); m = unihub.load('copy')  # or send the path, and load it there"


class NotCopied:
    """What is loaded, as far as copying goes; a shallow copy is one as ever."""

    def __copy__(self) -> Any:
        made: Any = type(self).__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __deepcopy__(self, memo: Any) -> NoReturn:
        raise refusal(self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise refusal(self)


def refusal(loaded: Any) -> LoadedNotCopied:
    """The error for a loaded object that is to be copied."""
    return LoadedNotCopied(given=f"{type(loaded).__name__} object")


class CallableObject(wrapt.ObjectProxy):  # type: ignore[misc]
    """The wrapped object, with a ``__call__``.

    Everything else is the wrapped object's: attributes, ``isinstance``,
    tracking, saving.
    """

    def __init__(self, wrapped: Any, call: Callable[..., Any]) -> None:
        super().__init__(wrapped)
        self._self_call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._self_call(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        # Else tf.function and others look for the wrapped object's, which has none.
        return inspect.signature(self._self_call)

    def __deepcopy__(self, memo: Any) -> NoReturn:
        raise refusal(self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise refusal(self)

    def __repr__(self) -> str:
        return f"<callable {self.__wrapped__!r}>"

    def _repr_html_(self) -> Optional[str]:
        # None stands for the plain text.
        from unihub.inspection import loaded

        call: Any = self._self_call
        error = getattr(call, "_error", None)
        if error is not None:
            handle = error.facts["handle"]
            return loaded.card(handle, "load", all_signatures=True, note=error.why)
        signature = getattr(call, "_signature", None)
        if signature is not None:
            return loaded.card(call._handle, "load", signature=signature.name)
        show = getattr(self.__wrapped__, "_repr_html_", None)
        return show() if show is not None else None
