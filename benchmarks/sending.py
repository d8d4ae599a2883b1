"""A loaded model in a fresh process: from a pickle, beside loading it anew."""

from __future__ import annotations

import json
import os
import pickle
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

from benchmarks.frozen import digest_of
from benchmarks.loading import FAST, LOADERS, PEER, inputs_of
from benchmarks.measuring import Case, python
from benchmarks.models import CACHE, path_of

NAMES, ROUNDS = ("transformer_110m", "efficientnet_b4"), 2
SENT = "pickle.loads"
_NAME = "serving_default"


def cases(quick: bool) -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("tiny",) if quick else NAMES:
            path, written = str(path_of(name)), os.path.join(folder, f"{name}.pickle")
            python("-m", "benchmarks.sending", "write", path, written, UNIHUB_CACHE=CACHE)()
            arms = {arm: _arm(arm, path, written) for arm in (PEER, FAST, SENT)}
            # What is shared is written then.
            yield Case(name, arms, ROUNDS, reports=True, once_before=[SENT])


def _arm(arm: str, path: str, written: str) -> Callable[[], Dict[str, Any]]:
    run = python("-m", "benchmarks.sending", arm, path, written, UNIHUB_CACHE=CACHE)
    return lambda: dict(json.loads(run().splitlines()[-1]))


def main(arm: str, path: str, written: str) -> None:
    """Writes a pickle, or prints how long the first answer took, TensorFlow imported before."""
    import tensorflow as tf

    import unihub
    from unihub.formats import read_saved_model

    if arm == "write":
        model = unihub.load(path, signature=_NAME, as_dict=True)
        Path(written).write_bytes(pickle.dumps(model))
        return
    inputs = inputs_of(read_saved_model(path).meta_graphs[0].signatures[_NAME])
    content = Path(written).read_bytes()
    load = (lambda: pickle.loads(content)) if arm == SENT else LOADERS[arm](path, _NAME)
    tf.constant(0) + 1
    start = time.perf_counter()
    outputs = load()(inputs)
    taken = time.perf_counter() - start
    sent = {"bytes": float(len(content))} if arm == SENT else {}
    print(json.dumps({"time": taken, **sent, "outputs": digest_of(*tf.nest.flatten(outputs))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
