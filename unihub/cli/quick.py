"""`unihub inspect FOLDER` without click, whose import takes as long as reading the model."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager
from typing import Iterator

from unihub.errors import UnihubError
from unihub.inspection import inspector, plain
from unihub.inspection.model_info import ModelInfo


def inspects(folder: str) -> bool:
    """Prints what a model is, as text.

    Returns:
        False, and has done nothing, where an error is to be told.
    """
    try:
        with without_garbage_collection():
            info = inspector.inspect(folder)
    except (UnihubError, OSError, UnicodeError):
        return False
    return isinstance(info, ModelInfo) and _prints(plain.as_text(info, False))


def _prints(text: str) -> bool:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read it has read enough; nor is what is left to be written when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    return True


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Keeps what is made: looking for garbage only takes time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
