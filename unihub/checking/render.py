"""A report as text, JSON or SARIF."""

from __future__ import annotations

import io
import json
import os
import pathlib
from typing import Any, Dict, List

from unihub.checking.findings import Finding, Report, rules_in_order
from unihub.checking.rules import Level

_COLORS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "cyan"}
_SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def as_text(report: Report, color: bool = False) -> str:
    """The report for people: where, what, why, and what to write instead.

    Args:
        report: what `check` found.
        color: whether to add the escape codes of a terminal's colors.
    """
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        soft_wrap=True,
    )
    for one in report.findings:
        head = Text(f"{one.place}: ")
        head.append(one.level.value, style=f"bold {_COLORS[one.level]}")
        head.append(f" [{one.rule}] {one.what}")
        console.print(head)
        if one.code.strip():
            console.print(Text(f"    {one.code.strip()}", style="dim"))
        console.print(Text(f"  why: {one.why}\n  do:  {one.do}\n"))
    console.print(Text(summary(report)))
    return out.getvalue()


def summary(report: Report) -> str:
    """One line: how much was found, in how many files, for which installation."""
    counts = ", ".join(_counted(report.count(level), level.value) for level in Level)
    ignored = f", {report.ignored} ignored" if report.ignored else ""
    return f"{counts}{ignored} in {_counted(len(report.files), 'file')}, for {report.target}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_json(report: Report) -> str:
    """The report for programs.

    Returns:
        An object with "target", "files", "ignored", "exit_code" and "findings";
        lines and columns are from 1, "cell" is null in a script.
    """
    target = report.target
    whole = {
        "target": {
            "name": target.name,
            "tensorflow": target.tensorflow,
            "tensorflow_hub": target.tensorflow_hub,
            "keras": target.keras.value,
            "graph_mode": target.graph_mode,
        },
        "files": list(report.files),
        "ignored": report.ignored,
        "exit_code": report.exit_code,
        "findings": [_finding_as_json(one) for one in report.findings],
    }
    return json.dumps(whole, indent=2)


def _finding_as_json(one: Finding) -> Dict[str, Any]:
    return {
        "rule": one.rule,
        "level": one.level.value,
        "path": one.place.path,
        "cell": one.place.cell,
        "line": one.place.line,
        "column": one.place.column,
        "end_line": one.place.end_line,
        "file_line": one.place.file_line,
        "what": one.what,
        "why": one.why,
        "do": one.do,
        "source": one.source,
        "code": one.code,
    }


def as_sarif(report: Report) -> str:
    """The report as SARIF 2.1.0, for code scanning services.

    Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
    """
    rules = rules_in_order()
    positions = {rule.id: n for n, rule in enumerate(rules)}
    from unihub import __version__

    driver = {
        "name": "unihub check",
        "semanticVersion": __version__,
        "informationUri": "https://www.tensorflow.org/hub/model_compatibility",
        "rules": [
            {
                "id": rule.id,
                "shortDescription": {"text": rule.message.what},
                "fullDescription": {"text": rule.message.why},
                "help": {"text": f"{rule.message.do}\nsource: {rule.source}"},
                "defaultConfiguration": {"level": rule.level.value},
                "properties": {"runtimes": list(rule.runtimes)},
            }
            for rule in rules
        ],
    }
    results = [_result(one, positions[one.rule]) for one in report.findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(one: Finding, rule_index: int) -> Dict[str, Any]:
    place = one.place
    region: Dict[str, Any] = {"startLine": place.file_line}
    if place.cell is None:
        region.update(startColumn=place.column, endLine=max(place.end_line, place.line))
    physical = {"artifactLocation": {"uri": _uri(place.path)}, "region": region}
    location: Dict[str, Any] = {"physicalLocation": physical}
    if place.cell is not None:
        where = f"code cell {place.cell}, line {place.line}"
        location["logicalLocations"] = [{"name": where, "kind": "module"}]
    return {
        "ruleId": one.rule,
        "ruleIndex": rule_index,
        "level": one.level.value,
        "message": {"text": f"{one.what}\nwhy: {one.why}\ndo: {one.do}"},
        "locations": [location],
    }


def _uri(path: str) -> str:
    if os.path.isabs(path):
        return pathlib.Path(path).as_uri()
    from urllib.parse import quote

    parts: List[str] = path.replace(os.sep, "/").split("/")
    return quote("/".join(part for part in parts if part != "."))
