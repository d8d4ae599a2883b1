"""The names that TensorFlow gives in a graph, and in the function that it makes of it.

What TensorFlow makes of a function when it optimizes it depends on the order of the
names in it, down to the last bits of the results.
"""

from __future__ import annotations

import re
from typing import Dict, Set

# Of those that TensorFlow takes as they are, the plain ones.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NO_LETTERS = "unknown"


def is_plain(name: object) -> bool:
    """Whether TensorFlow leaves a name for what is in a graph as it is."""
    return isinstance(name, str) and _PLAIN.fullmatch(name) is not None


class GraphNames:
    """The names of the ops in one graph, as tf.Graph.unique_name gives them."""

    def __init__(self) -> None:
        self._used: Dict[str, int] = {}

    def unique(self, name: str) -> str:
        """The name for an op that is to be called so; capitals make no difference."""
        key = base = name.lower()
        count = self._used.get(key, 0)
        self._used[key] = count + 1
        if not count:
            return name
        while key in self._used:
            key = f"{base}_{count}"
            count += 1
        self._used[key] = 1
        return f"{name}_{count - 1}"


class FunctionNames:
    """The names in one function, as TF_GraphToFunction gives them: its inputs' first."""

    def __init__(self) -> None:
        self._used: Set[str] = set()
        self._next: Dict[str, int] = {}

    def argument(self, op: str) -> str:
        """The name for an input or output that is an op of the graph."""
        letters = re.search(r"[a-z].*", re.sub(r"[^a-z0-9]", "_", op.lower()))
        return self.node(letters.group() if letters else _NO_LETTERS)

    def node(self, name: str) -> str:
        """The name for an op of the graph that goes on as one."""
        found = name
        while found in self._used:
            count = self._next.get(name, 0)
            self._next[name] = count + 1
            found = f"{name}_{count}"
        self._used.add(found)
        return found
