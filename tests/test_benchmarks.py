"""What the benchmarks make of their measurements; nothing is measured here."""

from __future__ import annotations

import importlib.util
from itertools import cycle

import pytest
from conftest import ROOT


@pytest.fixture(autouse=True)
def benchmarks_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def reports(*several, outputs="same"):
    figures = cycle([{"load": load, "outputs": outputs} for load in several])
    return lambda: next(figures)


def test_ratios_are_taken_within_rounds():
    from benchmarks.measuring import Case, Row, measured

    arms = {"peer": reports(4.0, 8.0, 60.0), "fast": reports(2.0, 1.0, 30.0), "cannot": dict}
    case = Case("model", arms, rounds=3, reports=True, once_before=[])
    assert measured(case) == [
        Row("model", "peer", {"load": 8.0}, {}, 3, True),
        Row("model", "fast", {"load": 2.0}, {"load": 2.0}, 3, True),
    ]


def test_other_outputs_are_told():
    from benchmarks.measuring import Case, measured

    arms = {"peer": reports(4.0), "wrong": reports(2.0, outputs="others")}
    rows = measured(Case("model", arms, rounds=1, reports=True))
    assert [row.outputs_equal for row in rows] == [False, False]


def test_arms_take_turns_after_a_first_run():
    from benchmarks.measuring import Case, measured

    runs = []
    arms = {name: lambda name=name: runs.append(name) for name in "ab"}
    rows = measured(Case("case", arms, rounds=2, calls=2))
    assert "".join(runs) == "ab" + "aabb" + "aabb"
    assert [list(row.figures) for row in rows] == [["time"], ["time"]]
    assert measured(Case("case", arms, rounds=2), quick=True)[0].rounds == 1


def test_a_table_shows_ratios_and_what_is_wanted():
    from benchmarks.measuring import Row
    from benchmarks.table import Result, markdown

    rows = [
        Row("transformer_110m", "hub.load", {"load": 2.5, "memory": 562.0}, {}, 2, True),
        Row(
            "transformer_110m",
            "unihub.load, mapped",
            {"load": 0.0625, "memory": 18.6},
            {"load": 40.0, "memory": 30.2},
            2,
            True,
        ),
    ]
    mapped = "62.5 ms, **40.0×** (wanted ≥ 40×) | 19 MiB, **30.2×** (wanted ≤ 60 MiB)"
    assert markdown("load", Result("here", rows)).splitlines()[2:] == [
        "| transformer_110m | hub.load | 2.50 s | 562 MiB | yes |",
        f"|  | unihub.load, mapped | {mapped} | yes |",
    ]


def test_the_page_holds_what_was_measured():
    from benchmarks.report import read_results, with_figures

    page = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert with_figures(page, read_results()) == page


def test_every_benchmark_is_there():
    from benchmarks.catalogue import BENCHMARKS, WANTED

    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)
    assert {wanted[0] for wanted in WANTED} <= set(names)
    for benchmark in BENCHMARKS:
        assert importlib.util.find_spec(f"benchmarks.{benchmark.module}")
