"""Runs Python with the packages that are installed here, less some."""

from __future__ import annotations

import fnmatch
import os
import subprocess
import sysconfig
import venv
from pathlib import Path

from conftest import ROOT


def python_without(*patterns: str, folder: Path, script: str) -> str:
    """What a script prints where the packages that match are not installed.

    Args:
        *patterns: names in site-packages, such as "tensorflow_hub*".
        folder: an empty folder, to make such an environment in.
        script: the source to run.

    Returns:
        Its standard output.
    """
    venv.create(str(folder), symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns):
            (packages / path.name).symlink_to(path)
    process = subprocess.run(
        [str(folder / "bin" / "python"), "-W", "ignore", "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout
