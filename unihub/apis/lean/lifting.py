"""The order in which TensorFlow copies a part of a TF1 graph into a function.

What TensorFlow makes of a function depends on it, down to the last bits of the results.
"""

from __future__ import annotations

import collections
from typing import AbstractSet, Any, Dict, List, Mapping, Sequence, Set


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
