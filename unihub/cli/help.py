"""``unihub help``."""

from __future__ import annotations

import re
from typing import Any, Tuple

import click

from unihub.cli.printing import close_to
from unihub.errors.catalog import Known, known


@click.command("help")
@click.argument("subject", required=False, metavar="[CODE|COMMAND]")
@click.argument("below", nargs=-1, metavar="")
@click.pass_context
def show_help(context: click.Context, subject: str, below: Tuple[str, ...]) -> None:
    """Explains an error by its code, or a command.

    The code is the first word of an error: what it means, why it happens, what mends it.
    The name of its class in Python does as well.

    \b
    Examples:
      unihub help ambiguous-signature
      unihub help convert
      unihub help cache ls
    """
    above: Any = context.parent
    group: Any = above.command
    if not subject:
        click.echo(above.get_help())
        return
    command = group.get_command(above, subject)
    if command is not None:
        inner = click.Context(command, info_name=subject, parent=above)
        for name in below:
            command = command.get_command(inner, name) if hasattr(command, "get_command") else None
            if command is None:
                raise click.UsageError(f"no command {name!r} in {inner.command_path}", inner)
            inner = click.Context(command, info_name=name, parent=inner)
        click.echo(command.get_help(inner))
        return
    errors = known()
    word = subject.strip().rstrip(":").rpartition(".")[2]
    by_class = {error.name: code for code, error in errors.items()}
    code = by_class.get(word, word.lower())
    if code not in errors:
        close = close_to(code, [*errors, *group.list_commands(above)])
        offered = f" Did you mean {close}?  unihub help {close}" if close else ""
        raise click.UsageError(f"{subject!r} is no error and no command.{offered}")
    click.echo(_explained(errors[code]))


def _explained(error: Known) -> str:
    parts = {"why": error.why, "do": error.do}
    lines = [f"{error.code}: {with_open_facts(error.what)}"]
    lines += [f"  {name + ':':4} {with_open_facts(text)}" for name, text in parts.items() if text]
    lines += ["", error.meaning]
    if error.name or error.builtins:
        caught = [error.name or "MatrixRefusal", "UnihubError", *error.builtins]
        lines += ["", f"In Python: {', '.join(caught)}"]
    return "\n".join(lines)


def with_open_facts(text: str) -> str:
    """Shows ``{handle!r}``, where a fact goes, as <handle>."""
    return re.sub(r"\{(\w+)[^{}]*\}", r"<\1>", text).replace("{{", "{").replace("}}", "}")
