"""The picture of a model's weights."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from conftest import MODELS
from hypothesis import given
from hypothesis import strategies as st

import unihub
from unihub.inspection.variables import Variable
from unihub.inspection.weights_map import Box, layout, weights_map


def variable(name, count, trainable=True):
    return Variable(name, "float32", (count,), 4 * count, trainable)


def leaves(picture):
    """By the title of each weight, the area of its rectangle."""
    root = ElementTree.fromstring(picture)
    found = {}
    for group in root.iter("g"):
        box = group.find("rect")
        sides = (float(box.get(side)) + 1 for side in ("width", "height"))
        found[group.find("title").text] = next(sides) * next(sides)
    return found


def test_an_area_is_its_bytes():
    picture = weights_map([variable("a/kernel", 3000), variable("b/kernel", 1000, False)])
    areas = leaves(picture)
    assert set(areas) == {"a/kernel, float32 3000, 12 kB", "b/kernel, float32 1000, 4 kB"}
    large, small = sorted(areas.values(), reverse=True)
    assert large / small == pytest.approx(3, rel=0.02)
    assert picture.count("stroke-dasharray") == 1


def test_what_lies_in_one_module_lies_together():
    names = [f"{module}/{name}" for module in "abc" for name in ("kernel", "bias")]
    root = ElementTree.fromstring(weights_map([variable(name, 1000) for name in names]))
    shades = {}
    for group in root.iter("g"):
        shades.setdefault(group.find("rect").get("fill"), set()).add(group.find("title").text[0])
    assert sorted(map(sorted, shades.values())) == [["a"], ["b"], ["c"]]


def test_names_of_a_stranger_are_text():
    picture = weights_map([variable('<script>"&', 10_000), variable("b", 10_000)])
    assert "<script" not in picture
    assert any('<script>"&' in title for title in leaves(picture))


@pytest.mark.parametrize("variables", [[], [Variable("a", "string", (1,), 0, False)]])
def test_without_sizes_there_is_none(variables):
    assert weights_map(variables) == ""


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=60), st.floats(10, 1000))
def test_boxes_fill_the_whole_without_overlap(areas, width):
    areas = sorted(areas, reverse=True)
    whole = Box(0, 0, width, 300)
    boxes = layout(areas, whole)
    assert len(boxes) == len(areas)
    for area, box in zip(areas, boxes):
        assert box.width * box.height == pytest.approx(area * width * 300 / sum(areas), rel=1e-6)
        assert box.x >= -1e-6
        assert box.x + box.width <= width * (1 + 1e-6)
        assert box.y + box.height <= 300 * (1 + 1e-6)


def test_the_page_and_the_card_have_it():
    info = unihub.inspect(MODELS / "tf2_reusable")
    for text in (info.as_html(), info._repr_html_()):
        (picture,) = re.findall(r"<svg class=.weights.*?</svg>", text, re.DOTALL)
        assert len(leaves(picture)) == 3
