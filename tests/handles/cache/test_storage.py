from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest
from golden import check_golden
from handles.stores import (
    FILES,
    HANDLE,
    build,
    content,
    left_behind,
    mounted,
    never,
    publish,
    require_root,
    tree,
)

from unihub.handles.cache import cache_errors, storage
from unihub.handles.cache.cache import Cache, key_of
from unihub.handles.cache.cache_errors import CacheNotPrivate, CacheOwnedByAnother
from unihub.handles.cache.storage import require_private

KEY = key_of(HANDLE)
OTHER_USER = 12345


def test_a_hit_on_a_read_only_file_system(cache, root):
    with mounted(root, "size=1m,mode=0700"):
        entry = publish(root)
        subprocess.run(["mount", "-o", "remount,ro", str(root)], check=True)
        assert cache.find(HANDLE) == entry
        assert cache.verify(entry) == ()
        with pytest.raises(cache_errors.CacheNotWritable) as caught:
            cache.publish("https://example.com/other", never, lock_timeout=60)
    check_golden(
        "cache-not-writable",
        str(caught.value).replace(key_of("https://example.com/other"), "<key>"),
        root=root,
    )


def test_a_cache_that_is_a_file(cache, root):
    root.write_bytes(b"")
    assert cache.find(HANDLE) is None
    with pytest.raises(cache_errors.CacheNotWritable, match="File exists"):
        publish(root)


def test_a_cache_below_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(str(tmp_path / "file" / "cache"))
    assert cache.find(HANDLE) is None
    with pytest.raises(cache_errors.CacheNotWritable, match=r"Not a directory|File exists"):
        cache.publish(HANDLE, never, lock_timeout=60)


def test_a_denied_file_of_the_build_is_not_the_caches_fault(cache, tmp_path):
    def denied(work):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "archive.tar"))

    with pytest.raises(PermissionError) as caught:
        cache.publish(HANDLE, denied, lock_timeout=60)
    assert type(caught.value) is PermissionError


def test_a_full_disk(cache, root):
    def too_much(work):
        work.needed = 2_000_000
        Path(work.partial).write_bytes(b"half")
        return build(work, {**FILES, "big": b"\0" * 2_000_000})

    with mounted(root, "size=1m,mode=0700"):
        with pytest.raises(cache_errors.DiskFull) as caught:
            cache.publish(HANDLE, too_much, lock_timeout=60)
        assert left_behind(root) == []
        assert cache.find(HANDLE) is None
        assert caught.value.errno == errno.ENOSPC
        free = os.statvfs(str(root))
        publish(root)
    text = str(caught.value).replace(f"{free.f_bavail * free.f_frsize} are free", "<free>")
    check_golden("disk-full", text, root=root)


def test_a_disk_that_is_too_small_is_known_before(cache, root):
    def too_much(work):
        work.needs(2_000_000)

    with mounted(root, "size=1m,mode=0700"):
        with pytest.raises(cache_errors.DiskFull, match="2000000 bytes are needed"):
            cache.publish(HANDLE, too_much, lock_timeout=60)
        assert left_behind(root) == []


def test_a_full_disk_behind_another_error(cache, root):
    def wrapping(work):
        try:
            build(work, {"big": b"\0" * 2_000_000})
        except OSError as error:
            raise ValueError("extraction failed") from error

    with mounted(root, "size=1m,mode=0700"), pytest.raises(cache_errors.DiskFull):
        cache.publish(HANDLE, wrapping, lock_timeout=60)


def test_a_disk_without_room_for_the_lock(cache, root):
    with mounted(root, "size=1m,nr_inodes=8,mode=0700"):
        publish_folders(root)
        fill_inodes(root)
        with pytest.raises(cache_errors.InodesFull):
            cache.publish(HANDLE, never, lock_timeout=60)


def publish_folders(root):
    Cache(str(root))._make_folders()


def fill_inodes(root):
    with pytest.raises(OSError):
        for number in range(100):
            (root / f"file{number}").touch()


def test_full_inodes(cache, root):
    def many(work):
        return build(work, {**FILES, **{f"assets/{number}": b"" for number in range(100)}})

    with mounted(root, "size=1m,nr_inodes=50,mode=0700"):
        with pytest.raises(cache_errors.InodesFull) as caught:
            cache.publish(HANDLE, many, lock_timeout=60)
        assert left_behind(root) == []
        free = os.statvfs(str(root))
        publish(root)
    text = str(caught.value).replace(f"{free.f_bavail * free.f_frsize} bytes were free", "<free>")
    check_golden("inodes-full", text, root=root)


