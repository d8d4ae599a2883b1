from __future__ import annotations

import hashlib
import io
import os
import tarfile
import warnings
from pathlib import Path

import pytest
from handles.server import Reply, Server
from handles.stores import require_root

from unihub.handles.kinds import KaggleModel
from unihub.handles.sources.legacy import (
    UnsafeCacheIgnored,
    kagglehub_entry,
    looks_complete,
    tensorflow_hub_entry,
)
from unihub.settings import current

HANDLE = "https://tfhub.dev/google/nnlm-en-dim50/2"
MODEL = {
    "saved_model.pb": b"graph",
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00002": b"a",
    "variables/variables.data-00001-of-00002": b"b",
}
KAGGLE = ("google", "yamnet", "tensorFlow2", "yamnet")


def make(folder, names=MODEL):
    for name in names:
        file = Path(folder, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(MODEL.get(name, b""))
    return Path(folder)


@pytest.fixture
def hub_cache(tmp_path):
    cache = tmp_path / "tfhub_modules"
    cache.mkdir(mode=0o700)
    return cache


@pytest.fixture
def cached(hub_cache):
    return make(hub_cache / hashlib.sha1(HANDLE.encode()).hexdigest())


@pytest.mark.parametrize(
    ("without", "complete"),
    [
        ((), True),
        (("saved_model.pb",), False),
        (("variables/variables.index",), False),
        (("variables/variables.data-00001-of-00002",), False),
        (tuple(name for name in MODEL if "data" in name), False),
        (tuple(name for name in MODEL if name != "saved_model.pb"), True),
    ],
)
def test_what_looks_complete(tmp_path, without, complete):
    make(tmp_path / "model", set(MODEL) - set(without) | {"assets/any"})
    assert looks_complete(str(tmp_path / "model")) is complete


def test_nothing_is_not_complete(tmp_path):
    (tmp_path / "file").touch()
    assert [looks_complete(str(tmp_path / name)) for name in ("none", "file", "")] == [False] * 3


def test_an_entry_of_tensorflow_hub_is_found(hub_cache, cached):
    assert tensorflow_hub_entry(HANDLE, str(hub_cache)) == str(cached)
    assert tensorflow_hub_entry(HANDLE + "0", str(hub_cache)) is None


def test_a_broken_off_download_is_not(hub_cache, cached):
    Path(str(cached) + ".lock").touch()
    assert tensorflow_hub_entry(HANDLE, str(hub_cache)) is None


def test_a_download_under_way_is_not(hub_cache, cached):
    cached.rename(str(cached) + ".0123.tmp")
    assert tensorflow_hub_entry(HANDLE, str(hub_cache)) is None


@pytest.mark.parametrize("cache", ["gs://bucket/cache", "none"])
def test_no_cache(cache):
    assert tensorflow_hub_entry(HANDLE, cache) is None


def ignored(handle, cache):
    with pytest.warns(UnsafeCacheIgnored) as caught:
        assert tensorflow_hub_entry(handle, str(cache)) is None
    return str(caught[0].message)


@pytest.mark.parametrize("inner", ["..", ".", "saved_model.pb", "variables"])
def test_an_entry_that_others_can_change_is_ignored_with_the_reason(hub_cache, cached, inner):
    path = (cached / inner).resolve()
    path.chmod(path.stat().st_mode | 0o002)
    text = ignored(HANDLE, hub_cache)
    assert text.startswith(
        f"the copy of tensorflow_hub in {cached} is not used, another is fetched"
    )
    assert f"{path} is not used: others than its owner can write to it." in text
    assert "every user of this machine could put a model there" in text


@pytest.mark.parametrize("inner", ["..", ".", "variables/variables.index"])
def test_an_entry_that_another_user_planted_is_ignored(hub_cache, cached, inner):
    require_root()
    os.chown(str((cached / inner).resolve()), 12345, -1)
    assert "it belongs to another user" in ignored(HANDLE, hub_cache)


def test_nothing_is_said_where_there_is_no_entry(hub_cache):
    hub_cache.chmod(0o777)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tensorflow_hub_entry(HANDLE, str(hub_cache)) is None


def test_a_link_into_the_void_is_no_obstacle(hub_cache, cached):
    (cached / "void").symlink_to("nowhere")
    assert tensorflow_hub_entry(HANDLE, str(hub_cache)) is not None


def test_the_real_tensorflow_hub_agrees(monkeypatch, tmp_path):
    """What it resolves is what is found, for handles with and without a query."""
    try:
        import tensorflow_hub
    except ImportError as error:
        pytest.skip(f"tensorflow_hub cannot be imported here: {error}")
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(cache))
    with Server() as server:
        server["/google/model/1"] = Reply(archive())
        for query in ("", "?tf-hub-format=compressed", "?a=b&c=%20"):
            handle = server.url("/google/model/1") + query
            assert tensorflow_hub_entry(handle, str(cache)) is None
            path = tensorflow_hub.resolve(handle)
            assert tensorflow_hub_entry(handle, str(cache)) == path
    monkeypatch.delenv("TFHUB_CACHE_DIR")
    from tensorflow_hub import resolver

    assert current().tfhub_cache == resolver.tfhub_cache_dir(use_temp=True)


def archive():
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as tar:
        folder = tarfile.TarInfo("variables")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in MODEL.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return memory.getvalue()


@pytest.fixture
def kaggle_cache(tmp_path):
    base = Path(tmp_path, "kagglehub", "models", *KAGGLE)
    for version in (2, 10, 11):
        make(base / str(version))
        (base / f"{version}.complete").touch()
    (base / "11.complete").unlink()
    make(base / ".complete" / "x")
    return str(tmp_path / "kagglehub"), base


@pytest.mark.parametrize(("asked", "found"), [(2, 2), (10, 10), (11, None), (3, None), (None, 10)])
def test_an_entry_of_kagglehub(kaggle_cache, asked, found):
    cache, base = kaggle_cache
    expected = str(base / str(found)) if found else None
    assert kagglehub_entry(KaggleModel(*KAGGLE, asked), cache) == expected


@pytest.mark.parametrize("framework", ["TensorFlow2", "tensorflow2"])
def test_kagglehub_has_spelt_frameworks_otherwise(kaggle_cache, framework):
    cache, base = kaggle_cache
    other = base.parent.parent / framework
    base.parent.rename(other)
    found = kagglehub_entry(KaggleModel(*KAGGLE), cache)
    assert found == str(other / base.name / "10")


@pytest.mark.parametrize("part", ["..", ".", "", "a/b", "a\\b", "\0"])
def test_a_part_that_is_no_name_finds_nothing(kaggle_cache, part):
    cache, _ = kaggle_cache
    assert kagglehub_entry(KaggleModel(part, *KAGGLE[1:], 2), cache) is None


def test_a_kagglehub_cache_that_others_can_change_is_ignored(kaggle_cache):
    cache, base = kaggle_cache
    base.parent.chmod(0o777)
    with pytest.warns(UnsafeCacheIgnored, match="the copy of kagglehub in"):
        assert kagglehub_entry(KaggleModel(*KAGGLE, 2), cache) is None
