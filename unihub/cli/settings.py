"""``unihub settings``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Optional

import click

from unihub.cli.printing import print_json, print_table
from unihub.errors import nearest
from unihub.settings import sources


@click.command("settings")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show_settings(name: Optional[str], as_json: bool) -> None:
    """Shows every setting: its value, and where it comes from.

    With NAME only the value of that one, for scripts. A setting is read from the first of its
    environment variables that is there; passwords in them are not shown.

    \b
    Examples:
      unihub settings
      unihub settings cache
      unihub settings --json
    """
    found = sources.sources()
    if name is not None:
        chosen = [one for one in found if one.name == name]
        if not chosen:
            close = nearest(name, [one.name for one in found])
            raise click.UsageError(f"no setting {name!r}. Did you mean {close}?")
        if not as_json:
            click.echo(chosen[0].value)
            return
        found = tuple(chosen)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        rows = [(one.name, one.value, one.source) for one in found]
        print_table(("setting", "value", "from"), rows, wraps=1)
