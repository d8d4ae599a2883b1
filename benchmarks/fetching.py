"""From the URL of an archive to a folder, beside curl with tar and tensorflow_hub."""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
from typing import Any, Iterator

import unihub
from benchmarks.archives import MEGABYTES, QUICK_MEGABYTES, archive, served
from benchmarks.measuring import Case
from unihub.apis.tensorflow_hub import import_tensorflow_hub


def cases(quick: bool) -> Iterator[Case]:
    hub = import_tensorflow_hub()
    size = QUICK_MEGABYTES if quick else MEGABYTES
    with archive(size) as file, served(file) as url, tempfile.TemporaryDirectory() as scratch:
        fresh = (os.path.join(scratch, str(count)) for count in itertools.count())
        yield Case(
            f"{size} MB",
            {
                "curl and tar": lambda: _piped(url, next(fresh)),
                "hub.resolve": lambda: _resolved_by_hub(hub, url, next(fresh)),
                "unihub.resolve": lambda: _resolved(url, next(fresh)),
            },
            rounds=4,
            once_before=[],
        )


def _piped(url: str, folder: str) -> None:
    os.makedirs(folder)
    subprocess.run(["bash", "-c", 'curl -sS "$0" | tar xz -C "$1"', url, folder], check=True)


def _resolved_by_hub(hub: Any, url: str, cache: str) -> None:
    os.environ["TFHUB_CACHE_DIR"] = cache
    hub.resolve(url)


def _resolved(url: str, cache: str) -> None:
    with unihub.configure(cache=cache, tfhub_cache=os.path.join(cache, "none"), progress=False):
        unihub.resolve(url)
