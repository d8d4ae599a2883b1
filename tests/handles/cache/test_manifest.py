from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from handles.stores import FILES, HANDLE, publish
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unihub.handles.cache.cache import Cache
from unihub.handles.cache.cache_errors import DamagedEntry
from unihub.handles.cache.manifest import Damage, examined

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def entry(tmp_path):
    return publish(tmp_path / "cache")


@pytest.fixture
def manifest(entry):
    return Path(entry.folder, "manifest.json")


def reread(manifest, entry):
    return examined(entry.folder, entry.key)


def test_a_manifest_reads_back(entry):
    assert examined(entry.folder, entry.key) == (entry, ())


def test_what_is_written(manifest):
    values = json.loads(manifest.read_bytes())
    assert sorted(values) == [
        "created", "etag", "files", "format", "handle", "key", "sha256", "url", "version",
    ]  # fmt: skip
    assert values["format"] == 1
    assert values["handle"] == HANDLE
    assert [file["path"] for file in values["files"]] == sorted(FILES)


@pytest.mark.parametrize("name", ["handle", "key", "files", "created", "url", "sha256", "format"])
@same_folder
@given(value=JSON)
def test_no_value_gets_through_unread(manifest, entry, name, value):
    before = manifest.read_bytes()
    values = json.loads(before)
    values[name] = value
    manifest.write_text(json.dumps(values))
    try:
        found, damage = reread(manifest, entry)
    finally:
        manifest.write_bytes(before)
    if found and not damage:
        assert isinstance(found.handle, str) and isinstance(found.url, str)
        assert isinstance(found.created, (int, float)) and not isinstance(found.created, bool)
        assert found.files == entry.files and found.key == entry.key


@same_folder
@given(content=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_content_is_fatal(manifest, entry, content):
    manifest.write_bytes(content)
    found, (damage,) = reread(manifest, entry)
    assert (found, damage.path) == (None, "manifest.json")


def test_deep_nesting_is_not_fatal(manifest, entry):
    manifest.write_text("[" * 200_000)
    found, (damage,) = reread(manifest, entry)
    assert (found, damage.path) == (None, "manifest.json")


@pytest.mark.parametrize("path", ["../../../outside", "/etc/passwd", "./saved_model.pb", ""])
def test_a_path_that_leads_elsewhere_is_missing(manifest, entry, path):
    values = json.loads(manifest.read_bytes())
    values["files"].append({"path": path, "size": 1, "sha256": ""})
    manifest.write_text(json.dumps(values))
    assert reread(manifest, entry)[1] == (Damage(f"model/{path}", "is missing (1 bytes)"),)


@same_folder
@given(data=st.data())
def test_any_change_of_size_is_noticed(entry, data):
    name = data.draw(st.sampled_from(sorted(FILES)))
    size = data.draw(st.integers(0, 2000).filter(lambda size: size != len(FILES[name])))
    file = Path(entry.path, name)
    os.truncate(str(file), size)
    try:
        with pytest.raises(DamagedEntry):
            Cache(str(Path(entry.folder).parent.parent)).find(HANDLE)
    finally:
        file.write_bytes(FILES[name])


def test_a_pipe_is_no_file(entry):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(os.path.join(entry.path, "pipe"))
    assert examined(entry.folder, entry.key)[1] == (Damage("model/pipe", "is a pipe, no file"),)
