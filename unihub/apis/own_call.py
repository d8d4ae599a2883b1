"""The __call__ of a loaded object, which says why it refuses its arguments."""

from __future__ import annotations

import functools
from typing import Any, Callable, Mapping, Sequence

# What TensorFlow raises for arguments that no trace takes.
_REFUSALS = (ValueError, TypeError)


def call_explained(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], handle: str
) -> Any:
    """Calls a model's own ``__call__``, and says why when TensorFlow refuses the arguments.

    Floating-point inputs of another precision than the one that was traced are cast then,
    as a KerasLayer does. A call that TensorFlow takes costs nothing more.

    Args:
        function: what TensorFlow has for it.
        args, kwargs: of the call.
        handle: of the model.

    Raises:
        WrongInputs: when the arguments are the reason.
    """
    try:
        return function(*args, **kwargs)
    except _REFUSALS:
        # Most calls are taken, and most processes make no other.
        from unihub.apis.inputs import Call
        from unihub.apis.refused import cast, why_refused

        fitted = cast(function, args, kwargs)
        if fitted is None:
            call = Call(handle, layer=f"unihub.KerasLayer({handle!r})")
            found = why_refused(function, args, kwargs, call)
            if found is None:
                raise
            # TensorFlow lists every trace, and the values of all that was given.
            raise found from None
    return function(*fitted[0], **fitted[1])


def explain_own_call(loaded: Any, handle: str) -> None:
    """Has a loaded object say why it refuses arguments; all else of it stays as it was.

    TensorFlow makes a class for each object that it loads, and gives it a ``__call__`` that
    calls the object's attribute of that name. This puts another in the place of the former.
    """
    kind = type(loaded)
    if kind.__name__ != "_UserObject" or "__call__" not in vars(kind):
        return

    @functools.wraps(vars(kind)["__call__"])
    def __call__(instance: Any, *args: Any, **kwargs: Any) -> Any:
        return call_explained(instance.__call__, args, kwargs, handle)

    # AutoGraph leaves alone what bears this mark.
    __call__.autograph_info__ = {}  # type: ignore[attr-defined]
    kind.__call__ = __call__
