"""Strings in a graph that name a place in the network."""

from __future__ import annotations

import re
from typing import Iterator, List, Optional, Tuple

from unihub.inspection.graph import Function, Graph, Node

# In all of them.
_MARK = "://"
_ADDRESS = re.compile(
    rb"(?i)(?:https?|ftps?|gs|s3[an]?|hdfs|webhdfs|viewfs|har|grpc|tcp|wasbs?|abfss?|az|oss|cos"
    rb"|cns)://[^\s/]"
)


def is_address(text: bytes) -> bool:
    """Whether a path names a place in the network."""
    return _ADDRESS.match(text) is not None


def holding_addresses(graph: Graph) -> Iterator[Tuple[Node, Optional[Function], List[bytes]]]:
    """The constants that hold addresses, each with the function that it is in, and with these."""
    places: List[Tuple[Node, Optional[Function]]] = []
    places += [(node, None) for node in graph.nodes_holding(_MARK)]
    for function in graph.functions_holding(_MARK):
        places += [(node, function) for node in function.nodes_holding(_MARK)]
    for node, where in places:
        texts = list(filter(is_address, node.constant_strings()))
        if texts:
            yield node, where, texts
