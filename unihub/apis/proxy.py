"""A loaded object that can be called though its own class cannot."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Optional

import wrapt

from unihub.apis.request import Origin


class CallableObject(wrapt.ObjectProxy):  # type: ignore[misc]
    """The wrapped object, with a ``__call__``.

    Everything else is the wrapped object's: attributes, ``isinstance``,
    tracking, saving.

    Args:
        wrapped: a loaded object.
        call: what calling it does.
        origin: how to load it again; None for what is not copied.
    """

    def __init__(
        self, wrapped: Any, call: Callable[..., Any], origin: Optional[Origin] = None
    ) -> None:
        super().__init__(wrapped)
        self._self_call = call
        self._self_origin = origin

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._self_call(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        # Else tf.function and others look for the wrapped object's, which has none.
        return inspect.signature(self._self_call)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_self_"):
            from unihub.apis import copying

            copying.note_edit(self._self_origin, name)

    # Few are copied.
    def __copy__(self) -> Any:
        return CallableObject(self.__wrapped__, self._self_call, self._self_origin)

    def __deepcopy__(self, memo: Any) -> Any:
        from unihub.apis import copying

        return copying.deep(self.__wrapped__, self._self_origin)

    def __reduce_ex__(self, protocol: Any) -> Any:
        from unihub.apis import copying

        return copying.reduced(self.__wrapped__, self._self_origin)

    def __repr__(self) -> str:
        call: Any = self._self_call
        signature = getattr(call, "_signature", None)
        if signature is None:
            return f"<callable {self.__wrapped__!r}>"
        from unihub.apis.shown import shown_model

        return shown_model(self.__wrapped__, call._handle, signature.name)

    def _repr_html_(self) -> Optional[str]:
        from unihub.inspection import loaded

        return loaded.card_of_proxy(self.__wrapped__, self._self_call)
