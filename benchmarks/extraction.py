"""From a .tar.gz to a folder, beside tar and tensorflow_hub."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator

from benchmarks.archives import MEGABYTES, QUICK_MEGABYTES, archive
from benchmarks.measuring import Case
from unihub.apis.tensorflow_hub import import_tensorflow_hub
from unihub.handles.archive.extract import Caps, extract

_CAPS = Caps(extracted_bytes=1 << 32, ratio=200.0, members=1000, header_bytes=1 << 20)


def cases(quick: bool) -> Iterator[Case]:
    import_tensorflow_hub()
    hub = importlib.import_module("tensorflow_hub.file_utils")
    size = QUICK_MEGABYTES if quick else MEGABYTES
    with archive(size) as file, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "extracted")
        actions = {
            "tar xzf": lambda: subprocess.run(
                ["tar", "xzf", str(file), "-C", str(folder)], check=True
            ),
            "tensorflow_hub": lambda: _extract_by_hub(hub, file, folder),
            "unihub": lambda: _extract(file, folder),
        }
        yield Case(
            f"{size} MB",
            {name: _into_empty(folder, action) for name, action in actions.items()},
            rounds=4,
            once_before=[],
        )


def _extract(archive: Path, folder: Path) -> None:
    with archive.open("rb") as file:
        extract(file, str(folder), _CAPS, archive.name)


def _extract_by_hub(hub: Any, archive: Path, folder: Path) -> None:
    with archive.open("rb") as file:
        hub.extract_tarfile_to_destination(file, str(folder))


def _into_empty(folder: Path, action: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        shutil.rmtree(str(folder), ignore_errors=True)
        folder.mkdir()
        action()

    return run
