"""The __call__ of a loaded object, which says why it refuses its arguments."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Sequence

# What TensorFlow raises for arguments that no trace takes; PyTorch, RuntimeError of gradients.
# 1.15 asks what is no tensor for its shape, and asserts that all arguments are there.
_REFUSALS = (ValueError, TypeError, AttributeError, AssertionError, RuntimeError)


def call_explained(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    handle: str,
    name: str = "m",
    told_by: Optional[Callable[..., Any]] = None,
) -> Any:
    """Calls a model or a part of it, and says why when TensorFlow refuses the arguments.

    Floating-point inputs of another precision than the one that was traced are cast then,
    as a KerasLayer does. A call that TensorFlow takes costs nothing more.

    Args:
        function: what TensorFlow has for it.
        args, kwargs: of the call.
        handle: of the model.
        name: of what is called, in a line to paste.
        told_by: what tells what the function takes; the function itself by default.

    Raises:
        WrongInputs: when the arguments are the reason.
    """
    try:
        return function(*args, **kwargs)
    except _REFUSALS:
        # Most calls are taken, and most processes make no other.
        from unihub.apis.refused import cast, why_refused

        let_go(function)
        takes = told_by or function
        fitted = cast(takes, args, kwargs)
        if fitted is None:
            found = why_refused(takes, args, kwargs, _as_called(handle, name))
            if found is None:
                raise
            # TensorFlow lists every trace, and the values of all that was given.
            raise found from None
    except Exception as error:
        from unihub.apis.failed_calls import why_failed

        known = why_failed(error, _as_called(handle, name), handle, path=name[len("m.") :])
        if known is None:
            raise
        raise known from None
    return function(*fitted[0], **fitted[1])


def let_go(function: Any) -> None:
    """Releases what a tf.function locked in this thread and left so.

    TensorFlow locks it before it looks at the arguments of a call, and lets them be refused
    then: whoever has it traced in another thread would wait for ever.
    """
    lock: Any = getattr(function, "_lock", None)
    # What is no lock of one thread, in whatever is called, does not say whose it is.
    is_owned = getattr(lock, "_is_owned", bool)
    while is_owned():
        lock.release()


def _as_called(handle: str, name: str) -> Any:
    from unihub.apis.input_lines import Call

    path = name[len("m.") :]
    model = f"{path} of {handle}" if path else handle
    loaded = f"unihub.load({handle!r}).{path}" if path else repr(handle)
    return Call(model, name, layer=f"unihub.KerasLayer({loaded})")
