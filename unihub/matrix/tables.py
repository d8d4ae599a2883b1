"""The matrix as a table: for a terminal, a README, a notebook."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Sequence, Tuple

from unihub.matrix import backends
from unihub.matrix.rows import cells as all_cells
from unihub.matrix.values import Cell, Format, Operation, Runtime, Status

if TYPE_CHECKING:
    from rich.table import Table

_HANDLE = "handle"
_WIDTH = 120
_CLASS = ".unihub-matrix" * 3
# Thrice, to count for more than Jupyter's rules; in colours of the page's own.
_STYLE = f"""
{_CLASS}{{table-layout:auto;width:100%;border-collapse:collapse;color:inherit}}
{_CLASS} td,{_CLASS} th{{text-align:left;vertical-align:top;padding:.4em .6em;white-space:normal;
background:none;color:inherit;max-width:none;border:1px solid;
border-color:color-mix(in srgb,currentColor 30%,transparent)}}
{_CLASS} tr{{background:none}}
{_CLASS} code{{background:none;color:inherit;padding:0;white-space:normal;overflow-wrap:anywhere}}
"""

Column = Tuple[Runtime, ...]
Describe = Callable[[Cell], str]


@dataclass(frozen=True)
class Matrix:
    """The whole matrix, for people: prints as a table, shows as one in a notebook."""

    cells: Tuple[Cell, ...] = tuple(all_cells())

    def __repr__(self) -> str:
        return f"<Matrix of {len(self.cells)} cells; print() shows it>"

    def __str__(self) -> str:
        return f"{plain(self.cells)}\n{backends.text()}"

    def _repr_html_(self) -> str:
        return html(self.cells)

    def markdown(self) -> str:
        """The table in Markdown, as in the README."""
        return markdown(self.cells)


def plain(cells: Sequence[Cell], width: int = _WIDTH) -> str:
    """The table as text, ``width`` characters wide."""
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=width, color_system=None, highlight=False).print(rich_table(cells))
    return text.getvalue()


def rich_table(cells: Sequence[Cell], describe: Optional[Describe] = None) -> Table:
    """The table for a rich console, each cell's text by ``describe``."""
    from rich.markup import escape as escape_markup
    from rich.table import Table

    columns = merged_columns(cells)
    table = Table(show_lines=True)
    table.add_column("format")
    table.add_column("operation")
    for column in columns:
        table.add_column(column_title(column), ratio=1, overflow="fold")
    for format, operation, row in _rows(cells, columns):
        texts = [escape_markup((describe or _as_text)(cell)) for cell in row]
        table.add_row(format.label, operation.label, *texts)
    return table


def markdown(cells: Sequence[Cell]) -> str:
    """The table in Markdown."""
    columns = merged_columns(cells)
    head = ["format", "operation", *map(column_title, columns)]
    lines = [_markdown_row(head), _markdown_row(["---"] * len(head))]
    for format, operation, row in _rows(cells, columns):
        lines.append(_markdown_row([format.label, operation.label, *map(_as_markdown, row)]))
    return "\n".join(lines) + "\n"


def html(cells: Sequence[Cell]) -> str:
    """The table in HTML; it takes its colours from the page, light or dark."""
    columns = merged_columns(cells)
    head = "".join(
        f"<th>{escape(title)}</th>"
        for title in ["format", "operation", *map(column_title, columns)]
    )
    body = "".join(
        f"<tr><th>{escape(format.label)}</th><th>{escape(operation.label)}</th>"
        + "".join(f"<td>{_as_html(cell)}</td>" for cell in row)
        + "</tr>"
        for format, operation, row in _rows(cells, columns)
    )
    return (
        f'<style>{_STYLE}</style><table class="unihub-matrix"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def merged_columns(cells: Sequence[Cell]) -> List[Column]:
    """Neighbouring runtimes that the same rows decide share a column."""
    rows_of: Dict[Runtime, List[Cell]] = {}
    for cell in cells:
        rows_of.setdefault(cell.runtime, []).append(replace(cell, runtime=Runtime.TF2))
    columns: List[Column] = []
    for runtime in Runtime:
        if runtime not in rows_of:
            continue
        if columns and rows_of[columns[-1][-1]] == rows_of[runtime]:
            columns[-1] += (runtime,)
        else:
            columns.append((runtime,))
    return columns


def column_title(column: Column) -> str:
    return " and ".join(runtime.label for runtime in column)


def _rows(
    cells: Sequence[Cell], columns: Sequence[Column]
) -> List[Tuple[Format, Operation, List[Cell]]]:
    by_place = {(cell.format, cell.operation, cell.runtime): cell for cell in cells}
    return [
        (format, operation, [by_place[format, operation, column[0]] for column in columns])
        for format in Format
        for operation in Operation
        if (format, operation, columns[0][0]) in by_place
    ]


def code_lines(cell: Cell) -> List[str]:
    """The line of code for each API of a cell, with ``handle`` for the handle."""
    return [_with_name(route.code) for route in cell.routes]


def remedy(cell: Cell) -> str:
    """Says what to do instead of a refused cell, with ``handle`` for the handle."""
    return _with_name(cell.refusal.do) if cell.refusal is not None else ""


def _as_text(cell: Cell) -> str:
    if cell.refusal is not None:
        return f"refused: {_reason(cell)}\ninstead: {remedy(cell)}"
    lines = [
        f"{cell.status.value}, {route.api}: {code}"
        for route, code in zip(cell.routes, code_lines(cell))
    ]
    return "\n".join([*lines, cell.note] if cell.note else lines)


def _as_markdown(cell: Cell) -> str:
    if cell.refusal is not None:
        return f"**refused**: {_reason(cell)}. Instead: {remedy(cell)}"
    lines = [
        f"**{cell.status.value}**, {route.api}: `{code}`"
        for route, code in zip(cell.routes, code_lines(cell))
    ]
    return "<br>".join([*lines, cell.note] if cell.note else lines).replace("|", "\\|")


def _as_html(cell: Cell) -> str:
    if cell.refusal is not None:
        return (
            f"<b>{Status.REFUSED.value}</b>: {escape(_reason(cell))}"
            f"<br>instead: {escape(remedy(cell))}"
        )
    lines = [
        f"<b>{cell.status.value}</b>, {route.api}: <code>{escape(code)}</code>"
        for route, code in zip(cell.routes, code_lines(cell))
    ]
    return "<br>".join([*lines, escape(cell.note)] if cell.note else lines)


def _with_name(code: str) -> str:
    return code.replace("{handle!r}", _HANDLE).replace("{{", "{").replace("}}", "}")


def _reason(cell: Cell) -> str:
    """The refusal's reason, without the part that speaks of one model."""
    assert cell.refusal is not None
    return cell.refusal.why.partition(" (")[0].rstrip(".")


def _markdown_row(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"
