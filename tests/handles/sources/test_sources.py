"""From a handle to its folder, against a real server on loopback."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import MODELS
from golden import check_golden
from handles.places import FILES, tar_gz, tree, write, zipped
from handles.server import Reply

import unihub
from unihub.errors import UnihubError
from unihub.handles.archive.extract_errors import OTHER_SUFFIXES, DamagedArchive, NotAnArchive
from unihub.handles.download.transfer_errors import BadStatus, HashMismatch, TransferFailed
from unihub.handles.kinds import CustomHandle, Handle, LocalFolder
from unihub.handles.sources import sources
from unihub.handles.sources.sources import DamagedEntryReplaced

pytestmark = pytest.mark.usefixtures("cache")

ARCHIVE = tar_gz()
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
OTHER = "0" * 64


def resolve(handle, **kwargs):
    """`unihub.resolve`, in which a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return unihub.resolve(handle, **kwargs)


def refused(error, handle, **kwargs):
    with pytest.raises(UnihubError) as raised:
        resolve(handle, **kwargs)
    assert raised.value.code == error
    return raised.value


@pytest.mark.parametrize("kind", Handle.__args__)
def test_every_kind_has_a_source_and_says_what_it_is(kind):
    assert kind.kind
    if kind not in (LocalFolder, CustomHandle):
        assert callable(sources._builder(kind.__new__(kind)))


# --- archives by http(s)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("/m.tar.gz", tar_gz()),
        ("/m.tgz", tar_gz(folder="model/")),
        ("/m.tar.gz", tar_gz(folder="./")),
        ("/m.tar.gz", tar_gz(folder="a/b/")),
        ("/m.zip", zipped()),
        ("/m.zip", zipped(folder="model/")),
        ("/m.zip", zipped({**{f"m/{n}": d for n, d in FILES.items()}, "__MACOSX/._m": b"x"})),
    ],
    ids=["plain", "in folder", "dotted", "deep", "zip", "zip in folder", "zip of macOS"],
)
def test_the_url_of_an_archive(server, cache, name, content):
    server[name] = Reply(content)
    folder = resolve(server.url(name))
    assert tree(folder) == FILES
    assert cache in Path(folder).parents
    assert resolve(server.url(name)) == folder
    assert len(server.requests) == 1


def test_the_manifest_has_the_paths_without_the_folder_around_them(server, cache):
    server["/m.tar.gz"] = Reply(tar_gz(folder="model/"))
    folder = resolve(server.url("/m.tar.gz"))
    (manifest,) = cache.glob("models/*/manifest.json")
    assert '"saved_model.pb"' in manifest.read_text()
    assert "model/saved_model.pb" not in manifest.read_text()
    assert unihub.resolve(server.url("/m.tar.gz")) == folder


def test_an_archive_of_two_folders_is_left_as_it_is(server):
    server["/m.tar.gz"] = Reply(tar_gz({"a/saved_model.pb": b"1", "b/saved_model.pb": b"2"}))
    error = refused("no-model-file", server.url("/m.tar.gz"))
    assert "'a/saved_model.pb', 'b/saved_model.pb'" in error.why


def test_a_secret_in_the_url_is_stored_nowhere(server, cache):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    resolve(server.url("/m.tar.gz?token=tip-top-secret", userinfo="ada:tip-top-secret"))
    found = [path for path in cache.rglob("*") if path.is_file()]
    assert len(found) >= 4
    assert [path for path in found if b"tip-top" in path.read_bytes()] == []
    assert [path for path in cache.rglob("*") if "tip-top" in path.name] == []


@pytest.mark.parametrize(
    "userinfo",
    ["ada:tip-top-secret", "ada:1/tip-top-secret", "ada@host:1/tip-top-secret", "a?tip-top-secret"],
)
def test_a_secret_is_in_no_message(server, cache, caplog, userinfo):
    caplog.set_level(logging.DEBUG)
    for path in ("/m.tar.gz?sig=tip-top-secret", "/model"):
        with pytest.raises(UnihubError) as raised:
            resolve(server.url(path, userinfo=userinfo))
        assert "tip-top" not in str(raised.value)
    assert [message for message in caplog.messages if "tip-top" in message] == []
    assert [path for path in cache.rglob("*") if "tip-top" in path.name] == []


