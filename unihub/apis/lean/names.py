"""The names and the order that TensorFlow gives in a graph, and in the function made of it.

What TensorFlow makes of a function when it optimizes it depends on both, down to the last
bits of the results.
"""

from __future__ import annotations

import collections
import re
from typing import AbstractSet, Any, Dict, List, Mapping, Sequence, Set

_NO_LETTERS = "unknown"


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


def copying_order(
    nodes: Mapping[str, Any], fetched: Sequence[str], fed: AbstractSet[str]
) -> List[str]:
    """The names of nodes in the order of tensorflow.python.eager.lift_to_graph.

    Args:
        nodes: those that are needed, by name.
        fetched: names of those whose outputs are wanted.
        fed: names of those whose outputs are given.
    """
    # What is fetched may be an input itself.
    inputs = {
        **dict.fromkeys(fetched, ()),
        **{n: _sources(node, nodes) for n, node in nodes.items()},
    }
    users = _users(inputs, fetched, fed)
    missing = {name: len(its) for name, its in users.items()}
    order: List[str] = []
    done: Set[str] = set()
    waiting = [name for name in fetched if not missing.get(name)]
    left = dict.fromkeys(waiting)
    while left:
        while waiting:
            name = waiting.pop()
            if name in done:
                continue
            done.add(name)
            order.append(name)
            for source in set(inputs[name]):
                if name in users[source]:
                    missing[source] -= 1
            for source in inputs[name]:
                left[source] = None
                if not missing[source]:
                    waiting.append(source)
        left = {name: None for name in left if name not in done}
        if left:
            # A loop, in which TensorFlow begins anywhere.
            waiting.append(next(iter(left)))
    needed = [name for name in order if name in nodes]
    needed.sort(key=lambda name: not nodes[name].input)
    return needed[::-1]


def _sources(node: Any, nodes: Mapping[str, Any]) -> List[str]:
    names = [text.lstrip("^").partition(":")[0] for text in node.input]
    return [name for name in names if name in nodes]


def _users(
    inputs: Mapping[str, Sequence[str]], fetched: Sequence[str], fed: AbstractSet[str]
) -> Mapping[str, Set[str]]:
    users: Dict[str, Set[str]] = collections.defaultdict(set)
    seen = set(fed)
    waiting = list(fetched)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            for source in inputs[name]:
                users[source].add(name)
                waiting.append(source)
    return users
