"""The command line: ``unihub`` and ``python -m unihub``."""

from __future__ import annotations

import json as json_format
import os
import sys
from typing import Any, Dict, List, Optional, Tuple

import click

import unihub
from unihub import dispatch, matrix, tables
from unihub.errors import UnihubError
from unihub.matrix import Runtime


class _Group(click.Group):
    """Shows an error of ours as one block, without a traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except UnihubError as error:
            if context.params.get("debug"):
                raise
            click.echo(str(error), err=True)
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(unihub.__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Loads any TensorFlow Hub model in any TensorFlow from 1.15 on.

    \b
    Examples:
      unihub demo                 run every cell of the matrix here
      unihub matrix --runtime tf2 what TF2 can do with each format
      unihub run --v1 train.py    run a script for tensorflow_hub as it is

    Exit codes: 0 done, 1 an error or a misbehaving cell, 2 wrong usage.
    """


@main.command("matrix")
@click.option("--runtime", help="tf1, tf1_compat, tf2, or 'here'; all of them by default.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show_matrix(runtime: Optional[str], as_json: bool) -> None:
    """Prints the compatibility matrix."""
    cells = tuple(matrix.cells())
    if runtime is not None:
        column = (
            unihub.environment().runtime
            if runtime == "here"
            else dispatch.chosen(Runtime, runtime, "runtime")
        )
        cells = tuple(cell for cell in cells if cell.runtime is column)
    if as_json:
        click.echo(json_format.dumps([_as_json(cell) for cell in cells], indent=2))
    else:
        _print_table(cells)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def demo(as_json: bool) -> None:
    """Runs every cell of the matrix that can run here, on models it carries.

    Exits with 1 when one of them misbehaves.
    """
    environment = unihub.environment()
    if not as_json:
        hub = environment.hub.version if environment.hub else "none"
        click.echo(
            f"Python {environment.python}, TensorFlow {environment.tensorflow}, "
            f"tf.keras is {environment.keras.value}, tensorflow_hub {hub}"
        )
    from unihub.demo import run_cells

    outcomes = list(run_cells())
    if as_json:
        rows = [{**_as_json(o.cell), "api": o.api, "ok": o.ok, "gave": o.text} for o in outcomes]
        click.echo(json_format.dumps(rows, indent=2))
    else:
        texts: Dict[matrix.Cell, List[str]] = {}
        for outcome in outcomes:
            mark = "ok" if outcome.ok else "FAILED"
            label = "" if outcome.api == "refused" else f"{outcome.api}: "
            texts.setdefault(outcome.cell, []).append(f"{mark}  {label}{outcome.text}")
        _print_table(tuple(texts), lambda cell: "\n".join(texts[cell]))
        failed = sum(not outcome.ok for outcome in outcomes)
        click.echo(f"{len(outcomes) - failed} of {len(outcomes)} as the matrix says")
    if not all(outcome.ok for outcome in outcomes):
        sys.exit(1)


@main.command(context_settings={"allow_interspersed_args": False})
@click.option("--v1", is_flag=True, help="The script is for TF1: run it in TF1 compat mode.")
@click.option("-m", "module", is_flag=True, help="SCRIPT is the name of a module, not a file.")
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(v1: bool, module: bool, script: str, arguments: Tuple[str, ...]) -> None:
    """Runs a script in which `import tensorflow_hub` yields unihub.

    What follows SCRIPT is for the script. With --v1, v2 behaviour is disabled
    on TensorFlow 2, and in the script's own files `import tensorflow` means
    `import tensorflow.compat.v1`.
    """
    if not module and not os.path.exists(script):
        raise click.UsageError(f"there is no script {script!r}")
    from unihub.running import run

    run(script, arguments, module=module, v1=v1)


def _as_json(cell: matrix.Cell) -> Dict[str, Any]:
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


def _print_table(
    cells: Tuple[matrix.Cell, ...], describe: Optional[tables.Describe] = None
) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    console.print(tables.rich_table(cells, describe))


if __name__ == "__main__":
    main(prog_name="unihub")
