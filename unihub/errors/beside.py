"""Commands that put another TensorFlow into an environment of its own.

The TensorFlow that is here stays as it is.
"""

from __future__ import annotations

from typing import Tuple

# Release of TensorFlow up to which a Python has all of them, and that Python.
_PYTHONS: Tuple[Tuple[Tuple[int, int], str], ...] = (
    ((2, 4), "python3.7"),
    ((2, 11), "python3.9"),
    ((2, 19), "python3.11"),
)
_NEWEST = "python3.12"


def environment(folder: str, python: str, *packages: str) -> str:
    """The command that makes an environment with unihub and packages in it.

    Args:
        folder: that it makes.
        python: command of an interpreter for which the packages are there.
        packages: with their releases.

    Example:
        >>> environment("tf215", "python3.11", "tensorflow==2.15.*")
        'python3.11 -m venv tf215 && tf215/bin/pip install unihub "tensorflow==2.15.*"'
    """
    quoted = " ".join(f'"{package}"' for package in packages)
    return f"{python} -m venv {folder} && {folder}/bin/pip install unihub {quoted}"


def with_tensorflow(minor: str, *packages: str) -> str:
    """`environment` with a release of TensorFlow, such as "2.15"."""
    major, number = minor.split(".")
    release = int(major), int(number)
    python = next((name for last, name in _PYTHONS if release <= last), _NEWEST)
    return environment(f"tf{major}{number}", python, *packages, f"tensorflow=={minor}.*")


def with_newer(writer: str) -> str:
    """`environment` with the TensorFlow that wrote a model, or a newer one."""
    return environment("newer", _NEWEST, f"tensorflow>={writer}")


TF1 = with_tensorflow("1.15", "protobuf<3.21")
TF215 = with_tensorflow("2.15")
NEWER = with_newer("{writer}")
