from __future__ import annotations

import json
import os
import re
import shutil
import stat
import threading
from pathlib import Path

import pytest
from golden import check_golden
from handles.stores import (
    FILES,
    HANDLE,
    build,
    content,
    left_behind,
    never,
    publish,
    tree,
)
from hypothesis import given
from hypothesis import strategies as st

from unihub.handles.cache import cache_errors
from unihub.handles.cache.cache import key_of
from unihub.handles.cache.manifest import Facts, StoredFile

KEY = key_of(HANDLE)


def test_a_published_model_is_found(cache, root):
    assert cache.find(HANDLE) is None
    entry = publish(root)
    assert content(entry.path) == FILES
    assert cache.find(HANDLE) == entry
    assert entry.path == str(root / "models" / KEY / "model")
    assert (entry.key, entry.handle, entry.url) == (KEY, HANDLE, HANDLE)
    assert [(file.path, file.size) for file in entry.files] == sorted(
        (name, len(data)) for name, data in FILES.items()
    )
    assert entry.size == sum(len(data) for data in FILES.values())
    assert cache.verify(entry) == ()
    assert left_behind(root) == []


def test_a_lookup_makes_nothing(cache, root):
    cache.find(HANDLE)
    assert not root.exists()


def test_a_model_is_built_once(cache, root):
    entry = publish(root)
    assert cache.publish(HANDLE, never, lock_timeout=60) == entry


def test_facts_of_the_build_are_kept(cache, root):
    facts = Facts(
        url="https://example.com/final",
        sha256="ab" * 32,
        etag='"1"',
        version="3",
        files=[StoredFile("saved_model.pb", 2, "cd" * 32)],
    )

    def build(work):
        Path(work.model, "saved_model.pb").write_bytes(b"pb")
        return facts

    cache.publish(HANDLE, build, lock_timeout=60)
    entry = cache.find(HANDLE)
    assert (entry.url, entry.sha256, entry.etag, entry.version, entry.files) == (
        facts.url,
        facts.sha256,
        facts.etag,
        facts.version,
        tuple(facts.files),
    )


def test_secrets_are_not_stored(cache, root):
    handle = "https://me:hunter2@example.com/m.tar.gz?sig=hunter2"
    entry = publish(root, handle=handle)
    assert entry.handle == "https://example.com/m.tar.gz?…"
    assert cache.find(handle) == entry
    assert b"hunter2" not in (root / "models" / entry.key / "manifest.json").read_bytes()
    assert [path for path in tree(root) if "hunter2" in path] == []


def test_the_cache_is_private_whatever_the_umask(root):
    before = os.umask(0)
    try:
        entry = publish(root)
    finally:
        os.umask(before)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in Path(entry.folder).rglob("*")}
    assert [oct(mode) for mode in modes if mode & 0o022] == []


def test_a_model_needs_a_model_file(cache, root):
    with pytest.raises(cache_errors.NoModelFile) as caught:
        publish(root, {"model.tflite": b"x", "labels.txt": b"y"})
    check_golden("no-model-file", str(caught.value))
    assert left_behind(root) == [] and cache.find(HANDLE) is None


def test_files_must_be_those_that_were_extracted(cache, root):
    def build(work):
        Path(work.model, "saved_model.pb").write_bytes(b"pb")
        return Facts(files=[StoredFile("saved_model.pb", 3, "00" * 32)])

    with pytest.raises(cache_errors.IncompleteBuild) as caught:
        cache.publish(HANDLE, build, lock_timeout=60)
    check_golden("incomplete-build", str(caught.value), root=root)
    assert left_behind(root) == [] and cache.find(HANDLE) is None


def test_a_link_is_no_part_of_a_model(cache, root, tmp_path):
    target = tmp_path / "outside"
    target.write_bytes(b"x")
    target.chmod(0o666)

    def build(work):
        Path(work.model, "saved_model.pb").write_bytes(b"pb")
        os.symlink(str(target), os.path.join(work.model, "linked"))
        return Facts()

    with pytest.raises(cache_errors.IncompleteBuild, match="model/linked is a link, no file"):
        cache.publish(HANDLE, build, lock_timeout=60)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666