def test_a_hash_that_is_right(server):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    folder = resolve(server.url("/m.tar.gz"), sha256=SHA256.upper())
    assert resolve(server.url("/m.tar.gz"), sha256=f"sha256:{SHA256}") == folder
    assert len(server.requests) == 1


def test_a_hash_that_is_wrong(server, cache):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    with pytest.raises(HashMismatch):
        resolve(server.url("/m.tar.gz"), sha256=OTHER)
    assert list(cache.glob("models/*")) == []


def test_a_cached_model_of_another_hash_is_never_served(server, cache):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    resolve(server.url("/m.tar.gz"))
    error = refused("cached-hash-differs", server.url("/m.tar.gz"), sha256=OTHER)
    assert isinstance(error, OSError)
    assert isinstance(error, ValueError)
    check_golden(
        error.code,
        str(error),
        cache=cache,
        port=server.port,
        key=os.listdir(cache / "models")[0],
        found=SHA256,
    )


@pytest.mark.parametrize("given", ["", "abc", OTHER + "0", "g" * 64, 5])
def test_what_is_no_hash(server, given):
    error = refused("hash-not-understood", server.url("/m.tar.gz"), sha256=given)
    if given == "abc":
        check_golden(error.code, str(error))


def test_a_server_that_says_no(server):
    with pytest.raises(BadStatus, match="404 Not Found"):
        resolve(server.url("/m.tar.gz"))


def test_what_is_no_archive(server):
    server["/m.tar.gz"] = Reply(b"<html>no</html>")
    with pytest.raises(NotAnArchive):
        resolve(server.url("/m.tar.gz"))


def test_a_damaged_archive(server, cache):
    server["/m.tar.gz"] = Reply(ARCHIVE[:-20])
    with pytest.raises(DamagedArchive):
        resolve(server.url("/m.tar.gz"))
    assert list(cache.glob("models/*")) == []


def test_a_broken_download_goes_on_in_the_next_call(server, cache):
    content = tar_gz({**FILES, "assets/noise": os.urandom(100_000)})
    whole = Reply(content, etag='"1"')
    server["/m.tar.gz"] = [replace(whole, cut_at=60_000), whole]
    with pytest.raises(TransferFailed):
        resolve(server.url("/m.tar.gz"))
    assert set(tree(resolve(server.url("/m.tar.gz")))) == {*FILES, "assets/noise"}
    first, second = server.requests
    assert "range" not in first.headers
    assert second.headers["range"].startswith("bytes=")
    assert list(cache.glob("parts/*")) == []


def test_many_threads_download_once(server):
    server["/m.tar.gz"] = Reply(ARCHIVE, pause=0.2)
    url = server.url("/m.tar.gz")
    with ThreadPoolExecutor(8) as threads:
        folders = set(threads.map(lambda _: unihub.resolve(url), range(8)))
    assert len(folders) == 1
    assert len(server.requests) == 1


# --- damage and healing


def damage(folder):
    (Path(folder) / "variables" / "variables.index").unlink()


def test_a_damaged_model_is_fetched_again_once(server):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    folder = resolve(server.url("/m.tar.gz"))
    damage(folder)
    with pytest.warns(DamagedEntryReplaced, match=r"variables.index is missing"):
        assert unihub.resolve(server.url("/m.tar.gz")) == folder
    assert tree(folder) == FILES
    assert resolve(server.url("/m.tar.gz")) == folder
    assert len(server.requests) == 2


def test_the_warning_points_at_the_caller(server):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    damage(resolve(server.url("/m.tar.gz")))
    with pytest.warns(DamagedEntryReplaced) as caught:
        unihub.resolve(server.url("/m.tar.gz"))
    assert caught[0].filename == __file__


def test_offline_a_damaged_model_is_an_error(server):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    damage(resolve(server.url("/m.tar.gz")))
    with unihub.configure(offline=True):
        error = refused("damaged-entry", server.url("/m.tar.gz"))
    assert "variables.index is missing" in error.why
    assert len(server.requests) == 1


# --- offline


