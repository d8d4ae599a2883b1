"""A report as text or JSON."""

from __future__ import annotations

import io
import json
from typing import Any, Dict

from unihub.checking.findings import Finding, Report
from unihub.checking.rules import Level
from unihub.errors import counted, printable
from unihub.errors.redaction import without_secrets

_COLORS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "cyan"}


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
        head = Text(printable(f"{one.place}: "))
        head.append(one.level.value, style=f"bold {_COLORS[one.level]}")
        head.append(printable(f" [{one.rule}] {one.what}"))
        console.print(head)
        if one.code.strip():
            code = without_secrets(one.code.strip())
            console.print(Text("    " + printable(code, keep="\n\t"), style="dim"))
        why, do = (printable(text, keep="\n") for text in (one.why, one.do))
        console.print(Text(f"  why: {why}\n  do:  {do}\n"))
    console.print(Text(summary(report)))
    return out.getvalue()


def summary(report: Report) -> str:
    """One line: how much was found, in how many files, for which installation."""
    counts = ", ".join(counted(report.count(level), level.value) for level in Level)
    ignored = f", {report.ignored} ignored" if report.ignored else ""
    return f"{counts}{ignored} in {counted(len(report.files), 'file')}, for {report.target}"


def as_json(report: Report) -> str:
    """The report for programs.

    Returns:
        An object with "target", "files", "ignored", "exit_code" and "findings";
        lines and columns are from 1, "cell" is null in a script, and "end_column",
        after the last character, where it is not known.
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
        "end_column": one.place.end_column,
        "file_line": one.place.file_line,
        "what": one.what,
        "why": one.why,
        "do": one.do,
        "source": one.source,
        "code": without_secrets(one.code),
    }