def test_a_failed_build_leaves_its_download_for_the_next(cache, root):
    def fail(work):
        Path(work.partial).write_bytes(b"half")
        Path(work.partial + ".json").write_bytes(b"{}")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.publish(HANDLE, fail, lock_timeout=60)
    parts = [f"parts/{KEY}", f"parts/{KEY}/archive", f"parts/{KEY}/archive.json"]
    assert left_behind(root) == parts

    def go_on(work):
        assert Path(work.partial).read_bytes() == b"half"
        assert Path(work.partial + ".json").read_bytes() == b"{}"
        return build(work)

    cache.publish(HANDLE, go_on, lock_timeout=60)
    assert left_behind(root) == []


def test_a_build_can_begin_anew(cache):
    def twice(work):
        build(work, {"half": b""})
        work.clear()
        return build(work)

    assert content(cache.publish(HANDLE, twice, lock_timeout=60).path) == FILES


def test_the_first_of_two_renames_wins(cache, root):
    def late(work):
        shutil.copytree(str(complete), str(root / "models" / KEY))
        return build(work, {"saved_model.pb": b"ours"})

    complete = root.parent / "complete"
    shutil.copytree(publish(root).folder, str(complete))
    shutil.rmtree(str(root / "models" / KEY))
    entry = cache.publish(HANDLE, late, lock_timeout=60)
    assert content(entry.path) == FILES and left_behind(root) == []


def no_json(content):
    with pytest.raises(ValueError) as caught:
        json.loads(content)
    return f"JSONDecodeError: {caught.value}"


def replaced_by_a_link(file):
    target = file.parent.parent.parent.parent / "elsewhere"
    file.rename(target)
    file.symlink_to(target)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_noticed(cache, root, name):
    Path(publish(root).path, name).unlink()
    with pytest.raises(cache_errors.DamagedEntry, match=f"model/{name} is missing"):
        cache.find(HANDLE)


@pytest.mark.parametrize("name", sorted(set(FILES) - {"assets/empty.txt"}))
def test_a_cut_file_is_noticed(cache, root, name):
    file = Path(publish(root).path, name)
    os.truncate(str(file), file.stat().st_size - 1)
    with pytest.raises(cache_errors.DamagedEntry, match=f"model/{name} has"):
        cache.find(HANDLE)


@pytest.mark.parametrize(
    ("harm", "damage"),
    [
        (lambda folder: (folder / "model/more").touch(), "model/more does not belong to it"),
        (
            lambda folder: (folder / "model/assets/empty.txt").write_bytes(b"x"),
            "model/assets/empty.txt has 1 bytes and should have 0",
        ),
        (
            lambda folder: replaced_by_a_link(folder / "model/saved_model.pb"),
            "model/saved_model.pb is a link, no file",
        ),
        (
            lambda folder: shutil.rmtree(str(folder / "model")),
            "model is no folder: No such file or directory",
        ),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing"),
        (
            lambda folder: (folder / "manifest.json").write_bytes(b""),
            f"manifest.json cannot be understood: {no_json(b'')}",
        ),
        (
            lambda folder: (folder / "manifest.json").write_text('{"format": 2}'),
            "manifest.json is of another format than 1, which this unihub reads",
        ),
        (
            lambda folder: (folder / "manifest.json").write_text('{"format": 1, "key": "k"}'),
            "manifest.json is that of another entry: 'k'",
        ),
        (
            lambda folder: (shutil.rmtree(str(folder)), folder.write_bytes(b"")),
            "manifest.json cannot be read: Not a directory",
        ),
    ],
)
def test_damage_is_never_served_and_heals(cache, root, harm, damage):
    folder = Path(publish(root).folder)
    harm(folder)
    with pytest.raises(cache_errors.DamagedEntry) as caught:
        cache.find(HANDLE)
    assert caught.value.why == f"{damage}. (in {folder})"
    assert content(publish(root).path) == FILES
    assert cache.find(HANDLE) is not None
    assert len(os.listdir(str(root / "quarantine"))) == 1


