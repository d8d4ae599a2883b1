"""Resolvers of handles that others add to unihub's own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Callable, Dict, Optional, Union

from unihub.errors import UnihubError
from unihub.handles.registered import Registered, Resolve, registered

ENTRY_POINTS = "unihub.resolvers"
# An installed package cannot take these; register_resolver can.
OWN_SCHEMES = ("https", "http", "kaggle", "file", "hdfs", "gs", "s3", "hf")


class ResolverNotUsable(UnihubError, ValueError, TypeError):
    """register_resolver() was given what it cannot use."""

    code = "resolver-not-usable"
    what = "register_resolver() got {found}."
    why = (
        "it takes the text that handles start with, or a function of a handle to a bool; "
        "and a function of a handle to a folder or to another handle."
    )
    do = 'unihub.register_resolver("lab://", lambda handle: "/models/" + handle[6:])'


@dataclass(frozen=True)
class _StartsWith:
    prefix: str

    def __call__(self, text: str) -> bool:
        return text.startswith(self.prefix)


def register_resolver(
    prefix_or_predicate: Union[str, Callable[[str], bool]], function: Resolve
) -> Callable[[], None]:
    """Makes handles of your own resolve.

    The newest registration goes first, and all go before unihub's own kinds.
    A package can do the same by an entry point of group ``unihub.resolvers``,
    named as the scheme: ``lab = "package.module:function"`` serves
    ``lab://...``, where that is no scheme of unihub's own.

    Args:
        prefix_or_predicate: what the handles start with, or a function that
            tells from the handle's text whether it is one.
        function: from the handle's text to the path of a folder, or to another
            handle.

    Returns:
        A function that takes the registration back.

    Raises:
        ResolverNotUsable: when an argument is neither.

    Example:
        >>> unihub.register_resolver("lab://", lambda handle: "/models/" + handle[len("lab://"):])
        >>> model = unihub.load("lab://half_plus_two")
    """
    if not callable(function):
        raise ResolverNotUsable(found=f"{function!r} as the function")
    takes: Callable[[str], bool]
    if isinstance(prefix_or_predicate, str) and prefix_or_predicate:
        takes = _StartsWith(prefix_or_predicate)
    elif callable(prefix_or_predicate):
        takes = prefix_or_predicate
    else:
        raise ResolverNotUsable(found=f"{prefix_or_predicate!r} as the prefix")
    entry = Registered(takes, function)
    registered.insert(0, entry)

    def take_back() -> None:
        if entry in registered:
            registered.remove(entry)

    return take_back


def resolver_of(text: str) -> Optional[Resolve]:
    """The registered function that takes the handle, or None."""
    for entry in registered:
        if entry.takes(text):
            return entry.resolve
    scheme, separator, _ = text.partition("://")
    if not separator or scheme.lower() in OWN_SCHEMES:
        return None
    point = _entry_points().get(scheme.lower())
    return point.load() if point else None


@lru_cache(maxsize=1)
def _entry_points() -> Dict[str, Any]:
    if sys.version_info >= (3, 8):
        from importlib import metadata
    else:
        import importlib_metadata as metadata
    found = metadata.entry_points()
    # A dict of lists until Python 3.10, and in the backport.
    group = (
        found.select(group=ENTRY_POINTS)
        if hasattr(found, "select")
        else found.get(ENTRY_POINTS, ())
    )
    return {point.name.lower(): point for point in group}
