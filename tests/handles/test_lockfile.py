"""What a project's lockfile holds its models to."""

from __future__ import annotations

import hashlib
import json
import os
import stat

import pytest
from golden import check_golden
from handles.places import FILES, tar_gz, write
from handles.server import Reply

import unihub
from unihub.handles import lockfile, parsing, resolving
from unihub.handles.kinds import KaggleModel, LocalFolder
from unihub.handles.lockfile import Locked, Lockfile

pytestmark = pytest.mark.usefixtures("cache")

CONTENT = hashlib.sha256(
    "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(FILES.items())
    ).encode()
).hexdigest()


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def server(server):
    server["/m.tar.gz"] = Reply(tar_gz())
    return server


def lock(*texts):
    models = {}
    present = Lockfile(resolving.LOCKFILE, {})
    for text in texts:
        name = present.name_of(parsing.parse(text))
        with unihub.configure(lockfile="none"):
            models[name] = lockfile.locked_of(resolving.resolve(text))
    lockfile.write(Lockfile(resolving.LOCKFILE, models))
    return models


def test_what_is_locked_of_an_archive(project, server):
    (locked,) = lock(server.url("/m.tar.gz")).values()
    archive = hashlib.sha256(tar_gz()).hexdigest()
    assert locked == Locked(CONTENT, archive, None, sum(map(len, FILES.values())))


def test_what_is_locked_of_a_folder(project):
    write(project / "model")
    assert lock("model") == {"model": Locked(CONTENT, bytes=sum(map(len, FILES.values())))}


def test_a_file_reads_as_it_was_written(project):
    models = {"b": Locked("1"), "a": Locked("2", "3", "4", 5)}
    lockfile.write(Lockfile("unihub.lock", models))
    assert lockfile.read("unihub.lock") == Lockfile("unihub.lock", models)
    assert list(json.loads((project / "unihub.lock").read_text())["models"]) == ["a", "b"]
    assert os.listdir(project) == ["unihub.lock"]
    assert stat.S_IMODE(os.stat("unihub.lock").st_mode) == 0o644


def test_the_nearest_one_above_holds(project, monkeypatch):
    lockfile.write(Lockfile("unihub.lock", {"a": Locked("1")}))
    below = project / "src" / "package"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert resolving.lockfile_path() == str(project / "unihub.lock")


def test_none_holds_when_there_is_none_or_the_setting_says_so(project):
    assert resolving.lockfile_path() is None
    lockfile.write(Lockfile("unihub.lock", {}))
    with unihub.configure(lockfile="none"):
        assert resolving.lockfile_path() is None
    with unihub.configure(lockfile="other.lock"):
        assert resolving.lockfile_path() == "other.lock"


def test_the_locked_model_loads_in_silence(project, server, recwarn):
    url = server.url("/m.tar.gz")
    lock(url)
    assert unihub.resolve(url) == unihub.resolve(url)
    assert [str(warning.message) for warning in recwarn] == []


def test_another_model_under_the_same_handle_is_refused(project, server, cache, tmp_path):
    url = server.url("/m.tar.gz")
    lock(url)
    server["/m.tar.gz"] = Reply(tar_gz({**FILES, "assets/more.txt": b"more"}))
    elsewhere = unihub.configure(cache=tmp_path / "another machine")
    with elsewhere, pytest.raises(lockfile.LockedContentDiffers) as refused:
        unihub.resolve(url)
    error = refused.value
    assert isinstance(error, (ValueError, OSError))
    check_golden(
        error.code, str(error), url=url, path=error.facts["path"], lockfile=project / "unihub.lock"
    )


def test_bytes_altered_in_the_cache_are_refused(project, server):
    url = server.url("/m.tar.gz")
    lock(url)
    with open(os.path.join(unihub.resolve(url), "saved_model.pb"), "r+b") as file:
        file.write(b"X")
    with pytest.raises(lockfile.LockedContentDiffers):
        unihub.resolve(url)


def test_a_changed_file_of_a_local_model_is_refused(project):
    write(project / "model")
    lock("model")
    assert unihub.resolve("model") == "model"
    (project / "model" / "saved_model.pb").write_bytes(b"nodel")
    for spelling in ("model", "./model", str(project / "model")):
        with pytest.raises(lockfile.LockedContentDiffers):
            unihub.resolve(spelling)


def test_an_archive_of_the_project_is_held_by_its_content(project):
    (project / "m.tar.gz").write_bytes(tar_gz())
    lock("m.tar.gz")
    unihub.resolve("m.tar.gz")
    (project / "m.tar.gz").write_bytes(tar_gz({**FILES, "saved_model.pb": b"other"}))
    with pytest.raises(lockfile.LockedContentDiffers):
        unihub.resolve("m.tar.gz")


def test_a_download_that_is_not_locked_is_told_of(project, server):
    lockfile.write(Lockfile("unihub.lock", {}))
    with pytest.warns(lockfile.NotLocked, match="unihub lock http://") as told:
        unihub.resolve(server.url("/m.tar.gz"))
    assert [warning.filename for warning in told] == [__file__]


def test_a_folder_that_is_not_locked_is_nothing_to_tell_of(project, recwarn):
    lockfile.write(Lockfile("unihub.lock", {}))
    write(project / "model")
    unihub.resolve("model")
    assert len(recwarn) == 0


def test_a_version_is_pinned_where_the_handle_has_none():
    newest = KaggleModel("google", "yamnet", "tensorFlow2", "yamnet")
    third = KaggleModel("google", "yamnet", "tensorFlow2", "yamnet", 3)
    locked = Lockfile("unihub.lock", {str(newest): Locked("1", version="3")})
    assert lockfile.pinned(newest, locked) == third
    assert lockfile.pinned(third, locked) == third
    assert lockfile.pinned(newest, Lockfile("unihub.lock", {})) == newest


def test_no_secret_is_in_a_name():
    from unihub.handles.parsing import parse

    locked = Lockfile("unihub.lock", {})
    name = locked.name_of(parse("https://user:secret@example.com/m.tar.gz?token=secret"))
    assert "secret" not in name


def test_a_path_goes_by_its_place_beside_the_file(tmp_path):
    locked = Lockfile(str(tmp_path / "project" / "unihub.lock"), {})
    assert locked.name_of(LocalFolder(str(tmp_path / "project" / "a" / "b"))) == "a/b"
    outside = str(tmp_path / "elsewhere")
    assert locked.name_of(LocalFolder(outside)) == outside.replace(os.sep, "/")
    assert locked.handle_of("a/b") == str(tmp_path / "project" / "a/b")
    assert locked.handle_of("kaggle://a/b/keras/c") == "kaggle://a/b/keras/c"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2, "models": {}}',
        '{"format": 1, "models": []}',
        '{"format": 1, "models": {"a": {"content": 3}}}',
        '{"format": 1, "models": {"a": {"content": "3", "unheard": 1}}}',
        "\udcff",
    ],
)
def test_a_damaged_file_is_refused(project, text):
    (project / "unihub.lock").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(lockfile.LockfileNotUnderstood) as refused:
        unihub.resolve("model")
    if text == '{"format": 2, "models": {}}':
        check_golden(refused.value.code, str(refused.value), path=project / "unihub.lock")
