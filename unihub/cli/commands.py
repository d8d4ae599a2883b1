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
from unihub.cli import quieted
from unihub.cli.printing import close_to
from unihub.errors import UnihubError
from unihub.errors.system import explained_error


class _Command(NamedTuple):
    target: str
    purpose: str


# Imported when used, so that each starts as fast as what it needs.
_COMMANDS = {
    "matrix": _Command("unihub.cli.cells:show_matrix", "Prints the compatibility matrix."),
    "demo": _Command("unihub.cli.cells:demo", "Runs every line of the matrix that can run here."),
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
        "unihub.cli.health:doctor", "Says what is installed, what conflicts, what mends it."
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


# What other programs call them.
_ELSEWHERE = {
    **dict.fromkeys(("download", "pull", "get", "install"), "fetch"),
    **dict.fromkeys(("info", "show", "view"), "inspect"),
    **dict.fromkeys(("list", "ls"), "cache ls"),
    **dict.fromkeys(("rm", "remove", "delete"), "cache rm"),
    **dict.fromkeys(("env", "status"), "doctor"),
    "config": "settings",
    "version": "--version",
}
# Of the flags before a command, those that are taken after it as well.
_FLAGS = {"-v": "verbose", "-vv": "verbose", "--verbose": "verbose"}
_FLAGS.update({"-q": "quiet", "--quiet": "quiet", "--debug": "debug"})


def _without_flags(context: click.Context, command: click.Command, rest: List[str]) -> List[str]:
    """The arguments of a command without the flags of them all, which go where they are read."""
    own = {option for parameter in command.params for option in parameter.opts}
    end = rest.index("--") if "--" in rest else len(rest)
    taken = [word for word in rest[:end] if word in _FLAGS and word not in own]
    for word in taken:
        context.params[_FLAGS[word]] += 2 if word == "-vv" else 1
    return [word for word in rest[:end] if word not in taken] + rest[end:]


class _Group(click.Group):
    """Knows its commands by name, and shows an error of ours as one block."""

    def list_commands(self, context: click.Context) -> List[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> Optional[click.Command]:
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name].target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        if "_UNIHUB_COMPLETE" in os.environ:
            from unihub.cli.completion import completed

            return completed(name, command, _COMMANDS)
        return command

    def resolve_command(self, context: click.Context, args: List[str]) -> Any:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            close = _ELSEWHERE.get(args[0]) or close_to(args[0], _COMMANDS)
            offered = f"Did you mean {close}?" if close else f"There are {', '.join(_COMMANDS)}."
            context.fail(f"no command {args[0]!r}. {offered}")
        name, command, rest = super().resolve_command(context, args)
        # All that follows a script's name is the script's.
        if command is not None and name != "run":
            rest = _without_flags(context, command, rest)
        return name, command, rest

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
@click.version_option(unihub.__version__, "-V", "--version")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("-v", "--verbose", count=True, help="Log what is done to stderr; -vv: all of it.")
@click.option("-q", "--quiet", is_flag=True, help="No warnings; errors are told.")
def main(debug: bool, verbose: int, quiet: bool) -> None:
    """Loads any TensorFlow Hub model in any TensorFlow from 1.15 on.
    Exit codes: 0 done, 1 an error, 2 wrong usage. `unihub COMMAND -h` has examples.

    \b
    Example: unihub matrix --runtime tf2
    """
    # What a script says, and has TensorFlow say, is its own matter.
    context = click.get_current_context()
    is_ours = context.invoked_subcommand != "run"
    if verbose or quiet:
        _set_level(verbose, quiet)
    elif is_ours and not logging.getLogger("unihub").hasHandlers():
        _log_to_stderr()
    if not verbose and is_ours:
        _quieten_tensorflow()
    if is_ours:
        _name_warnings(context)


def _name_warnings(context: click.Context) -> None:
    """Has a warning of ours begin with our name: where it points to is a line of click's."""
    before = warnings.formatwarning

    def formatted(
        message: Any, category: Any, filename: str, lineno: int, line: Optional[str] = None
    ) -> str:
        if os.path.dirname(filename) == os.path.dirname(click.__file__):
            return f"unihub WARNING: {message}\n"
        return before(message, category, filename, lineno, line)

    def restore() -> None:
        warnings.formatwarning = before

    warnings.formatwarning = formatted
    context.call_on_close(restore)


def _quieten_tensorflow() -> None:
    """Leaves out what TensorFlow says of processors and graphs; its errors are raised as well."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    quieted.quieten_the_import()
    logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(tf_)?keras\.|tensorflow\.")


def _set_level(verbose: int, quiet: bool) -> None:
    level = logging.ERROR if quiet else (logging.INFO if verbose == 1 else logging.DEBUG)
    _log_to_stderr().setLevel(level)
    if quiet:
        warnings.simplefilter("ignore")


def _log_to_stderr() -> logging.Logger:
    """Has each line of the log begin with our name."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("unihub %(levelname)s: %(message)s"))
    logger = logging.getLogger("unihub")
    logger.handlers[:] = [handler]
    logger.propagate = False
    return logger
