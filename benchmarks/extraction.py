"""From a .tar.gz of 500 MB to a folder, beside tar and tensorflow_hub.

unihub also hashes each file, and reads the archive's checksums; tensorflow_hub does neither.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Dict, List, Optional

import numpy as np

from benchmarks.timing import Measurement, side_by_side
from unihub.fetching.extract import Caps, extract

_CAPS = Caps(extracted_bytes=1 << 32, ratio=200.0, members=1000, header_bytes=1 << 20)


def measure() -> List[Measurement]:
    with tempfile.TemporaryDirectory() as path:
        archive = _model_archive(Path(path))
        folder = Path(path, "extracted")
        actions: Dict[str, Callable[[], object]] = {
            "tar xzf": lambda: subprocess.run(
                ["tar", "xzf", str(archive), "-C", str(folder)], check=True
            ),
            "unihub": lambda: _extract(archive, folder),
        }
        hub = _tensorflow_hub_extraction()
        if hub is not None:
            actions["tensorflow_hub"] = lambda: hub(archive, folder)
        size = f"{archive.stat().st_size / 1e6:.0f} MB"
        return side_by_side(
            {f"{name}, {size}": _into_empty(folder, do) for name, do in actions.items()}, rounds=5
        )


def _model_archive(path: Path) -> Path:
    """Weights as a trained model has them: float32, which gzip makes a twelfth smaller."""
    model = path / "model"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph" * 100_000)
    weights = np.random.default_rng(1).normal(0, 0.05, 1 << 24).astype(np.float32).tobytes()
    with (model / "variables" / "variables.data-00000-of-00001").open("wb") as file:
        for _ in range(8):
            file.write(weights)
    archive = path / "model.tar.gz"
    subprocess.run(["tar", "czf", str(archive), "-C", str(model), "."], check=True)
    return archive


def _extract(archive: Path, folder: Path) -> None:
    with archive.open("rb") as file:
        extract(file, str(folder), _CAPS, archive.name)


def _tensorflow_hub_extraction() -> Optional[Callable[[Path, Path], object]]:
    try:
        from tensorflow_hub import file_utils
    except ImportError:
        return None

    def extract_by_hub(archive: Path, folder: Path) -> None:
        with archive.open("rb") as file:
            file_utils.extract_tarfile_to_destination(file, str(folder))

    return extract_by_hub


def _into_empty(folder: Path, action: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        shutil.rmtree(str(folder), ignore_errors=True)
        folder.mkdir()
        action()

    return run
