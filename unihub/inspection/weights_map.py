"""A picture of a model's weights: a rectangle for each, its area their bytes, SVG without script.

Rectangles lie together as their names do: those of a module are in one, which is in that of
the module above. The colour tells the module at the top; what is not trained is dashed.

Source: Bruls, Huizing, van Wijk: Squarified Treemaps, 2000.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from unihub.errors import size
from unihub.inspection.variables import Variable

_WIDTH, _HEIGHT = 960.0, 420.0
# Smaller ones are drawn as one with their neighbours.
_LEAST_SIDE = 3.0
_MOST_DEPTH = 6
_LEAST_FOR_TEXT = (46.0, 13.0)
# Shades that text in the page's colour can be read on, in a light theme and in a dark one.
_STILL = 'fill-opacity=".2" stroke="currentColor" stroke-opacity=".5" stroke-dasharray="3 2"'
_HUES = (211, 28, 145, 265, 340, 95, 185, 0, 235, 55)


class Box(NamedTuple):
    """A rectangle, in units of the picture."""

    x: float
    y: float
    width: float
    height: float


@dataclass
class _Node:
    """A module, or a variable."""

    name: str
    bytes: int = 0
    trainable: bool = False
    text: str = ""
    children: Dict[str, _Node] = field(default_factory=dict)


def weights_map(variables: Iterable[Variable]) -> str:
    """The picture, as an element of SVG; "" where no variable has a known size.

    Args:
        variables: of a model.
    """
    root = _tree(variables)
    if not root.bytes:
        return ""
    content = "".join(_drawn(root, Box(0, 0, _WIDTH, _HEIGHT), 0, ""))
    label = f"A map of {size(root.bytes)} of weights by module"
    return (
        f'<svg class="weights" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" '
        f'aria-label="{escape(label)}">{content}</svg>'
    )


def layout(areas: Sequence[float], box: Box) -> List[Box]:
    """Rectangles of given areas that fill a box, as square as they get.

    Args:
        areas: the largest first, above 0; their sum is taken for the whole box.

    Returns:
        A box for each area, in the same order.
    """
    scale = box.width * box.height / sum(areas)
    rest, row, boxes = box, [], []  # type: Box, List[float], List[Box]
    for area in (area * scale for area in areas):
        side = min(rest.width, rest.height)
        if row and _worst([*row, area], side) > _worst(row, side):
            placed, rest = _row(row, rest)
            boxes += placed
            row = []
        row.append(area)
    return boxes + _row(row, rest)[0]


def _worst(row: Sequence[float], side: float) -> float:
    """The ratio of the sides of the least square of a row."""
    total = sum(row)
    depth = total / side if side else 0
    sides = [area / depth if depth else 0 for area in row]
    return max((max(depth / one, one / depth) for one in sides if one and depth), default=0.0)


def _row(row: Sequence[float], box: Box) -> Tuple[List[Box], Box]:
    """A row along the shorter side of a box, and what is left of the box."""
    total, placed = sum(row), []
    if box.width >= box.height:
        depth, y = total / box.height if box.height else 0, box.y
        for area in row:
            height = area / depth if depth else 0
            placed.append(Box(box.x, y, depth, height))
            y += height
        return placed, Box(box.x + depth, box.y, max(box.width - depth, 0), box.height)
    depth, x = total / box.width, box.x
    for area in row:
        width = area / depth if depth else 0
        placed.append(Box(x, box.y, width, depth))
        x += width
    return placed, Box(box.x, box.y + depth, box.width, max(box.height - depth, 0))


def _tree(variables: Iterable[Variable]) -> _Node:
    root = _Node("")
    for variable in variables:
        if not variable.bytes:
            continue
        node = root
        node.bytes += variable.bytes
        parts = [part for part in re.split(r"[/.]", variable.name) if part] or [variable.name]
        for part in parts[:_MOST_DEPTH]:
            node = node.children.setdefault(part, _Node(part))
            node.bytes += variable.bytes
        shape = "×".join(map(str, variable.shape or ())) or "scalar"
        node.text = f"{variable.name}, {variable.dtype} {shape}, {size(node.bytes)}"
        node.trainable = variable.trainable
    return root


def _drawn(node: _Node, box: Box, hue: int, path: str) -> Iterator[str]:
    children = sorted(node.children.values(), key=lambda child: -child.bytes)
    if not children or min(box.width, box.height) < 2 * _LEAST_SIDE:
        yield _leaf(node, box, hue, path)
        return
    inner = box
    if path and len(children) > 1 and box.height > 40 and box.width > 60:
        yield _frame(node, box)
        inner = Box(box.x + 2, box.y + 15, box.width - 4, box.height - 17)
    boxes = layout([float(child.bytes) for child in children], inner)
    for number, (child, part) in enumerate(zip(children, boxes)):
        below = f"{path}/{child.name}" if path else child.name
        own = hue if path else _HUES[number % len(_HUES)]
        if min(part.width, part.height) >= 0.5:
            yield from _drawn(child, part, own, below)


def _frame(node: _Node, box: Box) -> str:
    title = f"{node.name}, {size(node.bytes)}"
    return (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" fill="none" stroke="currentColor" stroke-opacity=".45"/>'
        + _label(title, box, 11)
    )


def _leaf(node: _Node, box: Box, hue: int, path: str) -> str:
    where = (
        f'x="{box.x:.1f}" y="{box.y:.1f}" width="{max(box.width - 1, 0.3):.1f}" '
        f'height="{max(box.height - 1, 0.3):.1f}"'
    )
    told = node.text or f"{path}, {size(node.bytes)}"
    is_still = not (node.trainable or node.children)
    shade = _STILL if is_still else 'fill-opacity=".45"'
    # "kernel" alone says little.
    text = _label("/".join(path.split("/")[-2:]), box, 12) if not node.children else ""
    return (
        f"<g><title>{escape(told)}</title>"
        f'<rect {where} fill="hsl({hue},65%,55%)" {shade}/>{text}</g>'
    )


def _label(text: str, box: Box, down: int) -> str:
    least_width, least_height = _LEAST_FOR_TEXT
    if box.width < least_width or box.height < least_height:
        return ""
    fits = int((box.width - 6) / 6.2)
    shown = text if len(text) <= fits else text[: max(fits - 1, 1)] + "…"
    return f'<text x="{box.x + 3:.1f}" y="{box.y + down:.1f}">{escape(shown)}</text>'
