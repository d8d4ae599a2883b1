"""An error as one wants to see it: the lines of one's own code that led to it, and what it says."""

from __future__ import annotations

import os
import sysconfig
import traceback
from typing import List

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARIES = tuple({os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "purelib")})
DEBUG = "UNIHUB_DEBUG"
# What TensorFlow makes of a traced function stands in files of its own.
_GENERATED = "__autograph_generated_file"
_HEAD = f"Traceback (your code alone; all of it with {DEBUG}=1):\n"


def lines(error: BaseException) -> List[str]:
    """The text of an error of ours, without the frames of libraries.

    Example:
        >>> print("".join(lines(error)))
        Traceback (your code alone; all of it with UNIHUB_DEBUG=1):
          File "train.py", line 3, in <module>
            model = unihub.load("modle")
        ModelNotFound: model-not-found: ...
    """
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)
    ]
    head = [_HEAD, *traceback.format_list(frames)] if frames else []
    return [*head, f"{type(error).__name__}: {error}\n"]


def in_notebook(error: BaseException) -> List[str]:
    """The same where IPython asks for it; it shows all frames where this raises."""
    if all_wanted():
        raise NotImplementedError("all frames are wanted")
    return "".join(lines(error)).splitlines()


def all_wanted() -> bool:
    """Whether the environment asks for every frame, as `unihub --debug` does."""
    return os.environ.get(DEBUG, "") not in ("", "0")


def _is_own(file: str) -> bool:
    # Code that is in no file, such as that of a notebook, is its user's.
    if os.path.basename(file).startswith(_GENERATED):
        return False
    path = os.path.realpath(file)
    return not any(path.startswith(folder + os.sep) for folder in (_ROOT, *_LIBRARIES))
