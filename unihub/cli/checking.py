"""``unihub check``."""

from __future__ import annotations

import re
import sys
from typing import Optional, Tuple

import click

from unihub import checking
from unihub.checking.run import NothingToCheck, UnknownRule
from unihub.checking.scripts import STDIN
from unihub.checking.targets import UnknownTarget
from unihub.cli.help import with_open_facts
from unihub.errors import printable
from unihub.errors.redaction import without_secrets

_FORMATS = {"json": checking.as_json, "sarif": checking.as_sarif}
_WRONG_USAGE = (NothingToCheck, UnknownRule, UnknownTarget)


def _show_rules(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        for rule in checking.RULES.values():
            runtimes = ", ".join(rule.runtimes)
            what = with_open_facts(rule.message.what)
            click.echo(f"{rule.id} ({rule.level.value}; {runtimes}): {what}")
        context.exit()


@click.command()
@click.argument("path", nargs=-1, required=True)
@click.option(
    "--rules",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_rules,
    help="Show what is looked for, and on which runtimes, and exit.",
)
@click.option("--runtime", help="tf1, tf1_compat, tf2, keras3, or 'here', the default.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", *_FORMATS]),
    default="text",
    help="Of the report.",
)
@click.option("--json", "as_json", is_flag=True, help="As --format json.")
@click.option("--select", multiple=True, metavar="RULE", help="Only this rule; may be repeated.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Not this rule; may be repeated.")
@click.option("--fix", is_flag=True, help="Rewrite what is mechanical, and show the diff.")
@click.option("--diff", is_flag=True, help="Show what --fix would do, and change nothing.")
def check(
    path: Tuple[str, ...],
    runtime: Optional[str],
    form: str,
    as_json: bool,
    select: Tuple[str, ...],
    ignore: Tuple[str, ...],
    fix: bool,
    diff: bool,
) -> None:
    """Says what a script's uses of tensorflow_hub do on a runtime.

    PATH is a script, a notebook, a folder of them, or - for a script on
    standard input; nothing of it is run. A line is left out by the comment
    "# unihub: ignore[RULE]".

    \b
    Examples:
      unihub check --runtime keras3 train.py
      unihub check --fix src/

    Exit codes: 0 nothing of level error, 1 an error was found, 2 wrong usage.
    """
    if STDIN in path and (fix or diff):
        raise click.UsageError("--fix and --diff are for files, not for standard input.")
    try:
        if fix or diff:
            _rewrite(path, runtime, write=not diff)
        if diff:
            return
        report = checking.check(path, runtime=runtime, select=select, ignore=ignore)
    except _WRONG_USAGE as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    render = _FORMATS.get("json" if as_json else form)
    if render is not None:
        click.echo(render(report))
    else:
        click.echo(checking.as_text(report, color=sys.stdout.isatty()), nl=False)
    sys.exit(report.exit_code)


# Line ends of Windows and form feeds are in many files.
_IN_NO_PIPE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_NOT_PIPED = "its diff has control characters, and is not printed into a pipe; --fix writes it"


def _rewrite(paths: Tuple[str, ...], runtime: Optional[str], write: bool) -> None:
    # On standard error, for the report on standard output may be JSON.
    stream = sys.stderr if write else sys.stdout
    for change in checking.fix(paths, runtime=runtime, write=write):
        diff, obstacles = change.diff, change.obstacles
        if write or stream.isatty():
            diff = printable(without_secrets(diff), keep="\n\t")
        elif _IN_NO_PIPE.search(diff):
            # A terminal behind the pipe would obey them, and patch needs every byte.
            diff, obstacles = "", (*obstacles, _NOT_PIPED)
        click.echo(diff, nl=False, err=write)
        for obstacle in obstacles:
            text = printable(f"{change.path} is left as it is: {obstacle}")
            click.echo(text, err=True)
