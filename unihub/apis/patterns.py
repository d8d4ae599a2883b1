"""Paths that TensorFlow reads as a pattern, where it looks for the weights of a model."""

from __future__ import annotations

import os

# What matches more than itself there.
_IN_PATTERNS = frozenset("[]\\")


def line_elsewhere(folder: str, line: str) -> str:
    """A line that loads a model from a copy whose path is no pattern; "" where it is none.

    Args:
        folder: of the model.
        line: that loads it, with ``{handle!r}`` for the folder.
    """
    if _IN_PATTERNS.isdisjoint(folder) or not os.path.isdir(folder):
        return ""
    name = "".join("_" if c in _IN_PATTERNS else c for c in os.path.basename(folder)) or "model"
    name = f"{name}-copy" if os.path.exists(name) else name
    return (
        f"import shutil; shutil.copytree({folder!r}, {name!r}); {line.format(handle=name)}  "
        "# TensorFlow reads the path of weights as a pattern, with [, ] and \\ in it"
    )
