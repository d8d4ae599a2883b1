"""Numbers and sizes, as people read them."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# A made-up model can claim more than a float holds.
_MOST = 10**24


def size(number: int) -> str:
    """A number of bytes in three digits: ``1.23 MB``."""
    value, step = float(min(number, _MOST)), 0
    # From 999.5 on, three digits would be those of a thousand.
    while abs(value) >= 999.5 and step < len(_UNITS) - 1:
        value, step = value / 1000, step + 1
    return f"{value:.3g} {_UNITS[step]}"


def counted(number: int, noun: str, plural: str = "s") -> str:
    """How many there are of something: ``1 model``, ``2,000 models``."""
    return f"{number:,} {noun}{'' if number == 1 else plural}"
