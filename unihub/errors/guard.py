"""Refusals of the system in a public function, told in words of ours."""

from __future__ import annotations

import functools
import os
from typing import Any, Callable, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])


def guarded(doing: str, argument: int = 0) -> Callable[[_Function], _Function]:
    """Makes errors of ours of the system's errors that leave a public function.

    Args:
        doing: what the function does, such as "loading".
        argument: index of the one that says with what.

    Raises:
        SystemRefused, WorkingFolderGone: in the place of an OSError.
        NotText: in the place of a UnicodeError.
    """

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def guarded_function(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except (OSError, UnicodeError) as error:
                # Few functions meet one.
                from unihub.errors.base import path_text
                from unihub.errors.system import explained_error

                given = args[argument] if len(args) > argument else ""
                text = path_text(given) if isinstance(given, (str, os.PathLike)) else ""

                explained = explained_error(error, f"{doing} {text}".strip())
                if explained is None:
                    raise
                raise explained from error

        # AutoGraph leaves alone what bears this mark, in every release; without it, it
        # warns of each line of unihub that it cannot rewrite.
        guarded_function.autograph_info__ = {}  # type: ignore[attr-defined]
        return cast("_Function", guarded_function)

    return decorate
