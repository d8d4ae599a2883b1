"""An archive's URL or a cached handle to a folder, beside tensorflow_hub and curl."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import tarfile
import tempfile
from typing import Callable, Dict, Iterator, List

import numpy as np

import unihub
from benchmarks.timing import Measurement, side_by_side
from unihub.routes.tensorflow_hub import import_tensorflow_hub

# Of the weights; they hardly compress.
_MEGABYTES = int(os.environ.get("UNIHUB_BENCHMARK_MEGABYTES", "500"))
_SERVER = """
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
handler.func.log_message = lambda *arguments: None
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def measure() -> List[Measurement]:
    hub = import_tensorflow_hub()
    with tempfile.TemporaryDirectory() as scratch, _served(_archive(scratch)) as url:
        fresh = map(str, itertools.count())
        ways: Dict[str, Callable[[], object]] = {
            f"tensorflow_hub.resolve of {_MEGABYTES} MB": lambda: _resolved_by_hub(
                hub, url, os.path.join(scratch, "hub", next(fresh))
            ),
            "curl | tar xz": lambda: _piped(url, os.path.join(scratch, "curl", next(fresh))),
            "unihub.resolve": lambda: _resolved(url, os.path.join(scratch, "own", next(fresh))),
        }
        downloads = side_by_side(ways, rounds=3)
        against_curl = dict(list(ways.items())[1:])
        downloads += side_by_side(against_curl, rounds=3)[1:]
        return downloads + _hits(hub, url, scratch)


def _hits(hub: object, url: str, scratch: str) -> List[Measurement]:
    cache = os.path.join(scratch, "hub", "hits")
    _resolved_by_hub(hub, url, cache)
    own = os.path.join(scratch, "own", "hits")
    with unihub.configure(cache=own):
        unihub.resolve(url)
        return side_by_side(
            {
                "tensorflow_hub.resolve of a cached handle": lambda: hub.resolve(url),
                "unihub.resolve of a cached handle": lambda: unihub.resolve(url),
            },
            rounds=21,
            calls=200,
        )


def _resolved_by_hub(hub: object, url: str, cache: str) -> None:
    os.environ["TFHUB_CACHE_DIR"] = cache
    hub.resolve(url)


def _resolved(url: str, cache: str) -> None:
    with unihub.configure(cache=cache, tfhub_cache=os.path.join(cache, "none"), progress=False):
        unihub.resolve(url)


def _piped(url: str, folder: str) -> None:
    os.makedirs(folder)
    subprocess.run(["bash", "-c", 'curl -sS "$0" | tar xz -C "$1"', url, folder], check=True)


def _archive(scratch: str) -> str:
    served, model = os.path.join(scratch, "served"), os.path.join(scratch, "model")
    os.makedirs(served)
    os.makedirs(os.path.join(model, "variables"))
    weights = np.random.default_rng(0).normal(size=_MEGABYTES * 250_000).astype(np.float32)
    with open(os.path.join(model, "saved_model.pb"), "wb") as file:
        file.write(b"\x08\x01" * 1000)
    weights.tofile(os.path.join(model, "variables", "variables.data-00000-of-00001"))
    with tarfile.open(os.path.join(served, "model.tar.gz"), "w:gz", compresslevel=1) as archive:
        # With its folders: tensorflow_hub cannot extract one that has none.
        archive.add(model, ".")
    return served


@contextlib.contextmanager
def _served(folder: str) -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, folder], stdout=subprocess.PIPE, universal_newlines=True
    )
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/model.tar.gz"
    finally:
        server.kill()
        server.wait()
