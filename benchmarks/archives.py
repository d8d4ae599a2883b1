"""Archives of models, and a server of them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Iterator

import numpy as np

MEGABYTES, QUICK_MEGABYTES = 128, 8
_SERVER = """
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
handler.func.log_message = lambda *arguments: None
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def archive(megabytes: int) -> Iterator[Path]:
    """A .tar.gz of a model whose weights are float32, which gzip makes a twelfth smaller."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model")
        (model / "variables").mkdir(parents=True)
        (model / "saved_model.pb").write_bytes(b"\x08\x01" * 100_000)
        weights = np.random.RandomState(0).normal(0, 0.05, megabytes * 250_000).astype(np.float32)
        weights.tofile(str(model / "variables" / "variables.data-00000-of-00001"))
        file = Path(folder, "archive", "model.tar.gz")
        file.parent.mkdir()
        with tarfile.open(str(file), "w:gz", compresslevel=1) as tar:
            # With its folders: tensorflow_hub cannot extract one that has none.
            tar.add(str(model), ".")
        yield file


@contextlib.contextmanager
def served(file: Path) -> Iterator[str]:
    """The URL of a file, from a server in a process of its own."""
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(file.parent)],
        stdout=subprocess.PIPE,
        universal_newlines=True,
    )
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/{file.name}"
    finally:
        server.kill()
        server.wait()