def test_offline_uses_what_is_cached_and_asks_nobody(server, monkeypatch):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    folder = resolve(server.url("/m.tar.gz"))
    monkeypatch.setenv("UNIHUB_OFFLINE", "1")
    assert resolve(server.url("/m.tar.gz")) == folder
    refused("not-cached", server.url("/other.tar.gz"))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "handle",
    [
        "https://tfhub.dev/google/yamnet/1",
        "https://ada:secret@host/m.tar.gz?token=secret",
        "kaggle://google/yamnet/tensorFlow2/yamnet/1",
        "gs://bucket/model",
        "gs://bucket/model.tar.gz",
        "s3://bucket/model",
        "s3://bucket/model.tgz",
    ],
)
def test_offline_nothing_is_downloaded(cache, handle):
    with unihub.configure(offline=True):
        error = refused("not-cached", handle)
    assert isinstance(error, FileNotFoundError)
    assert "secret" not in str(error)
    assert not cache.exists()
    if "tfhub" in handle:
        check_golden(error.code, str(error), cache=cache)


# --- archives that are not read


@pytest.mark.parametrize("suffix", sorted(OTHER_SUFFIXES))
def test_an_archive_that_is_not_read_is_refused_by_its_name(server, tmp_path, suffix):
    server["/m" + suffix] = Reply(ARCHIVE)
    (tmp_path / f"m{suffix}").write_bytes(b"")
    handles = (
        server.url(f"/m{suffix}?sig=tip-top-secret"),
        f"gs://b/m{suffix}",
        f"s3://b/m{suffix}",
    )
    for handle in (*handles, str(tmp_path / f"m{suffix.upper()}"), str(tmp_path / f"m{suffix}")):
        if handle.endswith(suffix.upper()):
            Path(handle).touch()
        error = refused("archive-not-supported", handle)
        assert error.do.endswith(" && unihub inspect model")
        assert "tip-top" not in str(error)
    assert server.requests == []


def test_a_folder_may_be_named_as_such_an_archive(tmp_path):
    assert resolve(str(write(tmp_path / "m.tar.xz"))) == str(tmp_path / "m.tar.xz")


@pytest.mark.skipif(not (shutil.which("xz") and shutil.which("curl")), reason="needs xz and curl")
@pytest.mark.parametrize("is_remote", [False, True])
def test_the_line_for_such_an_archive_works(server, tmp_path, monkeypatch, is_remote):
    monkeypatch.chdir(tmp_path)
    with tarfile.open("a model.tar.xz", "w:xz") as archive:
        archive.add(str(MODELS / "tf2_reusable"), arcname=".")
    server["/a%20model.tar.xz"] = Reply(Path("a model.tar.xz").read_bytes())
    handle = server.url("/a%20model.tar.xz") if is_remote else "a model.tar.xz"
    line = refused("archive-not-supported", handle).do
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    subprocess.run(["bash", "-c", line], check=True, env={**os.environ, "PATH": path})
    assert tree("model") == tree(MODELS / "tf2_reusable")


# --- archives and folders of this machine


@pytest.mark.parametrize("name", ["m.tar.gz", "a model.tgz", "m.zip"])
def test_a_local_archive(tmp_path, cache, name):
    archive = tmp_path / name
    archive.write_bytes(zipped() if name.endswith("zip") else tar_gz(folder="model/"))
    folder = resolve(archive)
    assert tree(folder) == FILES
    assert os.path.commonpath([folder, str(cache)]) == str(cache)
    assert resolve(str(archive)) == folder
    assert resolve(archive.as_uri()) == folder


def test_a_local_archive_needs_no_network(tmp_path):
    (tmp_path / "m.tar.gz").write_bytes(ARCHIVE)
    with unihub.configure(offline=True):
        folder = resolve(tmp_path / "m.tar.gz")
        damage(folder)
        with pytest.warns(DamagedEntryReplaced):
            unihub.resolve(tmp_path / "m.tar.gz")
    assert tree(folder) == FILES


def test_a_changed_archive_is_another_model(tmp_path):
    archive = tmp_path / "m.tar.gz"
    archive.write_bytes(ARCHIVE)
    before = resolve(archive)
    other = {**FILES, "saved_model.pb": b"MODEL"}
    archive.write_bytes(tar_gz(other))
    assert tree(resolve(archive)) == other
    # The one that may be in use is still there.
    assert tree(before) == FILES


def test_a_local_archive_of_another_hash(tmp_path, cache):
    archive = tmp_path / "m.tar.gz"
    archive.write_bytes(ARCHIVE)
    error = refused("archive-hash-differs", archive, sha256=OTHER)
    check_golden(error.code, str(error), path=tmp_path, found=SHA256)
    assert list(cache.glob("models/*")) == []
    assert tree(resolve(archive, sha256=SHA256)) == FILES


