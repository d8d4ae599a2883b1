"""Tables on a terminal, and as plain text when piped."""

from __future__ import annotations

import json
from typing import Any, Iterable, Sequence

import click

_PIPED_WIDTH = 120


def print_json(value: Any) -> None:
    """Prints a value as JSON."""
    click.echo(json.dumps(value, indent=2))


def print_renderable(renderable: Any) -> None:
    """Prints what rich can show; in a width of its own when piped."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    console.print(renderable)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], wraps: int = 0) -> None:
    """Prints rows of text under their columns' names; one column wraps."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number != wraps)
    for row in rows:
        table.add_row(*map(escape, row))
    print_renderable(table)


def close_to(word: str, names: Iterable[str]) -> str:
    """The name that a word is surely a misspelling of; "" where none is."""
    # Imported only here, for most processes end without an error.
    import difflib

    return next(iter(difflib.get_close_matches(word, [*names], n=1)), "")
