"""``unihub completion``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterable, List, Optional

import click
from click.shell_completion import CompletionItem, get_completion_class

# By shell: where it looks by itself, and for zsh the lines that have it look there.
_PLACES = {
    "bash": "~/.local/share/bash-completion/completions/unihub",
    "zsh": "~/.zfunc/_unihub",
    "fish": "~/.config/fish/completions/unihub.fish",
}
# The options that take a path; so do all arguments that no word is known for.
_OF_PATHS = ("folder", "out", "path")
_ZSHRC = "fpath=(~/.zfunc $fpath); autoload -Uz compinit && compinit  # unihub completion\n"


class _Words(click.types.StringParamType):
    """Text, of which some words are known."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = words

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> List[CompletionItem]:
        return [CompletionItem(word) for word in self.words if word.startswith(incomplete)]


def completed(name: str, command: click.Command, names: Iterable[str]) -> click.Command:
    """Gives a command's parameters what a shell completes in their place: words, or paths.

    Args:
        name, command: that is being typed.
        names: of all commands.
    """
    for parameter in command.params:
        words = _words(name, str(parameter.name), names)
        if words is not None:
            parameter.type = _Words(words)
        elif parameter.name in _OF_PATHS or (
            isinstance(parameter, click.Argument) and parameter.type is click.STRING
        ):
            parameter.type = click.Path()
    below: Any = getattr(command, "commands", {})
    for one, other in below.items():
        completed(f"{name} {one}", other, names)
    return command


def _words(command: str, parameter: str, names: Iterable[str]) -> Optional[Iterable[str]]:
    # Each from where it is decided, which is imported for its own command alone.
    if (command, parameter) == ("help", "subject"):
        from unihub.errors.catalog import known

        return [*names, *known()]
    if (command, parameter) == ("settings", "name"):
        from unihub.settings.options import OPTIONS

        return [option.name for option in OPTIONS]
    if (command, parameter) == ("matrix", "column"):
        from unihub.matrix.values import Runtime

        return [*(runtime.value for runtime in Runtime), "here"]
    if command == "check" and parameter in ("runtime", "select", "ignore"):
        from unihub.checking.rules import RULES
        from unihub.checking.targets import TARGETS

        return [*TARGETS, "here"] if parameter == "runtime" else RULES
    return None


@click.command()
@click.argument("shell", required=False, type=click.Choice(sorted(_PLACES)))
@click.option("--install", is_flag=True, help="Write it where the shell looks.")
@click.pass_context
def completion(context: click.Context, shell: Optional[str], install: bool) -> None:
    """Prints the completion of commands and options for a shell, or installs it.

    SHELL is bash, zsh or fish; by default the one that $SHELL names. bash reads it with the
    package bash-completion, which most systems have. It works from the next shell on.

    \b
    Examples:
      unihub completion --install
      unihub completion fish > ~/.config/fish/completions/unihub.fish
    """
    name = shell or os.path.basename(os.environ.get("SHELL", ""))
    kind = get_completion_class(name) if name in _PLACES else None
    if kind is None:
        raise click.UsageError("name the shell: unihub completion bash, zsh or fish")
    assert context.parent is not None
    source = kind(context.parent.command, {}, "unihub", "_UNIHUB_COMPLETE").source()
    if not install:
        click.echo(source)
        return
    place = Path(_PLACES[name]).expanduser()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(source, encoding="utf-8")
    click.echo(f"written to {place}; it works in the next {name}")
    if name == "zsh":
        _point_zsh_at_it()


def _point_zsh_at_it() -> None:
    zshrc = Path("~/.zshrc").expanduser()
    text = zshrc.read_text(encoding="utf-8") if zshrc.exists() else ""
    if _ZSHRC not in text:
        with zshrc.open("a", encoding="utf-8") as file:
            file.write(_ZSHRC if not text or text.endswith("\n") else "\n" + _ZSHRC)
        click.echo(f"added to {zshrc}: {_ZSHRC.strip()}")