def test_a_local_archive_that_is_not_there(tmp_path):
    error = refused("model-not-found", tmp_path / "m.tar.gz")
    assert isinstance(error, FileNotFoundError)


def test_what_is_named_as_an_archive_and_is_none(tmp_path, registered):
    os.mkfifo(str(tmp_path / "pipe.tar"))
    (tmp_path / "link.zip").symlink_to(tmp_path / "nowhere")
    refused("model-not-found", tmp_path / "link.zip")
    with pytest.raises(OSError, match=r"pipe\.tar"):
        resolve(tmp_path / "pipe.tar")
    registered("lab:", lambda handle: tmp_path / "no.zip")
    refused("model-not-found", "lab:m")


def test_an_archive_that_may_not_be_read(tmp_path):
    archive = tmp_path / "m.tar.gz"
    archive.write_bytes(ARCHIVE)
    archive.chmod(0)
    if os.access(str(archive), os.R_OK):
        pytest.skip("this user may read everything")
    refused("unreadable-file", archive)


def test_a_local_folder_has_no_hash(tmp_path):
    error = refused("hash-of-folder", write(tmp_path / "m"), sha256=SHA256)
    check_golden(error.code, str(error), path=tmp_path)
    assert isinstance(error, ValueError)
    refused("hash-of-folder", "gs://bucket/model", sha256=SHA256)


@pytest.mark.parametrize(
    ("handle", "remedy"),
    [
        ("tfhub.dev/google/yamnet/1", "unihub.load('https://tfhub.dev/google/yamnet/1')"),
        ("google/yamnet/yamnet", "unihub.load('google/yamnet/tensorFlow2/yamnet')"),
        ("localhost:80/m.tar.gz", "unihub.load('https://localhost:80/m.tar.gz')"),
    ],
)
def test_a_path_that_was_meant_to_be_another_handle(tmp_path, monkeypatch, handle, remedy):
    monkeypatch.chdir(tmp_path)
    error = refused("model-not-found", handle)
    assert error.do == remedy
    with pytest.raises(FileNotFoundError):
        unihub.load(handle)


def test_a_folder_that_is_nearly_spelt_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "models" / "half_plus_two")
    error = refused("model-not-found", "models/half_plus_tow")
    assert error.do == f"unihub.load({str(tmp_path / 'models' / 'half_plus_two')!r})"


# --- other programs' caches


def test_what_tensorflow_hub_cached_is_used(server, tmp_path):
    handle = server.url("/google/m/1")
    name = hashlib.sha1(handle.encode()).hexdigest()
    there = write(tmp_path / "tfhub" / name)
    assert resolve(handle) == str(there)
    with unihub.configure(offline=True):
        assert resolve(handle) == str(there)
    assert server.requests == []


def test_what_tensorflow_hub_cached_has_no_hash_and_is_fetched(server, tmp_path):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    handle = server.url("/m.tar.gz")
    there = write(tmp_path / "tfhub" / hashlib.sha1(handle.encode()).hexdigest())
    assert resolve(handle, sha256=SHA256) != str(there)


@pytest.mark.parametrize("framework", ["tensorFlow2", "TensorFlow2", "tensorflow2"])
@pytest.mark.parametrize("handle", ["kaggle://o/m/tensorflow2/v/3", "o/m/tensorFlow2/v"])
def test_what_kagglehub_cached_is_used(tmp_path, framework, handle):
    there = write(tmp_path / "kagglehub" / "models" / "o" / "m" / framework / "v" / "3")
    (there.parent / "3.complete").touch()
    assert resolve(handle) == str(there)


# --- resolvers of others


@pytest.fixture
def registered():
    undo = []
    yield lambda *args: undo.append(unihub.register_resolver(*args))
    for take_back in undo:
        take_back()


def test_a_registered_resolver_gives_a_folder(tmp_path, registered):
    folder = write(tmp_path / "half")
    registered("lab://", lambda handle: tmp_path / handle[len("lab://") :])
    assert resolve("lab://half") == str(folder)


def test_a_registered_resolver_gives_another_handle(server, registered):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    registered(lambda handle: handle == "the model", lambda handle: "lab:m")
    registered("lab:", lambda handle: server.url("/m.tar.gz"))
    assert tree(resolve("the model", sha256=SHA256)) == FILES
    refused("cached-hash-differs", "the model", sha256=OTHER)


