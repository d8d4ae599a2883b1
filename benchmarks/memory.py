"""What processes that serve the same model take together, shared memory counted once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

from benchmarks.frozen import digest_of
from benchmarks.loading import FAST, LOADERS, MAPPED, PEER, inputs_of
from benchmarks.measuring import Case, environment
from benchmarks.models import CACHE, path_of

NAME, PROCESSES, ROUNDS = "transformer_110m", 8, 2
NOTHING = "TensorFlow alone"
_PSS = re.compile(r"^Pss: +(\d+) kB", re.MULTILINE)


def cases(quick: bool) -> Iterator[Case]:
    processes = 2 if quick else PROCESSES
    path = str(path_of("tiny" if quick else NAME))
    arms = {arm: _arm(arm, path, processes) for arm in (PEER, FAST, MAPPED)}
    case = f"{Path(path).name}, {processes} processes"
    yield Case(case, arms, ROUNDS, reports=True, once_before=[MAPPED])


def _arm(arm: str, path: str, processes: int) -> Callable[[], Dict[str, Any]]:
    def measure() -> Dict[str, Any]:
        alone, found = (_together(one, path, processes) for one in (NOTHING, arm))
        (outputs,) = {each["outputs"] for each in found}
        return {"memory": _sum(found) - _sum(alone), "outputs": outputs}

    return measure


def _sum(found: List[Dict[str, Any]]) -> float:
    return float(sum(each["pss"] for each in found))


def _together(arm: str, path: str, processes: int) -> List[Dict[str, Any]]:
    """What processes say that are there at the same time, after one call each."""
    command = [sys.executable, "-m", "benchmarks.memory", arm, path]
    environ = environment(UNIHUB_CACHE=CACHE)
    started = [
        subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(processes)
    ]
    # All have called, then all measure, then all end.
    _lines(started)
    found = [dict(json.loads(line)) for line in _lines(started)]
    for process in started:
        process.communicate("\n")
    return found


def _lines(started: List[Any]) -> List[str]:
    lines = [process.stdout.readline() for process in started]
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    return lines


def pss(process: str = "self") -> float:
    """What a process takes, in MiB: of what it shares with others its share."""
    (found,) = _PSS.findall(Path(f"/proc/{process}/smaps_rollup").read_text())
    return int(found) / 1024


def _serve(arm: str, path: str) -> None:
    """Calls a model once, then says what this process takes, each when it is told to."""
    import tensorflow as tf

    from unihub.formats import read_saved_model

    tf.constant(0) + 1
    outputs = ""
    if arm != NOTHING:
        name = "serving_default"
        signature = read_saved_model(path).meta_graphs[0].signatures[name]
        loaded = LOADERS[arm](path, name)()
        outputs = digest_of(*tf.nest.flatten(loaded(inputs_of(signature))))
    print("called", flush=True)
    sys.stdin.readline()
    print(json.dumps({"pss": pss(), "outputs": outputs}), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
