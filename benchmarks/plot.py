"""A bar chart as SVG, of how many times faster than its peer each thing is."""

from __future__ import annotations

from typing import List, Sequence
from xml.sax.saxutils import escape

from benchmarks.measuring import Row

_ROW, _LEFT, _WIDTH = 22, 340, 420
# Read on white and on black.
_STYLE = "text{fill:#1d2b2a}@media(prefers-color-scheme:dark){text{fill:#e4ecea}}"
_COLOURS = {"unihub.load": "#2a7f62", "unihub.load, mapped": "#7fc8a9", "TFSMLayer": "#b0b0b0"}


def bars(rows: Sequence[Row], what: str) -> str:
    """Draws how many times faster than its peer each row is.

    Args:
        rows: of a benchmark; those without ratios are the peers.
        what: the measure that is compared.
    """
    drawn = [
        (f"{row.case}: {row.arm}", row.arm, row.ratios[what]) for row in rows if what in row.ratios
    ]
    peer = next(row.arm for row in rows if not row.ratios)
    longest = max(ratio for _, _, ratio in drawn)
    lines: List[str] = []
    for place, (label, arm, ratio) in enumerate(drawn):
        top = (place + 1) * _ROW
        length = max(ratio / longest * _WIDTH, 1)
        size = f'width="{length:.0f}" height="{_ROW - 7}"'
        colour = _COLOURS.get(arm, "#808080")
        lines += [
            f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{_LEFT}" y="{top + 3}" {size} fill="{colour}"/>',
            f'<text x="{_LEFT + length + 6:.0f}" y="{top + 14}">{ratio:.1f}×</text>',
        ]
    height = (len(drawn) + 1) * _ROW + 6
    title = escape(f"{what}: times faster than {peer}")
    size = f'width="{_LEFT + _WIDTH + 80}" height="{height}"'
    font = 'font-family="sans-serif" font-size="12"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
            f"<style>{_STYLE}</style>",
            f'<text x="{_LEFT}" y="15" font-weight="bold">{title}</text>',
            *lines,
            "</svg>\n",
        ]
    )
