"""``unihub doctor``."""

from __future__ import annotations

import shutil
import sys

import click

from unihub.doctor import diagnose, render


@click.command()
@click.option("--run", is_flag=True, help="Run the matrix's cells too, as `unihub demo` does.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(run: bool, as_json: bool) -> None:
    """Says what is installed, what of it quarrels, and what mends it.

    Looks at packages, settings, the cache, proxies, and at what each cell of
    the matrix will do here. TensorFlow is not imported without --run.

    Exits with 1 when something is broken.

    \b
    Examples:
      unihub doctor
      unihub doctor --run
    """
    outcomes = None
    if run:
        # Imports TensorFlow.
        from unihub.demo.run import run_cells

        outcomes = run_cells()
    diagnosis = diagnose(outcomes)
    if as_json:
        click.echo(render.as_json(diagnosis))
    elif sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        click.echo(render.as_text(diagnosis, color=True, width=width), nl=False)
    else:
        click.echo(render.as_text(diagnosis), nl=False)
    sys.exit(diagnosis.exit_code)
