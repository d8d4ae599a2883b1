"""Loading for inference, beside the full load, each in a process of its own."""

from __future__ import annotations

import importlib
import json
import pkgutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

from benchmarks.frozen import digest_of
from benchmarks.measuring import Case, python
from benchmarks.models import CACHE, TF1_MODULE, cannot_make, path_of
from benchmarks.stack import not_keras3

PEER, FAST, MAPPED, KERAS = "hub.load", "unihub.load", "unihub.load, mapped", "TFSMLayer"
MODELS = (
    "tiny",
    "mobilenet_v2",
    "efficientnet_b4",
    "resnet152",
    "transformer_110m",
    TF1_MODULE,
)
# TFSMLayer loads as its peer does, and says so once.
WITH_KERAS = ("mobilenet_v2",)
CALLED_THEMSELVES = ("mobilenet_v2", "efficientnet_b4")
# Calls that are timed, of models that take so many seconds for one.
SLOW, CALLS_OF_SLOW, CALLS = 0.002, 5, 2000
ROUNDS = 2

Loaded = Callable[[Dict[str, Any]], Any]


def cases(quick: bool) -> Iterator[Case]:
    for name in MODELS[:1] if quick else MODELS:
        reason = cannot_make(name)
        if reason:
            print(f"load: {name} is left out: {reason}", flush=True)
            continue
        path = path_of(name)
        _warm_page_cache(path)
        with_keras = name in WITH_KERAS and not not_keras3()
        arms = [PEER, FAST, MAPPED, *([KERAS] if with_keras else [])]
        yield _case(name, path, arms, signature=True)
        if name in CALLED_THEMSELVES:
            yield _case(f"{name}, no signature", path, [PEER, FAST, MAPPED], signature=False)


def _case(name: str, path: Path, arms: List[str], signature: bool) -> Case:
    def measure(arm: str) -> Callable[[], Dict[str, Any]]:
        arguments = (arm, str(path), str(int(signature)))
        run = python("-m", "benchmarks.loading", *arguments, UNIHUB_CACHE=CACHE)
        return lambda: dict(json.loads(run().splitlines()[-1]))

    actions = {arm: measure(arm) for arm in arms}
    # The weights that it maps are written then.
    return Case(name, actions, ROUNDS, reports=True, once_before=[MAPPED])


def _measured(arm: str, path: str, wants_signature: bool) -> Dict[str, Any]:
    """Loads a model and calls it, in this process."""
    import tensorflow as tf

    from unihub.formats import read_saved_model

    signatures = read_saved_model(path).meta_graphs[0].signatures
    name = "serving_default" if "serving_default" in signatures else next(iter(signatures))
    inputs = inputs_of(signatures[name])
    loader = LOADERS[arm](path, name if wants_signature else None)
    tf.constant(0) + 1
    resident, own = _memory()
    start = time.perf_counter()
    loaded = loader()
    load = time.perf_counter() - start
    resident, own = _memory()[0] - resident, _memory()[1] - own
    outputs = loaded(inputs)
    first = time.perf_counter() - start
    return {
        "load": load,
        "load + first call": first,
        "steady call": _steady_call(loaded, inputs),
        "memory": resident,
        "memory of its own": own,
        "outputs": digest_of(*tf.nest.flatten(outputs)),
    }


def _by_peer(path: str, name: Optional[str]) -> Callable[[], Loaded]:
    import tensorflow as tf

    def load() -> Loaded:
        loaded = tf.saved_model.load(path)
        if name is None:
            return lambda inputs: loaded(*inputs.values())
        function = loaded.signatures[name]
        function.kept = loaded
        return lambda inputs: function(**inputs)

    return load


def _by_keras(path: str, name: Optional[str]) -> Callable[[], Loaded]:
    import tensorflow as tf

    def load() -> Loaded:
        layer = tf.keras.layers.TFSMLayer(path, call_endpoint=name)
        return lambda inputs: layer(*inputs.values())

    return load


def _by_unihub(path: str, name: Optional[str], **choices: Any) -> Callable[[], Loaded]:
    import unihub
    from unihub import apis
    from unihub.apis import lean

    # As the peer's modules are, before the clock starts.
    for room in (lean, apis):
        for module in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
            if not module.ispkg:
                importlib.import_module(module.name)
    unihub_load = unihub.load

    def load() -> Loaded:
        if name is None:
            loaded = unihub_load(path, **choices)
            return lambda inputs: loaded(*inputs.values())
        signature: Loaded = unihub_load(path, signature=name, as_dict=True, **choices)
        return signature

    return load


def _by_unihub_mapped(path: str, name: Optional[str]) -> Callable[[], Loaded]:
    return _by_unihub(path, name, weights="mmap")


LOADERS = {PEER: _by_peer, FAST: _by_unihub, MAPPED: _by_unihub_mapped, KERAS: _by_keras}


def inputs_of(signature: Any) -> Dict[str, Any]:
    import numpy as np
    import tensorflow as tf

    random = np.random.RandomState(0)
    made = {}
    for name, info in signature.inputs.items():
        sizes = [1 if size is None else size for size in info.shape]
        dtype = tf.as_dtype(info.dtype)
        values = (
            random.randint(0, 1000, sizes) if dtype.is_integer else random.uniform(0, 255, sizes)
        )
        made[name] = tf.cast(tf.constant(values), dtype)
    return made


def _steady_call(loaded: Loaded, inputs: Dict[str, Any]) -> float:
    def seconds(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            loaded(inputs)
        return (time.perf_counter() - start) / calls

    if seconds(1) > SLOW:
        return statistics.median(seconds(1) for _ in range(CALLS_OF_SLOW))
    return statistics.median(seconds(CALLS // 5) for _ in range(5))


def _memory() -> Any:
    """Resident memory of this process, and what of it is shared with no file, in MiB."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))


def _warm_page_cache(path: Path) -> None:
    for file in path.rglob("*"):
        if file.is_file():
            file.read_bytes()


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1], sys.argv[2], sys.argv[3] == "1")))
