"""A picture of how data goes through the parts of a model, SVG without script.

A row for each part, in their order: its name, what it computes, the shape of what leaves it.
What goes to the next row goes straight down; what passes others by is an arc beside them.
"""

from __future__ import annotations

from html import escape
from typing import List, Tuple

from unihub.errors import printable
from unihub.inspection.parts import Flow, Part

_WIDTH, _HEIGHT, _GAP = 960, 26, 12
_NAME, _OPS, _LANE = 12, 330, 14
_MOST_LANES = 8
_LETTER = 6.4


def flow_map(flow: Flow) -> str:
    """The picture, as an element of SVG.

    Args:
        flow: of a model's parts.
    """
    arcs = _in_lanes([pair for pair in flow.arrows if pair[1] != pair[0] + 1])
    left = _LANE * (1 + max((lane for *_, lane in arcs), default=0))
    height = len(flow.parts) * (_HEIGHT + _GAP) - _GAP + 2
    rows = "".join(_row(part, index, left) for index, part in enumerate(flow.parts))
    steps = "".join(_step(left, above) for above, below in flow.arrows if below == above + 1)
    lines = "".join(_arc(*arc, left) for arc in arcs)
    label = f"The {len(flow.parts)} parts of {flow.title} in the order that data goes through them"
    return (
        f'<svg class="flow" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(label)}">{lines}{steps}{rows}</svg>'
    )


def _in_lanes(arrows: List[Tuple[int, int]]) -> List[Tuple[int, int, int]]:
    """Arrows with a lane for each, so that those side by side are in different ones."""
    ends: List[int] = []
    found = []
    for source, target in sorted(arrows, key=lambda pair: (min(pair), max(pair))):
        first, last = sorted((source, target))
        free = [lane for lane, end in enumerate(ends) if end <= first]
        lane = free[0] if free else len(ends)
        if lane == len(ends):
            ends.append(last)
        ends[lane] = last
        found.append((source, target, min(lane, _MOST_LANES - 1)))
    return found


def _top(index: int) -> int:
    return index * (_HEIGHT + _GAP) + 1


def _row(part: Part, index: int, left: int) -> str:
    y, ops = _top(index), ", ".join(op if n == 1 else f"{op} ×{n}" for op, n in part.ops)
    told = ", ".join(filter(None, (part.name, ops, part.shape)))
    base, width = y + 17, _WIDTH - left - 1
    shape = f'<text x="{_WIDTH - 12}" y="{base}" text-anchor="end">{_cut(part.shape, 22)}</text>'
    ops_at = left + _OPS
    room = int((_WIDTH - ops_at - 12) / _LETTER) - len(part.shape) - 2
    return (
        f"<g><title>{escape(printable(told))}</title>"
        f'<rect x="{left}" y="{y}" width="{width}" height="{_HEIGHT}" rx="5" '
        'fill="hsl(211,65%,55%)" fill-opacity=".14" stroke="currentColor" stroke-opacity=".45"/>'
        f'<text x="{left + _NAME}" y="{base}" style="font-weight:600">'
        f"{_cut(part.name, int((_OPS - _NAME) / 7.4))}</text>"
        f'<text x="{ops_at}" y="{base}" fill-opacity=".8">{_cut(ops, room)}</text>{shape}</g>'
    )


def _step(left: int, above: int) -> str:
    x, y = left + 24, _top(above) + _HEIGHT
    return _line(f"M{x} {y}V{y + _GAP - 1}") + _head(x, y + _GAP, "down")


def _arc(source: int, target: int, lane: int, left: int) -> str:
    start, end = _top(source) + _HEIGHT - 7, _top(target) + 7
    x = left - 4 - _LANE * (lane + 0.5)
    curve = f"M{left} {start}C{x:.0f} {start} {x:.0f} {start} {x:.0f} "
    sign = 1 if end > start else -1
    path = (
        f"{curve}{start + 12 * sign}V{end - 12 * sign}C{x:.0f} {end} {x:.0f} {end} {left - 3} {end}"
    )
    return _line(path) + _head(left, end, "right")


def _line(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity=".7"/>'


def _head(x: float, y: float, way: str) -> str:
    sides = (
        f"{x - 3.5},{y - 6} {x + 3.5},{y - 6}"
        if way == "down"
        else f"{x - 6},{y - 3.5} {x - 6},{y + 3.5}"
    )
    return f'<polygon points="{x},{y} {sides}" fill="currentColor" fill-opacity=".8"/>'


def _cut(text: str, most: int) -> str:
    text = printable(text)
    return escape(text if len(text) <= most else text[: max(most - 1, 1)] + "…")
