"""``unihub doctor``."""

from __future__ import annotations

import shutil
import sys

import click


@click.command()
@click.option("--run", is_flag=True, help="Run the matrix's cells too, as `unihub demo` does.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(run: bool, as_json: bool) -> None:
    """Says what is installed, what of it quarrels, and what mends it.

    Looks at packages, settings, the cache, proxies, and at what each cell of
    the matrix will do here. TensorFlow is not imported without --run.

    Exits with 1 when something is broken.
    """
    from unihub import doctor

    diagnosis = doctor.diagnose(run=run)
    if as_json:
        click.echo(doctor.as_json(diagnosis))
    elif sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        click.echo(doctor.as_text(diagnosis, color=True, width=width), nl=False)
    else:
        click.echo(doctor.as_text(diagnosis), nl=False)
    sys.exit(diagnosis.exit_code)
