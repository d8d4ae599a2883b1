"""``unihub matrix`` and ``unihub demo``."""

from __future__ import annotations

import sys
from typing import Any, Dict, List, Optional

import click

import unihub
from unihub import matrix
from unihub.cli.printing import print_json, print_renderable
from unihub.matrix import backends, tables
from unihub.matrix.values import Cell, Runtime

_HERE = "here"


def _column(
    context: click.Context, parameter: click.Parameter, value: Optional[str]
) -> Optional[Runtime]:
    if value is None:
        return None
    word = value.replace("-", "_").lower()
    if word == _HERE:
        return unihub.environment().runtime
    choices = [*(runtime.value for runtime in Runtime), _HERE]
    if word not in choices:
        raise click.BadParameter(f"{value!r} is none of {', '.join(choices)}.")
    return Runtime(word)


@click.command("matrix")
@click.option(
    "--runtime",
    "column",
    callback=_column,
    help="tf1, tf1_compat, tf2, or 'here'; all of them by default.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show_matrix(column: Optional[Runtime], as_json: bool) -> None:
    """Prints the compatibility matrix.

    \b
    Examples:
      unihub matrix
      unihub matrix --runtime here
    """
    cells = tuple(matrix.cells())
    if column is not None:
        cells = tuple(cell for cell in cells if cell.runtime is column)
    if as_json:
        print_json([_as_json(cell) for cell in cells])
    else:
        print_renderable(tables.rich_table(cells))
        click.echo(f"\n{backends.text()}", nl=False)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def demo(as_json: bool) -> None:
    """Runs every line of the matrix that can run here, on models that unihub carries.

    Exits with 1 when one of them misbehaves.

    \b
    Examples:
      unihub demo
      unihub demo --json > demo.json
    """
    from unihub.demo.run import keras_backend, run_cells

    environment, backend = unihub.environment(), keras_backend()
    if not as_json:
        hub = environment.hub.version if environment.hub else "none"
        keras = environment.keras.value + (f" on {backend}" if backend else "")
        click.echo(
            f"Python {environment.python}, TensorFlow {environment.tensorflow}, "
            f"tf.keras is {keras}, tensorflow_hub {hub}"
        )
    outcomes = list(run_cells())
    if as_json:
        rows = [{**_as_json(o.cell), "api": o.api, "ok": o.ok, "gave": o.text} for o in outcomes]
        print_json(rows)
    else:
        texts: Dict[Cell, List[str]] = {}
        for outcome in outcomes:
            mark = "ok" if outcome.ok else "FAILED"
            label = "" if outcome.api == "refused" else f"{outcome.api}: "
            texts.setdefault(outcome.cell, []).append(f"{mark}  {label}{outcome.text}")
        print_renderable(tables.rich_table(tuple(texts), lambda cell: "\n".join(texts[cell])))
        failed = sum(not outcome.ok for outcome in outcomes)
        click.echo(f"{len(outcomes) - failed} of {len(outcomes)} as the matrix says")
    if not all(outcome.ok for outcome in outcomes):
        sys.exit(1)


def _as_json(cell: Cell) -> Dict[str, Any]:
    return {
        "format": cell.format.value,
        "runtime": cell.runtime.value,
        "operation": cell.operation.value,
        "status": cell.status.value,
        "routes": [
            {"api": route.api, "code": code}
            for route, code in zip(cell.routes, tables.code_lines(cell))
        ],
        "refusal": cell.refusal.code if cell.refusal else None,
        "note": cell.note,
        "source": cell.source,
    }
