from __future__ import annotations

import html.parser

import pytest
from conftest import MODELS
from hand_made import SERVING_DEFAULT, meta_graph, saved_model
from inspection.acting_table import ACTING

import unihub

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202e"


class Tags(html.parser.HTMLParser):
    """Collects tags and their attributes, and checks that they are closed in order."""

    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def tags_of(text):
    parser = Tags()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser.found


@pytest.fixture(params=["card", "page"])
def rendered(request):
    def render(info):
        return info._repr_html_() if request.param == "card" else info.as_html()

    return render


@pytest.mark.parametrize("folder", [MODELS / "tf1_hub_image", ACTING / "dataset_graph"])
def test_it_is_sound_and_loads_nothing(rendered, folder):
    found = tags_of(rendered(unihub.inspect(folder)))
    names = {name for name, _ in found}
    assert names.isdisjoint({"script", "img", "link", "iframe", "a", "object", "form"})
    attributes = {key for _, attributes in found for key in attributes}
    assert not [key for key in attributes if key.startswith("on") or key in ("src", "href")]
    assert "url(" not in rendered(unihub.inspect(folder))


def test_hostile_names_are_text(rendered, tmp_path):
    folder = tmp_path / "<b>model"
    folder.mkdir()
    tensors = {HOSTILE: SERVING_DEFAULT}
    content = saved_model(meta_graph((HOSTILE,), tensors, {HOSTILE: [(1, [(1, b"x")])]}))
    (folder / "saved_model.pb").write_bytes(content)
    text = rendered(unihub.inspect(folder))
    names = {name for name, _ in tags_of(text)}
    assert names.isdisjoint({"script", "img", "b"})
    assert "\u202e" not in text
    assert "&lt;script&gt;" in text


def test_a_card_says_the_essentials():
    text = unihub.inspect(MODELS / "tf2_reusable")._repr_html_()
    for words in ("TF2 SavedModel", "TensorFlow 1.15.5", "m(x, training=False)", "2 trainable"):
        assert words in text
    assert "<details><summary>Outside of its graph: 0 findings" in text


def test_grave_findings_are_open_in_a_card():
    text = unihub.inspect(ACTING / "writes")._repr_html_()
    assert "<details open><summary>Outside of its graph: 1 finding<" in text
    assert '<span class="grave">high</span>' in text


def test_a_page_names_every_variable():
    info = unihub.inspect(MODELS / "tf2_reusable")
    text = info.as_html()
    assert text.startswith("<!DOCTYPE html>")
    assert all(variable.name in text for variable in info.meta_graphs[0].variables)
