from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from handles.stores import FILES, HANDLE, mounted, publish, tree

from unihub.handles.cache import staging
from unihub.handles.cache.cache import Cache, key_of
from unihub.handles.cache.derived import weights_note
from unihub.handles.cache.housekeeping import (
    Kind,
    LastUse,
    carry_out,
    damaged_entries,
    entries,
    items,
    last_use,
    plan_clear,
    plan_prune,
    plan_removal,
    plan_sweep,
    usage,
)
from unihub.handles.cache.manifest import Damage

DAY = 86400.0
HANDLES = [f"https://example.com/{name}" for name in "abc"]
WEIGHTS, CONVERTED = "a" * 64, "b" * 32


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
    (one,) = plan_removal(cache, entry.path)
    assert (one.kind, one.handle, one.path) == (Kind.MODEL, HANDLE, entry.folder)
    assert carry_out(cache, (one,)) == one.bytes
    assert carry_out(cache, (one,)) == 0
    assert cache.find(HANDLE) is None
    assert [path for path in tree(root) if path.startswith(("models/", "incoming/"))] == []


def test_a_model_in_use_can_be_removed(cache, root):
    entry = publish(root)
    with open(os.path.join(entry.path, "saved_model.pb"), "rb") as file:
        carry_out(cache, plan_removal(cache, entry.path))
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
    live = staging.unique_folder(str(root), "live")
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
from unihub.handles.cache import staging
staging.unique_folder(sys.argv[1], "dead")
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


def weights_of(root, model, name=WEIGHTS, days_ago=0.0):
    file = root / "weights" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\0" * 8192 + weights_note(str(model)))
    return dated(file, days_ago)


def converted_from(root, model, name=CONVERTED, days_ago=0.0):
    folder = root / "converted" / name
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    origin = json.dumps({"handle": str(model), "format": "tf1_hub"})
    (folder / "assets.extra" / "unihub_conversion.json").write_text(origin)
    dated(folder / "saved_model.pb", days_ago)
    return folder


def dated(file, days_ago):
    when = time.time() - days_ago * DAY
    os.utime(str(file), (when, when))
    return file


def test_what_was_made_from_a_model_is_told_by_it(cache, root, tmp_path):
    entry = publish(root)
    own = tmp_path / "own"
    shutil.copytree(entry.path, str(own))
    weights_of(root, entry.path)
    weights_of(root, own, name="c" * 64)
    folder = converted_from(root, entry.path)
    weights_of(root, folder, name="d" * 64)
    assert [(item.kind, item.key, item.handle, item.files) for item in items(cache)] == [
        (Kind.MODEL, entry.key, HANDLE, 5),
        (Kind.CONVERTED, CONVERTED, HANDLE, 2),
        (Kind.WEIGHTS, WEIGHTS, HANDLE, 1),
        (Kind.WEIGHTS, "c" * 64, str(own), 1),
        (Kind.WEIGHTS, "d" * 64, HANDLE, 1),
    ]
    assert [item.bytes for item in items(cache)[2:]] == [
        file.stat().st_blocks * 512 for file in sorted((root / "weights").iterdir())
    ]


def test_a_listing_is_no_use_of_weights(cache, root):
    weights_of(root, publish(root).path, days_ago=3)
    for _ in range(2):
        (_, item) = items(cache)
        assert 2.9 * DAY < time.time() - item.last_use.time < 3.1 * DAY


def test_what_was_made_goes_with_its_model(cache, root):
    entry, other = publish(root, handle=HANDLES[0]), publish(root, handle=HANDLES[1])
    weights_of(root, entry.path)
    folder = converted_from(root, entry.path)
    weights_of(root, folder, name="c" * 64)
    weights_of(root, other.path, name="d" * 64)
    planned = plan_removal(cache, entry.path)
    assert [(one.kind, one.key, one.reason) for one in planned] == [
        (Kind.MODEL, entry.key, "asked for"),
        (Kind.WEIGHTS, WEIGHTS, "made from a model that goes"),
        (Kind.CONVERTED, CONVERTED, "asked for"),
        (Kind.WEIGHTS, "c" * 64, "made from a model that goes"),
    ]
    carry_out(cache, planned)
    assert [item.key for item in items(cache)] == [other.key, "d" * 64]


