"""What the operating system refuses, and files of ours that are junk: each has its words."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile

import pytest
from conftest import MODELS, ROOT
from golden import check_golden

import unihub
from unihub.errors import UnihubError
from unihub.errors.guard import guarded
from unihub.errors.system import NotText, SystemRefused, WorkingFolderGone
from unihub.handles import lockfile
from unihub.handles.cache.cache import Cache
from unihub.handles.cache.cache_errors import CacheUnusable
from unihub.handles.cache.locks import held, holder_of
from unihub.handles.lockfile import LockfileNotUnderstood

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has other rules")
YAMNET = "kaggle://google/yamnet/tensorFlow2/yamnet"


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "model.tar.gz"
    with tarfile.open(str(path), "w:gz") as tar:
        tar.add(str(MODELS / "tf2_reusable"), arcname=".")
    return path


def in_a_child(code, **env):
    """What a child prints that runs code of ours, or the error that ended it."""
    code = f"import unihub\ntry:\n    {code}\nexcept unihub.UnihubError as error: print(error)"
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("UNIHUB_", "TFHUB_"))}
    wanted = {**inherited, "PYTHONPATH": path, **env}
    done = subprocess.run(
        [sys.executable, "-B", "-W", "ignore", "-c", code],
        stdout=subprocess.PIPE,
        check=True,
        env={name: value for name, value in wanted.items() if value is not None},
    )
    return done.stdout.decode().strip()


@pytest.fixture
def deleted_working_folder(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()


@POSIX
def test_a_deleted_working_folder(deleted_working_folder):
    with pytest.raises(WorkingFolderGone) as refused:
        unihub.resolve("model")
    check_golden("working-folder-gone", str(refused.value))
    # What does not depend on it goes on.
    path = str(MODELS / "tf2_reusable")
    assert unihub.resolve(path) == path
    assert unihub.inspect(path).format is unihub.Format.TF2_SAVED_MODEL


@POSIX
def test_a_home_that_cannot_be(archive):
    text = in_a_child(f"unihub.resolve({str(archive)!r})", HOME="/proc/nonexistent")
    assert text.startswith("cache-unusable: /proc/nonexistent/.cache/unihub cannot be used")
    assert "it cannot be made there" in text
    # Not in that home, which is offered elsewhere.
    assert text.endswith('export UNIHUB_CACHE="$(mktemp -d)"')


@POSIX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_user_without_an_entry_and_a_home():
    # What is imported is imported by root, for nobody else may be able to read it.
    code = (
        "import os, platformdirs, pwd; from unihub import settings; settings.current(); "
        "os.environ.pop('HOME'); os.setuid(54321); settings.current()"
    )
    check_golden("home-unknown", in_a_child(code, XDG_CACHE_HOME=None))


@POSIX
def test_a_limit_to_the_size_of_files(archive, tmp_path):
    cache = tmp_path / "cache"
    code = (
        "import resource; most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, most)); "
        f"unihub.resolve({str(archive)!r})"
    )
    check_golden("file-size-limited", in_a_child(code, UNIHUB_CACHE=str(cache)), cache=cache)
    assert list((cache / "models").iterdir()) == []


@POSIX
def test_a_cache_that_is_a_link_to_itself(archive, tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with unihub.configure(cache=loop), pytest.raises(CacheUnusable) as refused:
        unihub.resolve(archive)
    check_golden("cache-unusable", str(refused.value), path=loop)


@POSIX
def test_a_cache_with_too_long_a_name(archive, tmp_path):
    with unihub.configure(cache=tmp_path / ("x" * 300)), pytest.raises(CacheUnusable) as refused:
        unihub.resolve(archive)
    assert "its name is longer than the file system takes" in refused.value.why


def test_a_cache_that_is_removed_while_a_model_is_fetched(tmp_path):
    cache = Cache(str(tmp_path / "cache"))

    def build(work):
        shutil.rmtree(cache.root)
        with open(os.path.join(work.model, "saved_model.pb"), "wb") as file:
            file.write(b"never")

    with pytest.raises(CacheUnusable) as refused:
        cache.publish("https://example.org/model.tar.gz", build, lock_timeout=60)
    assert "it was removed while it was in use" in refused.value.why


LOCKFILES = {
    "[" * 200_000: "it is nested too deeply to be one.",
    "nothing": "JSONDecodeError",
    json.dumps(
        {"format": 1, "models": {YAMNET: {"content": "", "version": "abc"}}}
    ): f"it locks {YAMNET} to the version 'abc', which is no number.",
    json.dumps({"format": 1, "models": {YAMNET: {"content": "", "version": 1}}}): "TypeError",
}


@pytest.mark.parametrize("content", LOCKFILES, ids=range(len(LOCKFILES)))
def test_lockfiles_that_are_none(tmp_path, content):
    path = tmp_path / "unihub.lock"
    path.write_text(content)
    with unihub.configure(lockfile=path), pytest.raises(LockfileNotUnderstood) as refused:
        unihub.resolve(YAMNET)
    assert LOCKFILES[content] in refused.value.why
    check = [sys.executable, "-m", "unihub", "lock", "--check", "--file", str(path)]
    done = subprocess.run(check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (done.returncode, done.stdout[:24]) == (1, b"lockfile-not-understood:")


def test_a_lockfile_that_is_a_folder(tmp_path):
    path = tmp_path / "unihub.lock"
    path.mkdir()
    with unihub.configure(lockfile=path), pytest.raises(LockfileNotUnderstood) as refused:
        unihub.resolve(MODELS / "tf2_reusable")
    assert refused.value.why == "it is a folder."
    # Nobody is told to delete a folder.
    assert f"mv {path} {path}.old" in refused.value.do
    with pytest.raises(LockfileNotUnderstood):
        lockfile.write(lockfile.Lockfile(str(path), {}))
    assert sorted(os.listdir(str(tmp_path))) == ["unihub.lock"]


JUNK = (
    "[" * 100_000,
    "[]",
    "{}",
    '{"pid": "a", "host": "h", "since": 0}',
    '{"pid": 1, "host": 5, "since": 0}',
    '{"pid": 1, "host": "h", "since": "now"}',
    '{"pid": 1, "host": "h", "since": 0, "process": 9}',
    '{"pid": -1, "host": "h", "since": 0}',
    '{"pid": 99999999999999999999, "host": "h", "since": 0}',
    "\udcff",
)


@pytest.mark.parametrize("content", JUNK, ids=range(len(JUNK)))
def test_a_note_of_a_lock_that_is_junk_is_none(tmp_path, content):
    lock = str(tmp_path / "lock")
    with open(lock + ".holder", "wb") as file:
        file.write(content.encode("utf-8", "surrogateescape"))
    assert holder_of(lock) is None
    with held(lock, 1.0, "model"):
        assert holder_of(lock).host == socket.gethostname()


@POSIX
def test_a_folder_in_the_place_of_the_note_of_a_lock(tmp_path):
    lock = str(tmp_path / "lock")
    os.mkdir(lock + ".holder")
    with held(lock, 1.0, "model"):
        assert holder_of(lock) is None
    assert sorted(os.listdir(str(tmp_path))) == ["lock", "lock.holder"]


class PathOfANumber(os.PathLike):
    def __fspath__(self):
        return 5


def test_a_path_that_is_a_number():
    with pytest.raises(TypeError) as refused:
        unihub.resolve(PathOfANumber())
    check_golden("not-a-path", str(refused.value))


def test_a_resolver_whose_path_is_a_number():
    take_back = unihub.register_resolver("number://", lambda handle: PathOfANumber())
    try:
        with pytest.raises(UnihubError) as refused:
            unihub.resolve("number://model")
    finally:
        take_back()
    assert refused.value.code == "resolver-answer-not-usable"


# The guard itself, on functions of ours and of a caller.


def of_unihub(code, **given):
    """A function that stands in a module of unihub."""
    names = {"__name__": "unihub.example", "os": os, **given}
    exec(compile(f"def function(handle):\n    {code}", "<unihub>", "exec"), names)
    return guarded("reading")(names["function"])


def test_what_the_system_refuses_us_is_explained(tmp_path):
    path = tmp_path / "not there"
    with pytest.raises(SystemRefused) as refused:
        of_unihub("os.listdir(handle)")(str(path))
    assert refused.value.filename == str(path)
    assert isinstance(refused.value.__cause__, FileNotFoundError)
    check_golden("system-refused", str(refused.value), path=path)


def test_what_is_no_text_is_explained():
    with pytest.raises(NotText) as refused:
        of_unihub("b'\\xff'.decode('utf-8')")("model")
    check_golden("not-text", str(refused.value))


def test_errors_of_the_callers_own_code_stay_as_they_are(tmp_path):
    def theirs():
        return os.listdir(str(tmp_path / "not there"))

    with pytest.raises(FileNotFoundError) as raised:
        of_unihub("theirs()", theirs=theirs)("model")
    assert not isinstance(raised.value, UnihubError)
    with pytest.raises(BrokenPipeError):
        of_unihub("raise BrokenPipeError()")("model")
