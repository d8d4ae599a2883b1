"""`python -m benchmarks [NAME ...] [--quick] [--json FILE]`: see README.md."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import List, Optional, Sequence

from benchmarks.catalogue import BENCHMARKS, Benchmark
from benchmarks.measuring import measured
from benchmarks.stack import this_stack
from benchmarks.table import Result, markdown


def main(arguments: Optional[Sequence[str]] = None) -> None:
    options = _options(arguments)
    chosen = []
    for benchmark in BENCHMARKS:
        if options.names and benchmark.name not in options.names:
            continue
        reason = benchmark.left_out(asked_for=bool(options.names))
        if reason:
            print(f"{benchmark.name} is left out: {reason}", flush=True)
        else:
            chosen.append(benchmark)
    for benchmark in chosen:
        start = time.perf_counter()
        result = run(benchmark, options.quick)
        print(f"\n## {benchmark.title}\n\n{result.stack}\n\n{markdown(benchmark.name, result)}")
        print(f"\n({benchmark.name}: {time.perf_counter() - start:.0f} s)", flush=True)
        if options.json:
            _add_to(options.json, benchmark.name, result)


def run(benchmark: Benchmark, quick: bool) -> Result:
    """Measures all cases of a benchmark."""
    cases = importlib.import_module(f"benchmarks.{benchmark.module}").cases
    rows = []
    for case in cases(quick):
        print(f"{benchmark.name}: {case.name}", file=sys.stderr, flush=True)
        rows += measured(case, quick)
    return Result(this_stack(), rows)


def _options(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures unihub beside its peers, in the stack that this Python has.",
    )
    names: List[str] = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="one round of what is small")
    parser.add_argument("--json", metavar="FILE", help="for the figures; others in it stay")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return options


def _add_to(file: str, name: str, result: Result) -> None:
    path = Path(file)
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    results[name] = asdict(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
