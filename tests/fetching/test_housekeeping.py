from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stores import FILES, HANDLE, mounted, publish, tree

from unihub.fetching import workplace
from unihub.fetching.cache import Cache
from unihub.fetching.housekeeping import (
    Kind,
    LastUse,
    carry_out,
    damaged_entries,
    entries,
    last_use,
    plan_prune,
    plan_sweep,
    removal,
    usage,
)
from unihub.fetching.keys import key_of
from unihub.fetching.manifest import Damage

DAY = 86400.0
HANDLES = [f"https://example.com/{name}" for name in "abc"]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def cache(root):
    return Cache(str(root))


def used(entry, days_ago):
    """Dates the last use, as a read of the manifest does."""
    when = time.time() - days_ago * DAY
    os.utime(os.path.join(entry.folder, "manifest.json"), (when, when))
    object.__setattr__(entry, "created", when)
    return entry


def redated(root, handle, days_ago):
    entry = publish(root, handle=handle)
    manifest = Path(entry.folder, "manifest.json")
    text = manifest.read_text().replace(repr(entry.created), repr(entry.created - 100 * DAY))
    manifest.write_text(text)
    return used(entry, days_ago)


def test_an_empty_cache_has_nothing(cache, root):
    assert (entries(cache), damaged_entries(cache), plan_prune(cache, 0, 0), plan_sweep(cache)) == (
        (), (), (), (),
    )  # fmt: skip
    assert not root.exists()


def test_entries_and_damage_are_told_apart(cache, root):
    sound, broken = (publish(root, handle=handle) for handle in HANDLES[:2])
    Path(broken.path, "saved_model.pb").unlink()
    assert entries(cache) == (sound,)
    size = len(FILES["saved_model.pb"])
    assert damaged_entries(cache) == (
        (broken.folder, (Damage("model/saved_model.pb", f"is missing ({size} bytes)"),)),
    )


def test_usage_counts_blocks_and_each_file_once(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 10_000)
    os.link(str(tmp_path / "a"), str(tmp_path / "b"))
    found = usage(str(tmp_path))
    folder = os.lstat(str(tmp_path)).st_blocks * 512
    assert (found.bytes - folder, found.files) == (os.lstat(str(tmp_path / "a")).st_blocks * 512, 1)


def test_a_listing_is_no_use(cache, root):
    entry = redated(root, HANDLE, 3)
    before = last_use(entry)
    entries(cache)
    assert last_use(entry) == before


def test_a_hit_is_a_use(cache, root):
    with mounted(root, "size=1m,mode=0700,strictatime"):
        entry = redated(root, HANDLE, 3)
        assert time.time() - last_use(entry).time > 2 * DAY
        cache.find(HANDLE)
        assert last_use(entry).noted
        assert time.time() - last_use(entry).time < DAY


def test_without_access_times_the_age_counts(cache, root):
    with mounted(root, "size=1m,mode=0700,noatime"):
        entry = publish(root)
        assert last_use(entry) == LastUse(entry.created, noted=False)


def test_pruning_by_age(cache, root):
    old, older, new = (redated(root, handle, days) for handle, days in zip(HANDLES, (8, 9, 1)))
    planned = plan_prune(cache, older_than=7 * DAY)
    assert [(one.key, one.reason) for one in planned] == [
        (older.key, "not used for 9 days"),
        (old.key, "not used for 8 days"),
    ]
    assert len(entries(cache)) == 3
    assert carry_out(cache, planned) == sum(one.bytes for one in planned)
    assert entries(cache) == (Cache(str(root)).find(new.handle),)


def test_pruning_by_size_takes_the_least_recently_used(cache, root):
    first, second, third = (redated(root, handle, days) for handle, days in zip(HANDLES, (5, 9, 7)))
    size = usage(first.folder).bytes
    planned = plan_prune(cache, max_bytes=size)
    assert [one.key for one in planned] == [second.key, third.key]
    assert planned[0].reason == "least recently used, 9 days ago"
    assert plan_prune(cache, max_bytes=3 * size) == ()


def test_a_removed_model_is_gone(cache, root):
    entry = publish(root)
    one = removal(entry)
    assert (one.kind, one.handle, one.path) == (Kind.MODEL, HANDLE, entry.folder)
    assert carry_out(cache, (one,)) == one.bytes
    assert carry_out(cache, (one,)) == 0
    assert cache.find(HANDLE) is None
    assert [path for path in tree(root) if path.startswith(("models/", "incoming/"))] == []


def test_a_model_in_use_can_be_removed(cache, root):
    entry = publish(root)
    with open(os.path.join(entry.path, "saved_model.pb"), "rb") as file:
        carry_out(cache, (removal(entry),))
        assert file.read() == FILES["saved_model.pb"]


def test_a_sweep_finds_what_is_of_no_more_use(cache, root):
    damaged = publish(root, handle=HANDLES[0])
    cache.quarantine(publish(root, handle=HANDLES[1]))
    publish(root, handle=HANDLES[2])
    Path(damaged.path, "saved_model.pb").unlink()
    (root / "parts" / "key").mkdir()
    (root / "parts" / "key" / "archive").write_bytes(b"x" * 5000)
    dead = subprocess.Popen([sys.executable, "-c", LEAVE, str(root)])
    dead.wait()
    live = workplace.unique_folder(str(root), "live")
    planned = plan_sweep(cache)
    assert [(one.kind, one.key, one.reason) for one in planned] == [
        (
            Kind.DAMAGED,
            key_of(HANDLES[0]),
            f"damaged: model/saved_model.pb is missing ({len(FILES['saved_model.pb'])} bytes)",
        ),
        (Kind.QUARANTINED, key_of(HANDLES[1]), "a damaged copy"),
        (Kind.PART, "key", "an unfinished download"),
        (Kind.INCOMING, "dead", "left by a process that ended"),
    ]
    carry_out(cache, planned)
    assert plan_sweep(cache) == ()
    assert os.listdir(str(root / "incoming")) == [os.path.basename(live)]


LEAVE = """
import sys
from unihub.fetching import workplace
workplace.unique_folder(sys.argv[1], "dead")
"""


def test_downloads_are_kept_for_days(cache, root):
    publish(root)
    for days in (6, 8):
        part = root / "parts" / f"{days}"
        part.mkdir()
        (part / "archive").touch()
        when = time.time() - days * DAY
        for path in (part / "archive", part):
            os.utime(str(path), (when, when))
    publish(root, handle=HANDLES[0])
    assert os.listdir(str(root / "parts")) == ["6"]
