"""``unihub doctor``."""

from __future__ import annotations

import shlex
import shutil
import sys
from typing import Optional

import click

from unihub.doctor import diagnose, render
from unihub.errors.redaction import redacted
from unihub.inspection import inspector, plain
from unihub.inspection.model_info import ModelInfo
from unihub.matrix.values import Status


@click.command()
@click.argument("handle", required=False)
@click.option("--run", is_flag=True, help="Run each line of the matrix too, as `unihub demo` does.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(handle: Optional[str], run: bool, as_json: bool) -> None:
    """Says what is installed, what of it is in conflict, and what mends it.

    Looks at packages, settings, the cache, proxies, and at what each line of
    the matrix will do here; with HANDLE also at what can be done with that model.
    TensorFlow is not imported without --run.

    Exits with 1 when something is broken, or the model cannot be used here.

    \b
    Examples:
      unihub doctor
      unihub doctor --run
      unihub doctor path/to/model
    """
    if as_json and handle is not None:
        shown = shlex.quote(redacted(handle))
        raise click.UsageError(f"as JSON it says nothing of a model: unihub inspect {shown} --json")
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
    works = handle is None or _says_of_model(handle)
    sys.exit(diagnosis.exit_code or int(not works))


def _says_of_model(handle: str) -> bool:
    """Prints what can be done with a model; returns whether it can be used here."""
    info = inspector.inspect(handle)
    if not isinstance(info, ModelInfo):
        click.echo(plain.remote_text(info))
        return True
    click.echo(plain.uses_text(info))
    here = [use.status for use in info.uses if use.runtime is info.runtime]
    return any(status is not Status.REFUSED for status in here)
