"""The fingerprint of each line of a file, by which a code scanning service knows it again.

Those that github/codeql-action computes for results that have none: a hash of the hundred
characters from the line's start on, without blanks, and how often it has come so far.

Source: https://docs.github.com/en/code-security/code-scanning (partialFingerprints);
https://github.com/github/codeql-action, src/fingerprints.test.ts for what they are.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections import Counter
from typing import Iterator

_LENGTH = 100
_BASE = 37
_LINE_FEED, _END = 0x0A, 0xFFFF
_UTF_16 = f"utf-16-{sys.byteorder[0]}e"


def line_fingerprints(text: str) -> Iterator[str]:
    """The fingerprint of each line, from the first on.

    Example:
        >>> list(line_fingerprints(""))
        ['c129715d7a2bc9a3:1']
    """
    units = array("H")
    starts = []
    for line in re.split("\r\n|\r|\n", text):
        starts.append(len(units))
        blankless = line.replace(" ", "").replace("\t", "")
        units.frombytes(blankless.encode(_UTF_16, "surrogatepass"))
        units.append(_LINE_FEED)
    units[-1] = _END
    units.extend([0] * _LENGTH)
    seen: Counter[str] = Counter()
    for start in starts:
        value = 0
        for unit in units[start : start + _LENGTH]:
            value = (value * _BASE + unit) % 2**64
        digits = f"{value:x}"
        seen[digits] += 1
        yield f"{digits}:{seen[digits]}"
