"""Strings that a graph puts together: a path may stand in none of its parts."""

from __future__ import annotations

import re
from typing import List, Sequence, Set, Tuple

# More, or longer, are not put together.
_MOST_TEXTS = 64
_LONGEST = 1 << 20
# As TensorFlow reads a path: a scheme of letters, or what may become one by what follows.
_UNDECIDED = rb"(?s)(?:[A-Za-z][A-Za-z0-9.+-]*(?::/{0,2})?)?"


def joined(
    parts: Sequence[Sequence[bytes]], separators: Sequence[bytes]
) -> Tuple[List[bytes], int]:
    """The strings that constant parts make, one after the other.

    Args:
        parts: each with the strings that it may be; none where it is not known.
        separators: those that may stand between them.

    Returns:
        The strings, and how many parts are in them: the next is not known, or there are too many.
        Then they end with what stands between them and the next.
    """
    found: Set[Tuple[bytes, bytes]] = {(b"", separator) for separator in separators or (b"",)}
    for count, part in enumerate(parts):
        length = max(map(len, part), default=0) + max(len(start) for start, _ in found)
        if not part or len(found) * len(part) > _MOST_TEXTS or length > _LONGEST:
            ends = [start + separator if count else start for start, separator in found]
            return sorted(set(ends)), count
        found = {
            (start + (separator if count else b"") + text, separator)
            for start, separator in found
            for text in part
        }
    return sorted({start for start, _ in found}), len(parts)


def is_decided(start: bytes) -> bool:
    """Whether the beginning of a path tells which file system it is of."""
    return re.fullmatch(_UNDECIDED, start) is None
