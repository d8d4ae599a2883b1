from __future__ import annotations

import os

import pytest
from golden import check_golden
from handles.stores import require_root

from unihub.handles.cache import ownership
from unihub.handles.cache.cache_errors import CacheNotPrivate, CacheOwnedByAnother
from unihub.handles.cache.ownership import require_private

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
    monkeypatch.setattr(ownership, "HAS_OWNERS", False)
    require_private(str(folder))
    assert ownership.user() == -1
