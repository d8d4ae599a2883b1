"""The __call__ of a loaded object, which says why it refuses its arguments."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

# What TensorFlow raises for arguments that no trace takes.
# 1.15 asks what is no tensor for its shape, and asserts that all arguments are there.
_REFUSALS = (ValueError, TypeError, AttributeError, AssertionError)


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
        from unihub.apis.input_lines import Call
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
