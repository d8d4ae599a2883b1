"""`python -m benchmarks.report`: writes README.md's figures from results/*.json."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Dict, Iterator

from benchmarks.catalogue import BENCHMARKS, Benchmark
from benchmarks.plot import bars
from benchmarks.table import Result, markdown, result_of

HERE = Path(__file__).parent
RESULTS = HERE / "results"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
# The one that is drawn, and the measure of it.
DRAWN, MEASURE = "load", "load"


def main() -> None:
    results = read_results()
    readme = HERE / "README.md"
    readme.write_text(with_figures(readme.read_text(encoding="utf-8"), results), encoding="utf-8")
    for by_name in results.values():
        if DRAWN in by_name:
            drawing = bars(by_name[DRAWN].rows, MEASURE)
            (RESULTS / f"{DRAWN}.svg").write_text(drawing, encoding="utf-8")


def read_results() -> Dict[str, Dict[str, Result]]:
    """What was measured, by stack and benchmark."""
    return {
        file.stem: {
            name: result_of(one)
            for name, one in json.loads(file.read_text(encoding="utf-8")).items()
        }
        for file in sorted(RESULTS.glob("*.json"))
    }


def with_figures(text: str, results: Dict[str, Dict[str, Result]]) -> str:
    """The page with these figures between its marks."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    sections = [section for benchmark in BENCHMARKS for section in _sections(benchmark, results)]
    return "\n\n".join([before + BEGIN, *sections, END + after])


def _sections(benchmark: Benchmark, results: Dict[str, Dict[str, Result]]) -> Iterator[str]:
    found = [by_name[benchmark.name] for by_name in results.values() if benchmark.name in by_name]
    if not found:
        return
    yield f"### {benchmark.title}\n\n{textwrap.fill(benchmark.about, 110)}"
    for result in found:
        yield f"{result.stack}:\n\n{markdown(benchmark.name, result)}"
    if benchmark.name == DRAWN:
        yield f"![{benchmark.title}: times faster than the peer](results/{DRAWN}.svg)"


if __name__ == "__main__":
    main()
