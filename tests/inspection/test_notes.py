"""Notes of the graphs that were searched, for processes that share weights."""

from __future__ import annotations

import os
import shutil

import pytest
from conftest import MODELS

import unihub
from unihub import settings
from unihub.formats import read_saved_model
from unihub.inspection import before_loading, notes
from unihub.inspection.on_unsafe import UnsafeModel

ACTING = MODELS.parent / "acting"


@pytest.fixture
def cache(tmp_path):
    folder = str(tmp_path / "cache")
    with unihub.configure(cache=folder):
        yield folder


@pytest.fixture
def searched(monkeypatch):
    """The paths of the models that are searched."""
    found = []

    def search(model):
        found.append(model.path)
        return original(model)

    original = before_loading.grave_findings
    monkeypatch.setattr(before_loading, "grave_findings", search)
    return found


def check(path, on_unsafe="warn"):
    before_loading.check(path, read_saved_model(path), on_unsafe, note=True)


def test_a_graph_is_searched_once(cache, searched, tmp_path):
    path = str(MODELS / "tf2_text")
    copy = shutil.copytree(path, str(tmp_path / "copy"))
    check(path)
    check(path)
    check(copy)
    assert searched == [path]
    assert len(os.listdir(os.path.join(cache, "searched"))) == 1


def test_another_graph_is_searched(cache, searched, tmp_path):
    path = shutil.copytree(str(MODELS / "tf2_text"), str(tmp_path / "model"))
    check(path)
    with open(os.path.join(path, "saved_model.pb"), "ab") as file:
        file.write(b"\x98\x06\x00")  # a field that nobody knows
    check(path)
    assert searched == [path, path]


def test_of_a_model_that_acts_there_is_no_note(cache, searched):
    path = str(ACTING / "writes")
    for _ in range(2):
        with pytest.raises(UnsafeModel):
            check(path, "refuse")
    assert searched == [path, path]
    assert not os.path.exists(os.path.join(cache, "searched"))


def test_notes_of_others_do_not_count(cache, searched):
    path = str(MODELS / "tf2_text")
    check(path)
    os.chmod(os.path.join(cache, "searched"), 0o777)
    check(path)
    assert searched == [path, path]


def test_a_cache_that_cannot_be_written_to_has_none(tmp_path, searched):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with unihub.configure(cache=str(in_the_way / "cache")):
        check(str(MODELS / "tf2_text"))
        assert not notes.is_there("a" * 64)
    assert settings.current().cache != str(in_the_way / "cache")


def test_the_same_graph_in_another_format_is_searched(cache, searched, tmp_path):
    path = shutil.copytree(str(MODELS / "tf1_hub_text"), str(tmp_path / "model"))
    check(path)
    # Other loaders give other paths to a graph.
    os.remove(os.path.join(path, "tfhub_module.pb"))
    check(path)
    assert searched == [path, path]