def test_pruning_by_age_takes_what_was_made_too(cache, root):
    entry = redated(root, HANDLE, 1)
    old = weights_of(root, entry.path, days_ago=9)
    folder = converted_from(root, entry.path, days_ago=8)
    planned = plan_prune(cache, older_than=7 * DAY)
    assert [(one.path, one.reason, one.handle) for one in planned] == [
        (str(old), "not used for 9 days", HANDLE),
        (str(folder), "not used for 8 days", HANDLE),
    ]
    assert plan_sweep(cache) == ()
    (one,) = plan_prune(cache, older_than=7 * DAY, kinds=(Kind.WEIGHTS,))
    assert one.path == str(old)


def test_pruning_by_size_counts_what_was_made(cache, root):
    entry = redated(root, HANDLE, 5)
    file = weights_of(root, entry.path, days_ago=3)
    model, weights = (item.bytes for item in items(cache))
    assert plan_prune(cache, max_bytes=model + weights) == ()
    # The weights are of no use without their model, however lately they were used.
    planned = plan_prune(cache, max_bytes=model + weights - 1)
    assert [one.path for one in planned] == [entry.folder, str(file)]
    assert plan_prune(cache, max_bytes=0, kinds=(Kind.CONVERTED,)) == ()


def test_clearing_by_kind(cache, root):
    entry = publish(root)
    weights_of(root, entry.path)
    converted_from(root, entry.path)
    carry_out(cache, plan_clear(cache, (Kind.WEIGHTS,)))
    assert [item.kind for item in items(cache)] == [Kind.MODEL, Kind.CONVERTED]
    carry_out(cache, plan_clear(cache))
    assert items(cache) == ()


def test_weights_of_a_changed_model_are_swept(cache, root, tmp_path):
    models = [tmp_path / name for name in ("same", "changed", "gone")]
    for model, letter in zip(models, "abc"):
        shutil.copytree(publish(root).path, str(model))
        weights_of(root, model, name=letter * 64)
    (models[1] / "variables" / "variables.index").write_bytes(b"other")
    shutil.rmtree(str(models[2]))
    assert [(one.kind, one.key, one.reason) for one in plan_sweep(cache)] == [
        (Kind.OUTDATED, letter * 64, "its model has changed or is gone") for letter in "bc"
    ]
    assert [item.key for item in items(cache)][1:] == ["a" * 64]


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"[]" + b"\2" + b"\0" * 7, b"\xff" * 64])
def test_weights_whose_note_cannot_be_read_are_of_an_unknown_model(cache, root, content):
    file = root / "weights" / WEIGHTS
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    (item,) = items(cache)
    assert (item.kind, item.handle, item.model) == (Kind.WEIGHTS, None, None)
    assert plan_sweep(cache) == ()


def test_what_is_being_written_is_never_removed(cache, root):
    for folder, name in (("weights", WEIGHTS), ("converted", CONVERTED)):
        (root / folder).mkdir(parents=True)
        (root / folder / (staging.name_of_work(name) + "x")).mkdir()
    (root / "converted" / f".{CONVERTED}.unfinished-x").mkdir()
    assert plan_sweep(cache) == plan_clear(cache) == plan_prune(cache, 0, 0) == ()


def test_what_dead_processes_were_writing_is_swept(cache, root):
    folder = root / "weights"
    folder.mkdir(parents=True)
    subprocess.run([sys.executable, "-c", BEGIN, str(folder / WEIGHTS)], check=True)
    hidden = root / "converted" / f".{CONVERTED}.unfinished-x"
    hidden.mkdir(parents=True)
    dated(hidden, 2)
    planned = plan_sweep(cache)
    assert [(one.kind, one.key, one.reason) for one in planned] == [
        (Kind.INCOMING, WEIGHTS, "left by a process that ended"),
        (Kind.INCOMING, hidden.name, "left by a process that ended"),
    ]
    carry_out(cache, planned)
    assert [*folder.iterdir(), *hidden.parent.iterdir()] == []


BEGIN = """
import sys
from unihub.handles.cache import staging
open(staging.name_of_work(sys.argv[1]) + "random", "w").close()
"""


def test_mapped_weights_stay_when_they_are_removed(cache, root):
    file = weights_of(root, publish(root).path)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as data:
        carry_out(cache, plan_clear(cache))
        assert data[:8192] == b"\0" * 8192
    assert not file.exists()