def test_damaged_entry_says_what_and_what_to_do(cache, root):
    Path(publish(root).path, "variables/variables.index").unlink()
    Path(publish(root).path)
    entry = cache.find(HANDLE)
    Path(entry.path, "saved_model.pb").write_bytes(b"")
    Path(entry.path, "assets/vocabulary.txt").unlink()
    with pytest.raises(cache_errors.DamagedEntry) as caught:
        cache.find(HANDLE)
    check_golden("damaged-entry", str(caught.value), root=root)


def test_what_file_systems_and_desktops_add_is_no_damage(cache, root):
    model = Path(publish(root).path)
    (model / ".nfs0001").touch()
    (model / "assets" / ".DS_Store").touch()
    (model / "empty").mkdir()
    assert cache.find(HANDLE) is not None


def test_verify_reads_every_byte(cache, root):
    entry = publish(root)
    for name in ("saved_model.pb", "variables/variables.index"):
        file = Path(entry.path, name)
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(bytes(data))
    assert cache.find(HANDLE) == entry
    damage = cache.verify(entry)
    assert [one.path for one in damage] == [
        "model/saved_model.pb",
        "model/variables/variables.index",
    ]
    assert damage[0].what.startswith("has the SHA-256 ")
    cache.quarantine(entry)
    assert cache.find(HANDLE) is None
    assert cache.verify(publish(root)) == ()


def test_the_last_damaged_copy_is_kept(cache, root):
    for _ in range(3):
        cache.quarantine(publish(root))
    publish(root, handle="https://example.com/other")
    assert len(os.listdir(str(root / "quarantine"))) == 1


def test_a_sound_entry_is_put_back(cache, root):
    publish(root)
    cache._set_aside(KEY, (0, 0, 0))
    assert cache.find(HANDLE) is not None and left_behind(root) == []


def test_an_entry_removed_while_it_is_read_is_no_damage(cache, root):
    publish(root)
    stop = threading.Event()

    def replace():
        while not stop.is_set():
            for files in ({"saved_model.pb": b"x"}, FILES):
                publish(root, files)
                os.rename(str(root / "models" / KEY), str(root / "away"))
                shutil.rmtree(str(root / "away"))

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        found = [cache.find(HANDLE) for _ in range(500)]
    finally:
        stop.set()
        thread.join()
    assert {len(entry.files) for entry in found if entry} <= {1, len(FILES)}


# --- keys

ANY_TEXT = st.one_of(st.text(), st.text(st.characters()), st.text("aA./\\:~?#@% \0", max_size=200))


@pytest.mark.parametrize(
    ("handle", "expected"),
    [
        (
            "https://tfhub.dev/google/nnlm-en-dim50/2",
            "tfhub-dev-google-nnlm-en-dim50-2-141dc0ae7ca76904",
        ),
        ("https://me:secret@example.com/m.tar.gz?sig=secret#secret", "example-com-m-tar-gz-"),
        ("", "e3b0c44298fc1c14"),
        ("../../..", "2978"),
        ("NUL", "nul-"),
        ("\udcff", ""),
    ],
)
def test_key(handle, expected):
    assert key_of(handle)[: len(expected)] == expected


@given(ANY_TEXT)
def test_any_text_is_one_short_safe_segment(handle):
    assert re.fullmatch(r"(?=.{16,100}$)([a-z0-9]+-)*[0-9a-f]{16}", key_of(handle))


@given(ANY_TEXT, ANY_TEXT)
def test_different_handles_have_different_keys_in_any_case(one, other):
    assert (key_of(one).lower() == key_of(other).lower()) == (one == other)


def test_case_alone_makes_another_key():
    assert key_of("https://h/Model") != key_of("https://h/model")


@given(st.text("abcS3cr3t", min_size=6).filter(lambda text: text not in "example"))
def test_no_secret_is_readable(secret):
    key = key_of(f"https://user:{secret}@h/m?sig={secret}")
    assert key[:-16] == "h-m-"
