"""Files beside a model that run code when the wrong program opens them."""

from __future__ import annotations

import os
from typing import Iterator, Mapping, Tuple

from unihub.inspection.op_dangers import Severity

_MOST_FILES = 10_000
# By their ending.
_FILES: Mapping[str, Tuple[Severity, str]] = {
    ending: (severity, effect)
    for severity, effect, endings in (
        (
            Severity.MEDIUM,
            "is machine code, which TensorFlow runs if it is told to load it",
            (".so", ".dylib", ".dll", ".pyd"),
        ),
        (
            Severity.MEDIUM,
            "is a pickle, which runs code when Python opens it",
            (".pkl", ".pickle", ".joblib", ".pt", ".pth"),
        ),
        (
            Severity.LOW,
            "is a Keras file, which may hold code; unihub does not open it",
            (".h5", ".hdf5", ".keras"),
        ),
    )
    for ending in endings
}
_MORE = "holds more files than unihub looks at, and more of them may run code elsewhere"


def files_that_run_code(folder: str) -> Iterator[Tuple[Severity, str, str]]:
    """Files dangerous to open: how much each matters, its path below the folder, and what it is."""
    count = 0
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > _MOST_FILES:
                yield Severity.MEDIUM, "the folder", _MORE
                return
            file = os.path.relpath(os.path.join(parent, name), folder)
            ending = os.path.splitext(name)[1].lower()
            if ending in _FILES:
                severity, effect = _FILES[ending]
                yield severity, file, effect
