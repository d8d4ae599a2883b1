"""Paths and names in findings, which a hostile model may have chosen."""

from __future__ import annotations

from typing import Callable, Dict, Iterable

from unihub.inspection.paths import ARGUMENT, ASSET, CHECKPOINT, CONSTANT, Path

_LONGEST = 200
_MOST_PATHS = 4


def detail(paths: Iterable[Path]) -> str:
    """The paths of an op: constant, or where they come from."""
    words: Dict[str, Callable[[bytes], str]] = {
        CONSTANT: quoted,
        ASSET: lambda text: f"asset {quoted(text)}",
        CHECKPOINT: lambda text: "the model's checkpoint",
        ARGUMENT: lambda text: f"what the caller gives as {quoted(text)}",
    }
    texts = [
        words.get(path.kind, _computed)(path.text)
        for path in paths
        if path.text or path.kind != CONSTANT
    ]
    told = ", ".join(texts[:_MOST_PATHS])
    rest = len(texts) - _MOST_PATHS
    return told + (f" and {rest} more" if rest > 0 else "")


def _computed(text: bytes) -> str:
    return f"what {quoted(text)} computes"


def quoted(text: bytes) -> str:
    """A string of a model, shown."""
    return repr(shown(text.decode("utf-8", "replace")))


def shown(text: str) -> str:
    """A text without control characters, and of bounded length."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: _LONGEST + 1])
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