def test_the_newest_registration_goes_first_and_before_every_kind(tmp_path, registered):
    registered("https://models.lab/", lambda handle: tmp_path / "old")
    registered("https://models.lab/", lambda handle: write(tmp_path / "new"))
    assert resolve("https://models.lab/m") == str(tmp_path / "new")


def test_a_registration_can_be_taken_back():
    take_back = unihub.register_resolver("odd/", lambda handle: ".")
    assert resolve("odd/name") == "."
    take_back()
    take_back()
    with pytest.raises(FileNotFoundError):
        resolve("odd/name")


@pytest.mark.parametrize("arguments", [("", str), (5, str), ("x", "y"), (str.isalpha, None)])
def test_what_cannot_be_registered(arguments):
    with pytest.raises(UnihubError) as raised:
        unihub.register_resolver(*arguments)
    assert raised.value.code == "resolver-not-usable"
    assert isinstance(raised.value, TypeError)
    if arguments == (5, str):
        check_golden(raised.value.code, str(raised.value))


def no_answer(handle):
    return None


no_answer.__module__ = "laboratory"


def test_a_resolver_that_answers_nothing(registered):
    registered("lab://", no_answer)
    error = refused("resolver-answer-not-usable", "lab://m")
    check_golden(error.code, str(error))


def test_resolvers_that_go_round_in_a_circle(registered):
    registered("a:", lambda handle: "b:")
    registered("b:", lambda handle: "a:")
    assert "circle" in refused("resolver-answer-not-usable", "a:").why
    registered("c:", lambda handle: handle + "c")
    assert "circle" in refused("resolver-answer-not-usable", "c:").why


def test_an_error_of_a_resolver_is_its_own(registered):
    registered("lab://", lambda handle: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        resolve("lab://m")


def install(source, site):
    """Installs a package of this machine into a folder, by uv or pip."""
    uv = shutil.which("uv")
    if uv is None and importlib.util.find_spec("pip") is None:
        pytest.skip("neither uv nor pip is here to install a package with")
    installer = [uv, "pip", "install", "--python"] if uv else []
    command = [*installer, sys.executable, *([] if uv else ["-m", "pip", "install"])]
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.check_call([*command, *options, str(source)])


def test_an_installed_package_adds_a_scheme_and_takes_none_of_ours(tmp_path):
    source = tmp_path / "source"
    write(
        source,
        {
            "lab_models.py": b"def find(handle):\n    return '/models/' + handle[6:]\n",
            "setup.py": textwrap.dedent("""
                from setuptools import setup
                setup(
                    name="lab-models",
                    version="1",
                    py_modules=["lab_models"],
                    entry_points={"unihub.resolvers": [
                        "lab = lab_models:find", "https = lab_models:find", "gs = lab_models:find"
                    ]},
                )
            """).encode(),
        },
    )
    site = tmp_path / "site"
    install(source, site)
    script = (
        "from unihub.handles import parsing, resolving\n"
        "print(resolving.locate('lab://half'), resolving.locate('LAB://half'))\n"
        "print(parsing.parse('https://host/m.zip'), parsing.parse('gs://b/m'))\n"
    )
    printed = run_python(script, PYTHONPATH=os.pathsep.join([str(site), *sys.path]))
    assert printed.splitlines() == [
        "/models/half /models/half",
        "https://host/m.zip gs://b/m",
    ]


# --- what is imported


def run_python(script, **env):
    return subprocess.check_output(
        [sys.executable, "-c", script], universal_newlines=True, env={**os.environ, **env}
    )


def test_no_tensorflow_is_imported_and_no_http_library_for_what_is_cached(server, tmp_path):
    server["/m.tar.gz"] = Reply(ARCHIVE)
    server["/model"] = Reply(ARCHIVE)
    (tmp_path / "m.zip").write_bytes(zipped())
    script = textwrap.dedent(f"""
        import sys, unihub
        def loaded():
            names = ("tensorflow", "keras", "google.protobuf", "requests", "kagglehub", "numpy")
            return [name for name in names if name in sys.modules]
        unihub.resolve({str(tmp_path / "m.zip")!r})
        print(loaded())
        unihub.resolve({server.url("/m.tar.gz")!r})
        unihub.resolve({server.url("/model")!r})
        print(loaded())
    """)
    assert run_python(script).splitlines() == ["[]", "['requests']"]
    assert run_python(script).splitlines() == ["[]", "[]"]
