"""What load does about models that act outside of their graph."""

from __future__ import annotations

import shutil
import warnings

import pytest
from conftest import MODELS, ROOT
from golden import check_golden

import unihub
from unihub import formats
from unihub.dispatch import safety
from unihub.inspection.security import AssetEscapes

ACTING = ROOT / "tests" / "fixtures" / "acting"


def check(name, on_unsafe="refuse", folder=ACTING):
    safety.check(str(name), formats.read_saved_model(str(folder / name)), on_unsafe)


ACTS = ("load_writes", "writes", "python", "rpc", "tf1_hub_writes", "unknown_op")


@pytest.mark.parametrize("name", ACTS)
def test_refuses_what_acts(name):
    with pytest.raises(safety.UnsafeModel) as refused:
        check(name)
    assert isinstance(refused.value, ValueError)
    assert "not a sandbox" in refused.value.why


@pytest.mark.parametrize("name", ["reads", "harmless_assert"])
def test_says_nothing_of_the_rest(name):
    check(name)


def test_the_message():
    with pytest.raises(safety.UnsafeModel) as refused:
        check("load_writes")
    check_golden(refused.value.code, str(refused.value))


def test_warns_by_default_before_tensorflow_has_the_model(monkeypatch):
    monkeypatch.chdir(ACTING)
    with warnings.catch_warnings():
        warnings.simplefilter("error", safety.UnsafeModelWarning)
        with pytest.raises(safety.UnsafeModelWarning, match="load_writes acts outside"):
            unihub.load("load_writes")
    with pytest.raises(safety.UnsafeModel):
        unihub.load("load_writes", on_unsafe="refuse")


def test_the_warning_points_at_the_caller_of_load():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", safety.UnsafeModelWarning)
        with pytest.raises(unihub.UnihubError):
            unihub.load(ACTING / "writes", op="fine_tuning", signature="no such signature")
    assert [w.filename for w in caught if w.category is safety.UnsafeModelWarning] == [__file__]


def test_ignore_says_nothing(recwarn):
    check("load_writes", "ignore")
    assert len(recwarn) == 0


def test_an_asset_that_escapes_is_refused_whatever_is_chosen():
    for on_unsafe in safety.CHOICES:
        with pytest.raises(AssetEscapes):
            check("asset_escapes", on_unsafe)
    with pytest.raises(AssetEscapes):
        unihub.load(ACTING / "asset_escapes", on_unsafe="ignore")


def test_a_changed_model_is_looked_at_again(tmp_path):
    shutil.copytree(str(MODELS / "tf2_reusable"), str(tmp_path / "m"))
    check("m", folder=tmp_path)
    shutil.copy(str(ACTING / "load_writes" / "saved_model.pb"), str(tmp_path / "m"))
    with pytest.raises(safety.UnsafeModel):
        check("m", folder=tmp_path)


def test_an_unknown_reaction_is_told_before_anything_is_fetched():
    with pytest.raises(unihub.UnihubError) as refused:
        unihub.load("https://127.0.0.1:1/never-asked", on_unsafe="warm")
    assert refused.value.code == "unknown-choice"
    assert refused.value.do.endswith("on_unsafe='warn')")
