"""What load does about models that act outside of their graph."""

from __future__ import annotations

import os
import shutil
import warnings

import pytest
from conftest import MODELS, ROOT
from golden import check_golden

import unihub
from unihub import formats
from unihub.inspection import before_loading
from unihub.inspection.on_unsafe import UnsafeModel, UnsafeModelWarning
from unihub.inspection.refused_files import AssetEscapes
from unihub.settings.options import REACTIONS

ACTING = ROOT / "tests" / "fixtures" / "acting"


def check(name, on_unsafe="refuse", folder=ACTING):
    before_loading.check(
        str(name), formats.read_saved_model(os.path.join(str(folder), name)), on_unsafe
    )


ACTS = ("load_writes", "writes", "python", "rpc", "tf1_hub_writes", "unknown_op")


@pytest.mark.parametrize("name", ACTS)
def test_refuses_what_acts(name):
    with pytest.raises(UnsafeModel) as refused:
        check(name)
    assert isinstance(refused.value, ValueError)
    assert "not a sandbox" in refused.value.why


@pytest.mark.parametrize("name", ["reads", "harmless_assert"])
def test_says_nothing_of_the_rest(name):
    check(name)


def test_the_message():
    with pytest.raises(UnsafeModel) as refused:
        check("load_writes")
    check_golden(refused.value.code, str(refused.value))


@pytest.fixture
def acting(tmp_path):
    """A model of which nobody was warned yet."""
    return shutil.copytree(str(ACTING / "load_writes"), str(tmp_path / "load_writes"))


def test_warns_by_default_before_tensorflow_has_the_model(acting, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnsafeModelWarning)
        with pytest.raises(UnsafeModelWarning, match="load_writes acts outside"):
            unihub.load("load_writes")
    with pytest.raises(UnsafeModel):
        unihub.load("load_writes", on_unsafe="refuse")


def test_warns_once_per_model(acting):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnsafeModelWarning)
        for _ in range(2):
            # Who made an error of it was not warned.
            with pytest.raises(UnsafeModelWarning):
                check("load_writes", "warn", os.path.dirname(acting))
    with pytest.warns(UnsafeModelWarning) as caught:
        for _ in range(2):
            check("load_writes", "warn", os.path.dirname(acting))
    assert len(caught) == 1
    with pytest.raises(UnsafeModel):
        check("load_writes", "refuse", os.path.dirname(acting))
    with open(os.path.join(acting, "saved_model.pb"), "ab") as file:
        file.write(b"\x98\x06\x00")  # a field that nobody knows
    with pytest.warns(UnsafeModelWarning):
        check("load_writes", "warn", os.path.dirname(acting))


def test_the_settings_say_what_is_done(acting, recwarn):
    with unihub.configure(on_unsafe="refuse"):
        with pytest.raises(UnsafeModel):
            unihub.load(acting)
        check("load_writes", "ignore", os.path.dirname(acting))
    with unihub.configure(on_unsafe="ignore"):
        check("load_writes", None, os.path.dirname(acting))
        with pytest.raises(UnsafeModel):
            unihub.load(acting, on_unsafe="refuse")
    assert [w for w in recwarn if w.category is UnsafeModelWarning] == []


def test_the_reactions_are_those_of_the_settings():
    assert before_loading.CHOICES == REACTIONS


def test_the_warning_points_at_the_caller_of_load(tmp_path):
    writes = shutil.copytree(str(ACTING / "writes"), str(tmp_path / "writes"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UnsafeModelWarning)
        with pytest.raises(unihub.UnihubError):
            unihub.load(writes, op="fine_tuning", signature="no such signature")
    assert [w.filename for w in caught if w.category is UnsafeModelWarning] == [__file__]


def test_ignore_says_nothing(recwarn):
    check("load_writes", "ignore")
    assert len(recwarn) == 0


def test_an_asset_that_escapes_is_refused_whatever_is_chosen():
    for on_unsafe in before_loading.CHOICES:
        with pytest.raises(AssetEscapes):
            check("asset_escapes", on_unsafe)
    with pytest.raises(AssetEscapes):
        unihub.load(ACTING / "asset_escapes", on_unsafe="ignore")


def test_a_changed_model_is_looked_at_again(tmp_path):
    shutil.copytree(str(MODELS / "tf2_reusable"), str(tmp_path / "m"))
    check("m", folder=tmp_path)
    shutil.copy(str(ACTING / "load_writes" / "saved_model.pb"), str(tmp_path / "m"))
    with pytest.raises(UnsafeModel):
        check("m", folder=tmp_path)


def test_an_unknown_reaction_is_told_before_anything_is_fetched():
    with pytest.raises(unihub.UnihubError) as refused:
        unihub.load("https://127.0.0.1:1/never-asked", on_unsafe="warm")
    assert refused.value.code == "unknown-choice"
    assert refused.value.do.endswith("on_unsafe='warn')")
