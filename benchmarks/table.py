"""The figures of a benchmark as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Mapping

from benchmarks.catalogue import ANY, WANTED
from benchmarks.measuring import RATE, Row

MEMORY = ("memory", "memory of its own")
COUNTS = ("modules", "lines", "bytes", RATE)


@dataclass(frozen=True)
class Result:
    """What a benchmark gave.

    Attributes:
        stack: that it ran in, and the machine.
        rows: the figures.
    """

    stack: str
    rows: List[Row]


def result_of(values: Mapping[str, Any]) -> Result:
    """A result that was written as JSON."""
    return Result(values["stack"], [Row(**row) for row in values["rows"]])


def markdown(benchmark: str, result: Result) -> str:
    """A table with a line for each row and a column for each measure."""
    measures = list(dict.fromkeys(what for row in result.rows for what in row.figures))
    compared = any(row.outputs_equal is not None for row in result.rows)
    heads = ["", "by", *measures, *(["equal outputs"] if compared else [])]
    lines = [_line(heads), _line(["---"] * len(heads))]
    before = ""
    for row in result.rows:
        cells = [_cell(benchmark, row, what) for what in measures]
        if compared:
            cells.append("yes" if row.outputs_equal else "NO")
        lines.append(_line([row.case if row.case != before else "", row.arm, *cells]))
        before = row.case
    return "\n".join(lines)


def _line(cells: List[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(benchmark: str, row: Row, what: str) -> str:
    if what not in row.figures:
        return ""
    text = shown(row.figures[what], what)
    if what in row.ratios:
        text += f", **{_times(row.ratios[what])}**"
    wanted = [WANTED.get((benchmark, case, row.arm, what)) for case in (row.case, ANY)]
    return f"{text} (wanted {wanted[0] or wanted[1]})" if any(wanted) else text


def _times(ratio: float) -> str:
    return f"{ratio:.2f}×" if ratio < 2 else f"{ratio:.1f}×" if ratio < 100 else f"{ratio:.0f}×"


def shown(value: float, what: str) -> str:
    """A figure for people, in the unit of its measure."""
    if what in MEMORY:
        return f"{value:.0f} MiB"
    if what in COUNTS:
        return f"{value:,.0f}"
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"
