"""Loading a signature for inference, beside the full load, each in a process of its own.

`python -m benchmarks.loading [MODEL ...] [--rounds N] [--json FILE]` prints a table.
The models are those of benchmarks.models, made where they are not there yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

CALLS = 5
TINY_CALLS = 2000
# What is compared: hub.load is tf.saved_model.load and nothing more.
PEER, FAST, MAPPED, KERAS = "hub.load", "unihub.load", "unihub.load, mapped", "TFSMLayer"
ARMS = (PEER, FAST, MAPPED, KERAS)
MODELS = (
    "tiny",
    "mobilenet_v2",
    "efficientnet_b4",
    "resnet152",
    "transformer_110m",
    "tf1_hub_60_layers",
)
# What is to be reached, as a ratio to the peer in the same run.
WANTED = {
    ("efficientnet_b4", FAST, "load"): 15,
    ("resnet152", FAST, "load"): 15,
    ("transformer_110m", FAST, "load"): 6,
    ("tf1_hub_60_layers", FAST, "load"): 12,
    ("efficientnet_b4", FAST, "load_and_first_call"): 3,
    ("resnet152", FAST, "load_and_first_call"): 3,
    ("mobilenet_v2", FAST, "load_and_first_call"): 3,
    ("transformer_110m", MAPPED, "load"): 40,
    ("efficientnet_b4", FAST, "memory"): 2,
    ("tiny", FAST, "steady_call"): 2,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="file for the medians")
    parser.add_argument("--svg", help="file for a plot of them")
    parser.add_argument("--arms", nargs="*", default=ARMS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(_measured(*options.child)))
        return
    results = {name: compare(name, options.arms, options.rounds) for name in options.models}
    print(table(results))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    if options.svg:
        from benchmarks.plot import bars

        Path(options.svg).write_text(bars(results, PEER, "load"), encoding="utf-8")


def compare(model: str, arms: Any, rounds: int) -> Dict[str, Dict[str, Any]]:
    """Medians over rounds in which the arms take turns, each in a fresh process."""
    from benchmarks.models import path_of

    path = path_of(model)
    _warm_page_cache(path)
    found: Dict[str, List[Dict[str, Any]]] = {arm: [] for arm in arms}
    # The first round fills the bytecode cache, and the folder of mapped weights.
    for turn in range(rounds + 1):
        for arm in arms:
            print(f"{model}: {arm}, round {turn} of {rounds}", file=sys.stderr, flush=True)
            measured = _in_process(arm, path)
            if turn and measured:
                found[arm].append(measured)
    digests = {row["outputs"] for rows in found.values() for row in rows}
    medians = {
        arm: {
            what: statistics.median(row[what] for row in rows)
            for what in rows[0]
            if what != "outputs"
        }
        for arm, rows in found.items()
        if rows
    }
    for row in medians.values():
        row["outputs_equal"] = len(digests) == 1
    return medians


def table(results: Dict[str, Dict[str, Dict[str, Any]]]) -> str:
    """The medians, and the ratios to the peer, as Markdown."""
    import tensorflow as tf

    here = f"Python {platform.python_version()}, TensorFlow {tf.__version__}, "
    here += f"{os.cpu_count()} cores of {platform.machine()}"
    lines = [
        here,
        "",
        "| model | loaded by | load | load + first call | steady call | memory (own) | equal |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for model, arms in results.items():
        for arm, row in arms.items():
            cells = [
                f"{_shown(row[what], what)}{_ratio(arms, arm, what)}{_goal(model, arm, what, arms)}"
                for what in ("load", "load_and_first_call", "steady_call", "memory")
            ]
            cells[-1] += f" ({row['own_memory']:.0f})"
            equal = "yes" if row["outputs_equal"] else "NO"
            lines.append(f"| {model} | {arm} | " + " | ".join(cells) + f" | {equal} |")
    return "\n".join(lines)


def _shown(value: float, what: str) -> str:
    if what == "memory":
        return f"{value:.0f} MiB"
    if value < 1e-3:
        return f"{value * 1e6:.0f} µs"
    return f"{value:.3f} s" if value >= 0.1 else f"{value * 1e3:.1f} ms"


def _ratio(arms: Dict[str, Any], arm: str, what: str) -> str:
    if arm == PEER or PEER not in arms:
        return ""
    return f", {arms[PEER][what] / max(arms[arm][what], 1e-9):.1f}×"


def _goal(model: str, arm: str, what: str, arms: Dict[str, Any]) -> str:
    wanted = WANTED.get((model, arm, what))
    return f" (wanted {wanted}×)" if wanted and PEER in arms else ""


def _in_process(arm: str, path: Path) -> Dict[str, Any]:
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    environment.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    # TFSMLayer is of Keras 3, which this makes tf.keras.
    environment.pop("TF_USE_LEGACY_KERAS", None)
    command = [sys.executable, "-m", "benchmarks.loading", "--child", arm, str(path)]
    done = subprocess.run(command, capture_output=True, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
    result: Dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
    return result


def _measured(arm: str, path: str) -> Dict[str, Any]:
    """Loads a model and calls it, in this process; {} where the arm cannot."""
    import tensorflow as tf

    from unihub.formats import Format, read_saved_model

    model = read_saved_model(path)
    names = list(model.meta_graphs[0].signatures)
    name = "serving_default" if "serving_default" in names else names[0]
    inputs = _inputs(model.meta_graphs[0].signatures[name])
    if arm == KERAS and (
        model.format is not Format.TF2_SAVED_MODEL or not hasattr(tf.keras.layers, "TFSMLayer")
    ):
        return {}
    loader = _loader(arm, path, name)
    tf.constant(0) + 1
    resident, own = _memory()
    start = time.perf_counter()
    loaded = loader()
    load = time.perf_counter() - start
    resident, own = _memory()[0] - resident, _memory()[1] - own
    outputs = loaded(inputs)
    first = time.perf_counter() - start
    calls = TINY_CALLS if first - load < 0.05 else CALLS
    times = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(max(calls // 5, 1)):
            loaded(inputs)
        times.append((time.perf_counter() - start) / max(calls // 5, 1))
    digest = hashlib.sha256()
    for key in sorted(outputs):
        digest.update(outputs[key].numpy().tobytes())
    return {
        "load": load,
        "load_and_first_call": first,
        "steady_call": statistics.median(times),
        "memory": resident,
        "own_memory": own,
        "outputs": digest.hexdigest(),
    }


def _loader(arm: str, path: str, name: str) -> Callable[[], Callable[[Any], Any]]:
    import tensorflow as tf

    def by_peer() -> Callable[[Any], Any]:
        loaded = tf.saved_model.load(path)
        function = loaded.signatures[name]
        function.kept = loaded
        return lambda inputs: function(**inputs)

    def by_keras() -> Callable[[Any], Any]:
        layer = tf.keras.layers.TFSMLayer(path, call_endpoint=name)
        return lambda inputs: layer(*inputs.values())

    def by_unihub() -> Callable[[Any], Any]:
        import unihub

        weights = {"weights": "mmap"} if arm == MAPPED else {}
        loaded: Callable[[Any], Any] = unihub.load(path, signature=name, as_dict=True, **weights)
        return loaded

    if arm in (FAST, MAPPED):
        # As the peer's modules are, imported before the clock starts.
        import unihub.fast.build
        import unihub.routes.load  # noqa: F401

    return {PEER: by_peer, KERAS: by_keras}.get(arm, by_unihub)


def _inputs(signature: Any) -> Dict[str, Any]:
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


def _memory() -> Any:
    """Resident memory of this process, and what of it is shared with no file, in MiB."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))


def _warm_page_cache(path: Path) -> None:
    for file in path.rglob("*"):
        if file.is_file():
            file.read_bytes()


if __name__ == "__main__":
    main()
