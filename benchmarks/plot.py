"""A bar chart as SVG, of how many times faster than its peer each thing is."""

from __future__ import annotations

from typing import Any, Dict, List
from xml.sax.saxutils import escape

_ROW, _LEFT, _WIDTH = 22, 260, 420
_COLOURS = {"unihub.load": "#2a7f62", "unihub.load, mapped": "#7fc8a9", "TFSMLayer": "#b0b0b0"}


def bars(results: Dict[str, Dict[str, Dict[str, Any]]], peer: str, what: str) -> str:
    """Draws the ratio to the peer of each model and way to load it.

    Args:
        results: medians, by model and by the way it was loaded.
        peer: the way that all are compared with.
        what: the figure that is compared, such as "load".
    """
    rows = [
        (f"{model}: {arm}", arm, arms[peer][what] / row[what])
        for model, arms in results.items()
        for arm, row in arms.items()
        if arm != peer
    ]
    longest = max(ratio for _, _, ratio in rows)
    lines: List[str] = []
    for place, (label, arm, ratio) in enumerate(rows):
        top = (place + 1) * _ROW
        length = max(ratio / longest * _WIDTH, 1)
        size = f'width="{length:.0f}" height="{_ROW - 7}"'
        colour = _COLOURS.get(arm, "#808080")
        lines += [
            f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{_LEFT}" y="{top + 3}" {size} fill="{colour}"/>',
            f'<text x="{_LEFT + length + 6:.0f}" y="{top + 14}">{ratio:.1f}×</text>',
        ]
    height = (len(rows) + 1) * _ROW + 6
    title = escape(f"{what.replace('_', ' ')}: times faster than {peer}")
    size = f'width="{_LEFT + _WIDTH + 80}" height="{height}"'
    font = 'font-family="sans-serif" font-size="12"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="{_LEFT}" y="15" font-weight="bold">{title}</text>',
            *lines,
            "</svg>\n",
        ]
    )
