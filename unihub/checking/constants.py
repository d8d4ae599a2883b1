"""Folds the constants that are written out in a script: handles, mostly."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, Optional, Sequence

from unihub.checking.values import Call, Literal, Value

# Only these: a width in a specification could ask for gigabytes.
_PERCENT = re.compile(r"%[sdi%]")
_BRACES = re.compile(r"\{\w*\}|\{\{|\}\}")
# The methods that are followed.
METHODS = ((dict, "get"), (str, "format"))


def called(constant: Any, call: Call) -> Value:
    """Calls one of `METHODS` of a constant, where the result is evident."""
    if isinstance(constant, dict):
        return _got(constant, *call.args[:2])
    values = [*call.args, *call.keywords.values()]
    if call.opaque or not all(isinstance(value, Literal) for value in values):
        return None
    args = [call.literal("", n) for n in range(len(call.args))]
    return text_value(
        formatted(constant, args, {name: call.literal(name) for name in call.keywords})
    )


def _got(constant: Dict[Any, Any], key: Value = None, default: Value = None) -> Value:
    if not isinstance(key, Literal):
        return None
    try:
        return Literal(constant[key.value])
    except KeyError:
        return default
    except TypeError:
        return None


def text_value(text: Optional[str]) -> Value:
    """A constant; None where the text is not known."""
    return None if text is None else Literal(text)


def inserted(value: Any) -> Optional[str]:
    """Formats a value as the braces of an f-string do."""
    return str(value) if _insertable([value]) else None


def percent(template: str, value: Any) -> Optional[str]:
    """Evaluates ``template % value``; None where that is not evident."""
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if "%" in _PERCENT.sub("", template) or not _insertable(values):
        return None
    try:
        return template % values
    except TypeError:
        return None


def formatted(template: str, values: Sequence[Any], keywords: Mapping[str, Any]) -> Optional[str]:
    """Evaluates ``template.format(*values, **keywords)``; None where that is not evident."""
    if not _insertable([*values, *keywords.values()]):
        return None
    if not {"{", "}"}.isdisjoint(_BRACES.sub("", template)):
        return None
    try:
        return template.format(*values, **keywords)
    except (LookupError, ValueError):
        return None


def _insertable(values: Sequence[Any]) -> bool:
    # A huge number takes long to be written out.
    return all(
        isinstance(value, str) or (isinstance(value, int) and abs(value) < 2**64)
        for value in values
    )
