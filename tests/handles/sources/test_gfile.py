"""File systems that TensorFlow alone reads: its own ram:// in memory, and file:// as others are."""

from __future__ import annotations

import pytest
import tensorflow as tf
from golden import check_golden
from handles.places import FILES, refused, tar_gz, tree, write, zipped
from handles.server import Reply, Server
from packaging.version import Version

import unihub
from unihub import settings
from unihub.handles.cache import staging
from unihub.handles.cache.cache import Cache
from unihub.handles.cache.manifest import Facts
from unihub.handles.kinds import GcsFolder, GfileArchive, GfileFolder
from unihub.handles.sources import gcs, gfile
from unihub.handles.sources.context import Context
from unihub.handles.sources.tensorflow_gfile import blocks, files, size

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def ram(request):
    """A folder in TensorFlow's memory."""
    if Version(tf.__version__) < Version("2.4"):
        pytest.skip("TensorFlow has ram:// from 2.4 on")
    return f"ram://{request.node.name}"


def put(uri, content):
    tf.io.gfile.makedirs(uri.rpartition("/")[0])
    with tf.io.gfile.GFile(uri, "wb") as file:
        file.write(content)


def test_a_folder_is_copied_once(ram):
    for name, data in FILES.items():
        put(f"{ram}/{name}", data)
    folder = unihub.resolve(ram)
    assert tree(folder) == FILES
    tf.io.gfile.rmtree(ram)
    assert unihub.resolve(ram + "/") == folder


@pytest.mark.parametrize(("name", "content"), [("m.tgz", tar_gz(folder="m/")), ("m.zip", zipped())])
def test_an_archive_is_copied_and_extracted(ram, name, content):
    put(f"{ram}/{name}", content)
    assert tree(unihub.resolve(f"{ram}/{name}")) == FILES


def test_an_archive_of_another_hash(ram):
    put(f"{ram}/m.tgz", tar_gz())
    with pytest.raises(ValueError, match="archive-hash-differs"):
        unihub.resolve(f"{ram}/m.tgz", sha256="0" * 64)


def test_nothing_there(ram, cache):
    put(f"{ram}/m.tgz", b"x")
    error = refused("nothing-by-gfile", lambda: unihub.resolve(f"{ram}/no-such-model"))
    assert isinstance(error, FileNotFoundError)
    refused("nothing-by-gfile", lambda: unihub.resolve(f"{ram}/no-such.tgz"))
    assert list(cache.glob("models/*")) == []


def test_a_folder_is_not_an_archive_nor_the_other_way_round(tmp_path):
    write(tmp_path / "m")
    uri = tmp_path.as_uri()
    error = refused("nothing-by-gfile", lambda: files(f"{uri}/m/saved_model.pb"))
    check_golden(error.code, str(error), uri=uri)
    refused("nothing-by-gfile", lambda: size(f"{uri}/m"))


def test_what_is_read_of_a_folder(tmp_path):
    write(tmp_path / "m")
    uri = (tmp_path / "m").as_uri()
    assert sorted(files(uri)) == sorted((name, len(data)) for name, data in FILES.items())
    assert size(f"{uri}/saved_model.pb") == len(FILES["saved_model.pb"])
    assert b"".join(blocks(f"{uri}/saved_model.pb")) == FILES["saved_model.pb"]


def test_a_scheme_that_tensorflow_does_not_know(cache):
    error = refused("file-system-not-available", lambda: unihub.resolve("attic://old/model"))
    reason = error.facts["reason"]
    check_golden(error.code, str(error), tensorflow=tf.__version__, reason=reason)
    assert list(cache.glob("models/*")) == []


def test_no_error_in_the_chain_holds_a_secret(cache):
    uri = "attic://me:hunter2@old/model?sig= KEY"
    error = refused("file-system-not-available", lambda: unihub.resolve(uri))
    chain = [error]
    while chain[-1] is not None:
        assert not any(part in f"{chain[-1]!r} {chain[-1]}" for part in ("hunter2", "KEY"))
        chain.append(chain[-1].__cause__ or chain[-1].__context__)


def test_another_failure_of_a_file_system(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    uri = f"{tmp_path.as_uri()}/file/x"
    error = refused("gfile-failed", lambda: size(uri))
    check_golden(
        error.code, str(error), uri=uri, path=f"{tmp_path}/file/x", kind=error.facts["kind"]
    )


# --- what a bucket does not show to everybody


@pytest.fixture
def context(cache):
    return Context("gs://bucket/m", settings.current(), Cache(str(cache)))


@pytest.fixture
def work(cache):
    (cache / staging.INCOMING).mkdir(parents=True)
    with staging.opened(str(cache), "m") as work:
        yield work


@pytest.fixture
def private(monkeypatch):
    """A server whose bucket is not public."""
    with Server() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.origin)
        server["/storage/v1/b/bucket/o"] = Reply(b"no", status=403)
        yield server


def tried(handle, by_gfile, work, context):
    return gcs.public_or_by_gfile(
        handle, lambda: gcs.public_folder(handle, work, context), by_gfile, context
    )


def test_what_is_not_public_is_read_by_tensorflow(private, work, context, tmp_path, caplog):
    uri = write(tmp_path / "m").as_uri()
    facts = tried(
        GcsFolder("bucket", "m"),
        lambda: gfile.folder(GfileFolder(uri), work, context),
        work,
        context,
    )
    assert isinstance(facts, Facts)
    assert tree(work.model) == FILES
    assert [record.getMessage() for record in caplog.records if record.name == "unihub"] == [
        "gs://bucket/m is not public (403): it is read by tf.io.gfile, with Google's credentials"
    ]


def test_what_neither_can_read(private, work, context):
    error = refused(
        "bucket-not-readable",
        lambda: tried(
            GcsFolder("bucket", "m"),
            lambda: gfile.archive(GfileArchive("attic://old/m.tgz"), work, context),
            work,
            context,
        ),
    )
    assert isinstance(error, PermissionError)
    check_golden(error.code, str(error))
