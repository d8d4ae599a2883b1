"""How a loaded model is shown where one types its name."""

from __future__ import annotations

from typing import Any, Optional

from unihub.errors.redaction import shown


def shown_model(loaded: Any, handle: str, signature: Optional[str] = None) -> str:
    """A line with the handle, what a call is, and how much is loaded.

    Args:
        loaded: the object.
        handle: of the model.
        signature: that a call calls; None for the model's own ``__call__``.

    Example:
        >>> unihub.load("path/to/model")
        <model path/to/model, api='load': m(inputs) is its own __call__; loaded for its call>
    """
    call = f"m(inputs) is its signature {signature!r}"
    if signature is None:
        call = "m(inputs) is its own __call__" if callable(loaded) else "see .signatures"
    lean = hasattr(type(loaded), "_lean_full") and not loaded._lean_model.is_full
    much = "for its call" if lean else "in full"
    return f"<model {shown(handle)}, api='load': {call}; loaded {much}>"
