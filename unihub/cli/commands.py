"""The commands, by name."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from typing import Any, List, NamedTuple, Optional

import click

import unihub
from unihub.errors import UnihubError, nearest
from unihub.errors.system import explained_error


class _Command(NamedTuple):
    target: str
    purpose: str


# Imported when used, so that each starts as fast as what it needs.
_COMMANDS = {
    "matrix": _Command("unihub.cli.cells:show_matrix", "Prints the compatibility matrix."),
    "demo": _Command("unihub.cli.cells:demo", "Runs every cell of the matrix that can run here."),
    "run": _Command("unihub.cli.scripts:run", "Runs a script for tensorflow_hub as it is."),
    "fetch": _Command("unihub.cli.fetch:fetch", "Downloads models into the cache."),
    "cache": _Command("unihub.cli.store:cache", "Shows, verifies and clears the cache."),
    "convert": _Command(
        "unihub.cli.convert:convert", "Makes a TF1 Hub module a fine-tunable TF2 SavedModel."
    ),
    "validate": _Command(
        "unihub.cli.convert:validate", "Says whether a model can be fine-tuned in TF2."
    ),
    "inspect": _Command("unihub.cli.inspection:inspect", "Says what a model is and can do."),
    "check": _Command(
        "unihub.cli.checking:check", "Says what a script's uses of tensorflow_hub do."
    ),
    "doctor": _Command(
        "unihub.cli.health:doctor", "Says what is installed, what quarrels, what mends it."
    ),
    "predict": _Command("unihub.cli.predict:predict", "Runs a model over the rows of files."),
    "lock": _Command("unihub.cli.lock:lock", "Records the hashes of a project's models."),
    "settings": _Command(
        "unihub.cli.settings:show_settings", "Shows every setting, and where it comes from."
    ),
    "completion": _Command(
        "unihub.cli.completion:completion", "Installs the completion of a shell."
    ),
    "help": _Command("unihub.cli.help:show_help", "Explains an error by its code, or a command."),
}


class _Group(click.Group):
    """Knows its commands by name, and shows an error of ours as one block."""

    def list_commands(self, context: click.Context) -> List[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> Optional[click.Command]:
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name].target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(self, context: click.Context, args: List[str]) -> Any:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            close = nearest(args[0], list(_COMMANDS))
            context.fail(f"no command {args[0]!r}. Did you mean {close}?")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.purpose) for name, command in _COMMANDS.items()])

    def invoke(self, context: click.Context) -> object:
        # Click takes them away, and an error may offer them otherwise.
        arguments = list(context.args)
        try:
            return super().invoke(context)
        except (UnihubError, OSError, UnicodeError) as raised:
            name = context.invoked_subcommand or ""
            error = explained_error(raised, f"unihub {name}") or raised
            if context.params.get("debug") or not isinstance(error, UnihubError):
                raise
            # Imported only here, for most commands end without an error.
            from unihub.cli import remedies

            wanted = {name: self.get_command(context, name)}
            for other in remedies.offered(error):
                wanted[other] = self.get_command(context, other)
            commands = {one: command for one, command in wanted.items() if command is not None}
            click.echo(remedies.shown(error, commands, name, arguments), err=True)
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(unihub.__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("-v", "--verbose", count=True, help="Log what is done to stderr; -vv: all of it.")
@click.option("-q", "--quiet", is_flag=True, help="No warnings; errors are told.")
def main(debug: bool, verbose: int, quiet: bool) -> None:
    """Loads any TensorFlow Hub model in any TensorFlow from 1.15 on.
    Exit codes: 0 done, 1 an error, 2 wrong usage. `unihub COMMAND -h` has examples.

    \b
    Example: unihub matrix --runtime tf2
    """
    if verbose or quiet:
        _set_level(verbose, quiet)
    # What a script has TensorFlow say is its own matter.
    if not verbose and click.get_current_context().invoked_subcommand != "run":
        _quieten_tensorflow()


def _quieten_tensorflow() -> None:
    """Leaves out what TensorFlow says of processors and graphs; its errors are raised as well."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)


def _set_level(verbose: int, quiet: bool) -> None:
    level = logging.ERROR if quiet else (logging.INFO if verbose == 1 else logging.DEBUG)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("unihub %(levelname)s: %(message)s"))
    logger = logging.getLogger("unihub")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
    if quiet:
        warnings.simplefilter("ignore")
