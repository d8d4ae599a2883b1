"""A handle whose model is cached, beside tensorflow_hub."""

from __future__ import annotations

import os
import tempfile
from typing import Iterator

import unihub
from benchmarks.archives import archive, served
from benchmarks.measuring import Case
from unihub.apis.tensorflow_hub import import_tensorflow_hub


def cases(quick: bool) -> Iterator[Case]:
    hub = import_tensorflow_hub()
    with archive(1) as file, served(file) as url, tempfile.TemporaryDirectory() as scratch:
        os.environ["TFHUB_CACHE_DIR"] = os.path.join(scratch, "hub")
        none = os.path.join(scratch, "none")
        with unihub.configure(cache=os.path.join(scratch, "own"), tfhub_cache=none, progress=False):
            yield Case(
                "a cached URL",
                {
                    "hub.resolve": lambda: hub.resolve(url),
                    "unihub.resolve": lambda: unihub.resolve(url),
                },
                rounds=21,
                calls=200,
            )
