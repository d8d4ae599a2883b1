"""The picture of how data goes through a model's parts."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from conftest import MODELS
from shared_models import FOLDER

import unihub
from unihub.formats.model import open_saved_model
from unihub.inspection.flow_map import flow_map
from unihub.inspection.parts import Flow, Part, read_flow


def flow_of(folder):
    with open_saved_model(folder) as (model, file):
        return read_flow(file.meta_graphs[0], model.meta_graphs[0])


def texts(picture):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(picture).iter("text")]


def test_parts_are_told_in_the_order_of_the_data():
    flow = flow_of(MODELS / "keras3_export")
    assert flow.title == "m.serve(…)"
    told = [(part.name, part.shape) for part in flow.parts]
    assert told == [("dense_1", "?×2"), ("norm_1", "?×2")]
    assert flow.parts[0].ops == (("MatMul", 1),)
    assert flow.arrows == ((0, 1),)


def test_layers_that_are_functions_are_told_by_their_ops():
    flow = flow_of(MODELS / "keras2_saved_model")
    assert "MatMul" in {op for part in flow.parts for op, _ in part.ops}


def test_a_signature_is_followed_where_nothing_is_called():
    flow = flow_of(MODELS / "tf1_hub_image")
    assert flow.title == "signature default"
    assert any(op == "Conv2D" for part in flow.parts for op, _ in part.ops)
    assert all(0 <= one < len(flow.parts) for arrow in flow.arrows for one in arrow)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared models are absent")
def test_blocks_of_dm21():
    flow = flow_of(FOLDER / "deepmind_research__DM21")
    blocks = [f"MLP/ResidualBlock{end}" for end in ("", "_1", "_2", "_3", "_4", "_5")]
    assert [part.name for part in flow.parts] == ["SquashUnprocessedData", *blocks, "OutputLayer"]
    assert flow.arrows == tuple((index, index + 1) for index in range(7))


def test_what_passes_others_by_is_beside_them():
    parts = tuple(Part(name, (("Relu", 2),), "?×3") for name in "abcd")
    picture = flow_map(Flow("m(…)", parts, ((0, 1), (0, 3), (1, 2), (2, 3))))
    assert texts(picture)[:3] == ["a", "Relu ×2", "?×3"]
    curves = [path.get("d") for path in ElementTree.fromstring(picture).iter("path")]
    assert len([curve for curve in curves if "C" in curve]) == 1
    assert len(curves) == 4


def test_names_of_a_stranger_are_text():
    parts = (Part('<script>"&', (), ""), Part("b", (), ""))
    picture = flow_map(Flow("<b>", parts, ((0, 1),)))
    assert "<script" not in picture
    assert texts(picture)[0] == '<script>"&'


def test_the_page_and_the_card_have_it(tmp_path):
    info = unihub.inspect(MODELS / "keras3_export")
    for text in (info.as_html(), info._repr_html_()):
        (picture,) = re.findall(r"<svg class=.flow.*?</svg>", text, re.DOTALL)
        assert "dense_1" in texts(picture)


@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.iterdir() if path.is_dir()))
def test_every_model_has_one_or_none(name):
    flow = flow_of(MODELS / name)
    if flow is not None:
        ElementTree.fromstring(flow_map(flow))