@pytest.mark.parametrize("inner", ["", "models", f"models/{KEY}", f"models/{KEY}/model/variables"])
def test_what_belongs_to_another_user_is_refused(cache, root, inner):
    require_root()
    publish(root)
    os.chown(str(root / inner), OTHER_USER, -1)
    with pytest.raises(cache_errors.CacheOwnedByAnother) as caught:
        cache.find(HANDLE)
    assert caught.value.facts["path"] == str(root / inner).rstrip("/")


@pytest.mark.parametrize(
    "inner",
    ["", "models", f"models/{KEY}", f"models/{KEY}/model", f"models/{KEY}/model/saved_model.pb"],
)
@pytest.mark.parametrize("bit", [0o020, 0o002])
def test_what_others_can_write_is_refused(cache, root, inner, bit):
    publish(root)
    path = root / inner
    path.chmod(path.stat().st_mode | bit)
    with pytest.raises(cache_errors.CacheNotPrivate):
        cache.find(HANDLE)


def test_nothing_is_stored_where_others_can_write(cache, root):
    root.mkdir()
    root.chmod(0o777)
    with pytest.raises(cache_errors.CacheNotPrivate):
        cache.publish(HANDLE, never, lock_timeout=60)
    assert tree(root) == []


def test_a_linked_cache_is_followed(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert content(publish(tmp_path / "link").path) == FILES
    (tmp_path / "real").chmod(0o777)
    with pytest.raises(cache_errors.CacheNotPrivate):
        Cache(str(tmp_path / "link")).find(HANDLE)


def test_a_cache_that_its_owner_closed(root):
    """In a process of its own, which has another user, to whom root's caches are open."""
    require_root()
    publish(root)
    for folder in (root, *root.parents):
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    (root / "models" / KEY).chmod(0o700)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setuid(OTHER_USER)
        try:
            Cache(str(root)).find(HANDLE)
        except BaseException as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(child, 0)
    check_golden("cache-not-readable", text.replace(KEY, "<key>"), root=root)


# --- who may write

OTHER_USER = 12345


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "models"
    path.mkdir(mode=0o700)
    return path


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o500, 0o2755])
def test_what_only_its_owner_writes_is_trusted(folder, mode):
    folder.chmod(mode)
    require_private(str(folder))


@pytest.mark.parametrize(
    ("mode", "who"),
    [
        (0o720, "every member of its group"),
        (0o702, "every user of this machine"),
        (0o777, "every user of this machine"),
        (0o1777, "every user of this machine"),
    ],
)
def test_what_others_write_is_not(folder, mode, who):
    folder.chmod(mode)
    with pytest.raises(CacheNotPrivate, match=who):
        require_private(str(folder))


def refused(folder, error, variable="UNIHUB_CACHE"):
    with pytest.raises(error) as caught:
        require_private(str(folder), variable)
    return str(caught.value).replace(f"uid {os.geteuid()}", "uid <uid>")


def test_the_remedy_is_chmod(folder):
    folder.chmod(0o775)
    check_golden("cache-not-private", refused(folder, CacheNotPrivate), folder=folder)


def test_the_remedy_for_a_shared_folder_is_one_inside(folder):
    folder.chmod(0o1777)
    text = refused(folder, CacheNotPrivate, "TFHUB_CACHE_DIR")
    check_golden("cache-not-private-sticky", text, folder=folder)


def test_what_belongs_to_another_user_is_not(folder):
    require_root()
    os.chown(str(folder), OTHER_USER, -1)
    text = refused(folder, CacheOwnedByAnother).replace(
        f"chown -R {os.geteuid()}", "chown -R <uid>"
    )
    check_golden("cache-owned-by-another", text, folder=folder)


def test_what_belongs_to_root_is_trusted_by_all(folder, monkeypatch):
    require_root()
    monkeypatch.setattr(os, "geteuid", lambda: OTHER_USER)
    require_private(str(folder))


def test_a_path_is_quoted(tmp_path):
    folder = tmp_path / "my models; rm"
    folder.mkdir()
    folder.chmod(0o777)
    assert f"chmod -R go-w '{folder}'\n" in refused(folder, CacheNotPrivate)


def test_without_owners_there_is_nothing_to_check(folder, monkeypatch):
    folder.chmod(0o777)
    monkeypatch.setattr(storage, "HAS_OWNERS", False)
    require_private(str(folder))
    assert storage.user() == -1
