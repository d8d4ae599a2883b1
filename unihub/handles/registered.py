"""The resolvers that are registered, the newest first."""

from __future__ import annotations

import os
from typing import Callable, List, NamedTuple, Union

Resolve = Callable[[str], Union[str, "os.PathLike[str]"]]


class Registered(NamedTuple):
    """A test of a handle's text, and what resolves those that pass."""

    takes: Callable[[str], bool]
    resolve: Resolve


registered: List[Registered] = []
