"""A diagnosis as text or JSON."""

from __future__ import annotations

import io
import json
from typing import Any, Dict, List, Tuple

from unihub.doctor.cells import CellHere
from unihub.doctor.diagnosis import Diagnosis
from unihub.doctor.installation import WATCHED
from unihub.doctor.problem import Severity
from unihub.errors import counted, size
from unihub.matrix.values import Cell
from unihub.runtime.installed import Keras

_KERASES = {Keras.KERAS2: "Keras 2", Keras.TF_KERAS: "tf_keras", Keras.KERAS3: "Keras 3"}
_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def as_text(diagnosis: Diagnosis, color: bool = False, width: int = 120) -> str:
    """The diagnosis for people.

    Args:
        diagnosis: what `diagnose` found.
        color: whether to add the escape codes of a terminal's colors.
        width: of the table, in characters.
    """
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        width=width,
    )

    def line(text: Any) -> None:
        console.print(text, soft_wrap=True)

    for name, value in _facts(diagnosis):
        line(Text(f"{name:22} {value}"))
    line("")
    for problem in diagnosis.problems:
        head = Text(problem.severity.value, style=f"bold {_COLORS[problem.severity]}")
        line(Text.assemble(head, f" [{problem.id}] {problem.what}"))
        line(Text(f"  why: {problem.why}\n  do:  {problem.do}\n"))
    if not diagnosis.problems:
        line("No problems.\n")
    if diagnosis.cells:
        console.print(_table(diagnosis))
    line(Text(_summary(diagnosis)))
    return out.getvalue()


def _facts(diagnosis: Diagnosis) -> List[Tuple[str, str]]:
    installation, around = diagnosis.installation, diagnosis.surroundings
    facts = [("Python", installation.python)]
    facts += [(name, installation.packages.get(name, "-")) for name in WATCHED]
    if installation.tf_keras is not None:
        facts.append(("tf.keras", _KERASES[installation.tf_keras]))
    facts += list(installation.variables)
    backend = dict(installation.variables).get("KERAS_BACKEND")
    if backend:
        facts.append(("Keras' backend", f"{backend} {installation.packages.get(backend, '-')}"))
    facts += list(around.network)
    if around.offline:
        facts.append(("offline", "yes"))
    cache = around.cache
    if cache is not None:
        models = counted(cache.models, "model")
        sizes = f"{size(cache.bytes)}, {size(cache.free_bytes)} free"
        facts.append(("cache", f"{cache.folder}: {models}, {sizes}"))
        models = counted(cache.tfhub_models, "model")
        facts.append(("tensorflow_hub's cache", f"{cache.tfhub_folder}: {models}"))
    return facts


def _table(diagnosis: Diagnosis) -> Any:
    from unihub.matrix import tables

    texts: Dict[Cell, List[str]] = {}
    for here in diagnosis.cells:
        texts.setdefault(here.cell, []).append(_in_words(here))
    for outcome in diagnosis.outcomes or ():
        mark = "ok" if outcome.ok else "FAILED"
        texts.setdefault(outcome.cell, []).append(f"{mark}  {outcome.api}: {outcome.text}")
    return tables.rich_table(tuple(texts), lambda cell: "\n".join(texts[cell]))


def _in_words(here: CellHere) -> str:
    if here.api == "refused":
        return f"refused ({here.provider})\ninstead: {here.code}"
    return f"{here.code}\n  by {here.provider}"


def _summary(diagnosis: Diagnosis) -> str:
    text = ", ".join(
        counted(sum(p.severity is severity for p in diagnosis.problems), severity.value)
        for severity in Severity
    )
    if diagnosis.outcomes is not None:
        good = sum(outcome.ok for outcome in diagnosis.outcomes)
        text += f"; {good} of {len(diagnosis.outcomes)} as the matrix says"
    return text


def as_json(diagnosis: Diagnosis) -> str:
    """The diagnosis for programs.

    Returns:
        An object with "python", "packages", "tf_keras", "variables", "network", "offline",
        "cache", "problems", "cells", "outcomes" and "exit_code".
    """
    installation, around = diagnosis.installation, diagnosis.surroundings
    cache = around.cache
    whole = {
        "python": installation.python,
        "packages": {name: installation.packages.get(name) for name in WATCHED},
        "tf_keras": installation.tf_keras,
        "variables": dict(installation.variables),
        "network": dict(around.network),
        "offline": around.offline,
        "cache": dict(vars(cache)) if cache is not None else None,
        "problems": [
            {**vars(problem), "severity": problem.severity.value} for problem in diagnosis.problems
        ],
        "cells": [
            {**_place(here.cell), "api": here.api, "code": here.code, "by": here.provider}
            for here in diagnosis.cells
        ],
        "outcomes": None
        if diagnosis.outcomes is None
        else [
            {**_place(one.cell), "api": one.api, "ok": one.ok, "gave": one.text}
            for one in diagnosis.outcomes
        ],
        "exit_code": diagnosis.exit_code,
    }
    return json.dumps(whole, indent=2)


def _place(cell: Cell) -> Dict[str, str]:
    return {
        "format": cell.format.value,
        "runtime": cell.runtime.value,
        "operation": cell.operation.value,
    }
