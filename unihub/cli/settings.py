"""``unihub settings``."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any, Iterator, Mapping, Optional, Tuple

import click

from unihub import settings
from unihub.cli.printing import close_to, print_json, print_table
from unihub.errors import nearest
from unihub.errors.redaction import redacted, scrubbed
from unihub.settings.options import OPTIONS, Option

_PREFIX = "UNIHUB_"


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
    found = sources()
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
        for line in misspelt():
            click.echo(line, err=True)


@dataclass(frozen=True)
class Sourced:
    """A setting as text, without passwords.

    Attributes:
        source: the environment variable, "unihub.configure", or "default".
    """

    name: str
    value: str
    source: str
    purpose: str


def sources() -> Tuple[Sourced, ...]:
    """Every setting of this process, in the order of the documentation.

    Raises:
        SettingNotUnderstood: for a variable with a value that its setting does not take.
    """
    return tuple(map(_sourced, OPTIONS))


def misspelt() -> Iterator[str]:
    """Tells which variables of the environment look like one of unihub's, and are none."""
    known = [f"{_PREFIX}{option.name.upper()}" for option in OPTIONS]
    for name in sorted(os.environ):
        if name.startswith(_PREFIX) and name not in known:
            # The prefix makes all of them alike.
            close = close_to(name[len(_PREFIX) :], [one[len(_PREFIX) :] for one in known])
            if close:
                yield f"{name} sets nothing. Did you mean {_PREFIX}{close}?"


def _sourced(option: Option) -> Sourced:
    if settings.is_configured(option.name):
        value, source = settings.value(option.name), "unihub.configure"
    else:
        value, source = settings.found(option)
    text = option.default if value is None and not source else _text(value)
    return Sourced(option.name, text, source or "default", option.purpose)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{kind}={redacted(str(proxy))}" for kind, proxy in value.items())
    return scrubbed(str(value))
