from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import pickle
import random
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from golden import check_golden
from handles import tars
from hypothesis import given
from hypothesis import strategies as st

from unihub.errors import UnihubError
from unihub.handles.archive.extract import Caps, ExtractedFile, archive_kind, extract
from unihub.handles.archive.extract_errors import (
    ArchiveNotSupported,
    ArchiveTooLarge,
    DamagedArchive,
    EmptyArchive,
    NotAnArchive,
    UnsafeArchive,
)

CAPS = Caps(extracted_bytes=1 << 30, ratio=200.0, members=1000, header_bytes=1 << 16)


SMALL = {"a/b": b"1", "c": b""}


class OnlyRead:
    """A stream that can do nothing but read, in pieces as a network gives them."""

    def __init__(self, content, most=1 << 20):
        self._file = io.BytesIO(content)
        self._most = most

    def read(self, size):
        return self._file.read(min(size, self._most))

    @property
    def taken(self):
        return self._file.tell()


def caps(**changes):
    return Caps(**{**vars(CAPS), **changes})


def files_in(folder):
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder).replace(os.sep, "/")] = file.read()
    return found


class Yard:
    """A folder to extract into, again and again, and what lies around it."""

    def __init__(self, path):
        self.path = path
        self.folder = str(path / "yard" / "model")
        self.clear()

    def clear(self):
        shutil.rmtree(str(self.path / "yard"), ignore_errors=True)
        os.makedirs(self.folder)

    def extract(self, archive, caps=CAPS, **kwargs):
        """The files that an archive leaves; nothing may appear outside the folder."""
        if isinstance(archive, bytes):
            archive = io.BytesIO(archive)
        if os.listdir(self.folder):
            self.clear()
        try:
            self.extracted = extract(archive, self.folder, caps, "model.tar.gz", **kwargs)
        finally:
            assert os.listdir(os.path.dirname(self.folder)) == ["model"]
        return files_in(self.folder)


@pytest.fixture(scope="module")
def shared_yard():
    """In memory where there is such a folder: thousands of small files are made and removed."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as path:
        yield Yard(Path(path))


@pytest.fixture
def yard(shared_yard):
    shared_yard.clear()
    return shared_yard


@pytest.mark.parametrize("case", sorted(tars.ZOO))
def test_what_is_wrong_is_refused_for_its_reason(yard, case):
    refused = tars.ZOO[case]
    with pytest.raises(UnihubError) as caught:
        yard.extract(refused.archive)
    assert caught.value.code == refused.code
    assert refused.says in str(caught.value)


@pytest.mark.parametrize("case", sorted(tars.TARS))
def test_what_is_wrong_is_refused_in_gzip_as_well(yard, case):
    refused = tars.TARS[case]
    with pytest.raises(UnihubError) as caught:
        yard.extract(OnlyRead(tars.compressed(refused.archive), most=100))
    assert caught.value.code == refused.code


@pytest.mark.parametrize("case", sorted(tars.HARMLESS))
def test_what_is_merely_unusual_is_extracted(yard, case):
    archive, files = tars.HARMLESS[case]
    assert yard.extract(archive) == files


@pytest.mark.parametrize("most", [1, 511, 1 << 20])
@pytest.mark.parametrize("archive", [tars.model_tar(), tars.compressed(tars.model_tar())])
def test_tar_needs_nothing_but_read(yard, archive, most):
    assert yard.extract(OnlyRead(archive, most)) == tars.MODEL


def test_zip_needs_to_be_sought(yard):
    with pytest.raises(io.UnsupportedOperation, match=r"a \.zip cannot be read as a stream"):
        yard.extract(OnlyRead(tars.zipped()))


@pytest.mark.parametrize("pack", [tars.model_tar, tars.zipped])
def test_files_are_named_with_sizes_and_hashes(yard, pack):
    yard.extract(pack())
    assert yard.extracted == tuple(
        ExtractedFile(path, len(content), hashlib.sha256(content).hexdigest())
        for path, content in tars.MODEL.items()
    )


@pytest.mark.parametrize(
    ("archive", "kind"),
    [
        (tars.model_tar(), "tar"),
        (tars.END, "tar"),
        (tars.compressed(b""), "tar.gz"),
        (tars.zipped(), "zip"),
        (b"", None),
        (b"hello" * 200, None),
    ],
)
def test_archive_kind(archive, kind):
    assert archive_kind(archive[:512]) == kind


def test_another_kind_than_the_one_asked_for_is_refused(yard):
    with pytest.raises(NotAnArchive, match=r"a zip file, where a tar\.gz file was expected"):
        yard.extract(tars.zipped(), kind="tar.gz")
    assert yard.extract(tars.zipped(), kind="zip") == tars.MODEL


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_permissions_are_ours_and_not_the_archives(yard):
    before = os.umask(0o027)
    try:
        yard.extract(tars.tar(tars.member(b"a/b", b"1")))
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(os.stat(os.path.join(yard.folder, p)).st_mode) for p in ("a", "a/b")]
    assert [oct(mode) for mode in modes] == ["0o750", "0o640"]
    assert os.stat(os.path.join(yard.folder, "a/b")).st_mtime > 86400


def test_every_cut_of_a_tar_is_refused(yard):
    whole = tars.model_tar(SMALL)
    accepted = [cut for cut in range(len(whole)) if complete(yard, whole[:cut], SMALL)]
    assert accepted == []


def test_a_cut_in_the_padding_after_the_end_loses_nothing(yard):
    whole = tars.model_tar(end=tars.END + bytes(4 * tars.BLOCK))
    end = len(tars.model_tar())
    accepted = [cut for cut in range(end, len(whole), 128) if complete(yard, whole[:cut])]
    # A writer may pad to a multiple of any number of blocks, and these are whole blocks.
    assert accepted == list(range(end, len(whole), tars.BLOCK))


@pytest.mark.parametrize("pack", [tars.compressed, lambda tar: tars.zipped()], ids=["gz", "zip"])
def test_every_cut_of_a_compressed_archive_is_refused(yard, pack):
    whole = pack(tars.model_tar())
    assert [cut for cut in range(len(whole)) if complete(yard, whole[:cut])] == []


def complete(yard, archive, content=tars.MODEL):
    """Whether an archive is taken for whole; then its content has to be."""
    try:
        files = yard.extract(archive)
    except UnihubError:
        return False
    assert files == content
    return True


def flipped(content, bit):
    altered = bytearray(content)
    altered[bit // 8] ^= 1 << bit % 8
    return bytes(altered)


def test_300_flipped_bits_of_a_gzip_are_caught_or_change_nothing(yard):
    tar = tars.model_tar()
    whole = tars.compressed(tar)
    bits = [random.Random(seed).randrange(8 * len(whole)) for seed in range(300)]
    accepted = [bit for bit in bits if complete(yard, flipped(whole, bit))]
    # The header's time, level and system say nothing of the content, and in a run of
    # equal bytes any distance back copies the same ones.
    assert [bit for bit in accepted if gzip.decompress(flipped(whole, bit)) != tar] == []
    assert len(accepted) < 15


@pytest.mark.parametrize("pack", [tars.zipped, tars.zip64])
@pytest.mark.parametrize("comment", [b"PK\5\6 is not the end", b"c" * 0xFFFF])
def test_a_zip_may_end_in_a_comment(yard, pack, comment):
    archive = pack()
    commented = archive[:-2] + len(comment).to_bytes(2, "little") + comment
    assert yard.extract(commented) == tars.MODEL
    with pytest.raises(DamagedArchive, match="end is missing"):
        yard.extract(commented + b"\0")


@pytest.mark.parametrize("field", ["saved_model.pb", "variables/variables.index"])
def test_flipped_names_of_a_zip_are_caught(yard, field):
    whole = tars.zipped()
    assert not complete(yard, flipped(whole, 8 * whole.index(field.encode())))


def test_a_bomb_of_two_gibibytes_is_stopped_before_it_is_written(yard):
    bomb = OnlyRead(tars.gzip_bomb(2 << 30))
    with pytest.raises(ArchiveTooLarge, match="UNIHUB_MAX_EXTRACTED_BYTES=4294967296"):
        yard.extract(bomb)
    assert files_in(yard.folder) == {}


def test_a_bomb_below_the_cap_is_stopped_by_its_ratio(yard):
    bomb = OnlyRead(tars.gzip_bomb(2 << 30))
    with pytest.raises(ArchiveTooLarge, match="UNIHUB_MAX_RATIO"):
        yard.extract(bomb, caps(extracted_bytes=4 << 30))
    assert len(files_in(yard.folder)["zeros"]) <= 17 << 20


def test_zeros_after_the_end_are_a_bomb_too(yard):
    whole = tars.model_tar() + bytes(20 << 20)
    with pytest.raises(DamagedArchive, match="bytes of nothing"):
        yard.extract(tars.compressed(whole), caps(ratio=1e9))
    with pytest.raises(ArchiveTooLarge, match="UNIHUB_MAX_RATIO"):
        yard.extract(tars.compressed(whole))


def test_many_files_are_stopped_at_the_cap(yard):
    many = tars.tar(*[tars.member(b"%d" % i, bytes(1000)) for i in range(50)])
    with pytest.raises(ArchiveTooLarge):
        yard.extract(many, caps(extracted_bytes=10_500))
    assert sum(map(len, files_in(yard.folder).values())) == 10_000


def test_a_zip_bomb_is_stopped(yard):
    zeros = tars.zipped({"a": bytes(20 << 20), "b": bytes(20 << 20)})
    with pytest.raises(ArchiveTooLarge, match="UNIHUB_MAX_RATIO"):
        yard.extract(zeros)
    with pytest.raises(ArchiveTooLarge, match="UNIHUB_MAX_EXTRACTED_BYTES"):
        yard.extract(zeros, caps(extracted_bytes=1 << 20))
    assert files_in(yard.folder) == {}


@pytest.mark.parametrize(
    ("pack", "changes", "setting"),
    [
        (tars.model_tar, {"extracted_bytes": 1768}, "UNIHUB_MAX_EXTRACTED_BYTES"),
        (tars.model_tar, {"members": 5}, "UNIHUB_MAX_MEMBERS"),
        (tars.zipped, {"extracted_bytes": 1768}, "UNIHUB_MAX_EXTRACTED_BYTES"),
        (tars.zipped, {"members": 5}, "UNIHUB_MAX_MEMBERS"),
        (tars.zipped, {"members": 3}, "UNIHUB_MAX_MEMBERS"),
        (tars.zipped, {"header_bytes": 38}, "UNIHUB_MAX_HEADER_BYTES"),
    ],
)
def test_caps_hold_to_the_byte(yard, pack, changes, setting):
    with pytest.raises(ArchiveTooLarge, match=f"export {setting}="):
        yard.extract(pack(), caps(**changes))
    enough = {name: value + 1 for name, value in changes.items()}
    if changes != {"members": 3}:
        assert yard.extract(pack(), caps(**enough)) == tars.MODEL


@pytest.mark.parametrize(
    "headers",
    [
        [tars.pax([(b"comment", b"x" * 5000)])],
        [tars.gnu_long(b"x" * 5000)],
        [tars.pax([(b"comment", b"x")], type=b"g")] * 9,
        [tars.header(b"x", type=b"x", size_field=b"\x80" + b"\x7f" * 11)],
    ],
)
def test_long_headers_are_not_read(yard, headers):
    archive = OnlyRead(tars.tar(*headers, tars.member(b"a")))
    with pytest.raises(ArchiveTooLarge, match="UNIHUB_MAX_HEADER_BYTES"):
        yard.extract(archive, caps(header_bytes=4096))


def test_folders_that_no_member_announces_are_counted(yard):
    with pytest.raises(ArchiveTooLarge, match="UNIHUB_MAX_MEMBERS"):
        yard.extract(tars.tar(tars.member(b"a/" * 40 + b"b")), caps(members=40))


def test_repeated_folders_are_counted(yard):
    with pytest.raises(ArchiveTooLarge, match="UNIHUB_MAX_MEMBERS"):
        yard.extract(tars.tar(*[tars.member(b"a", type=b"5")] * 41), caps(members=40))


def test_what_reading_raises_passes_through(yard):
    class Broken(OnlyRead):
        def read(self, size):
            if self.taken >= 512:
                raise ConnectionResetError("peer went away")
            return super().read(size)

    with pytest.raises(ConnectionResetError, match="peer went away"):
        yard.extract(Broken(tars.model_tar()))


def test_what_writing_raises_passes_through(yard):
    resource = pytest.importorskip("resource", reason="Windows has no limits of a process")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError) as caught:
            yard.extract(tars.tar(tars.member(b"a", bytes(3 << 20))))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (type(caught.value), caught.value.errno) == (OSError, 27)


def test_a_full_disk_is_told_as_it_is(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)],
        stderr=subprocess.PIPE,
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small file system needs root: {mounted.stderr.decode().strip()}")
    try:
        archive = io.BytesIO(tars.compressed(tars.tar(tars.member(b"a", os.urandom(3 << 20)))))
        with pytest.raises(OSError, match="No space left on device"):
            extract(archive, str(tmp_path), CAPS, "model.tar.gz")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_link_that_somebody_put_into_the_folder_is_not_followed(yard):
    os.symlink("/dev/null", os.path.join(yard.folder, "a"))
    with pytest.raises(UnsafeArchive, match="takes for another's"):
        extract(io.BytesIO(tars.tar(tars.member(b"a", b"1"))), yard.folder, CAPS, "x.tar")


PATHS = st.lists(
    st.text(
        st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="/\\:"),
        min_size=1,
        max_size=12,
    ).filter(lambda part: part not in (".", "..") and part.strip()),
    min_size=1,
    max_size=4,
).map("/".join)
CONTENT = st.binary(max_size=2000)


def tree(files):
    """The files whose names are apart for any file system, and no file is a folder."""
    from unihub.handles.archive.members import _folded

    kept, taken = {}, {}
    for path, content in files.items():
        parts = path.split("/")
        above = ["/".join(parts[:end]) for end in range(1, len(parts))]
        wanted = [(folder, True) for folder in above] + [(path, False)]
        if all(taken.get(_folded(p), (p, d)) == (p, d) for p, d in wanted):
            taken.update({_folded(p): (p, d) for p, d in wanted})
            kept[path] = content
    return kept


TREES = st.dictionaries(PATHS, CONTENT, min_size=1, max_size=8).map(tree)
FORMATS = st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])


@given(files=TREES, format=FORMATS, zipped=st.booleans())
def test_what_tarfile_writes_comes_back(shared_yard, files, format, zipped):
    archive = tars.model_tar(files, format)
    assert shared_yard.extract(gzip.compress(archive) if zipped else archive) == files


@given(files=TREES, compression=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_what_zipfile_writes_comes_back(shared_yard, files, compression):
    assert shared_yard.extract(tars.zipped(files, compression)) == files


STARTS = st.sampled_from([b"", b"\x1f\x8b\x08", b"PK\3\4", b"PK\5\6", tars.header(b"a", 100)])


@given(start=STARTS, rest=st.binary(max_size=3000))
def test_random_bytes_meet_an_error_of_ours(shared_yard, start, rest):
    with pytest.raises(UnihubError):
        shared_yard.extract(start + rest)


PARENTS = [archive for archive, _ in tars.HARMLESS.values()]
PARENTS += [refused.archive for refused in tars.ZOO.values() if refused.archive]


@given(data=st.data())
def test_altered_archives_meet_an_error_of_ours_or_stay_inside(shared_yard, data):
    altered = bytearray(data.draw(st.sampled_from(PARENTS)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(altered) - 1))
        altered[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnihubError):
        shared_yard.extract(bytes(altered))


GOLDEN = {
    "not-an-archive": (NotAnArchive, OSError, tars.OTHERS["html"].archive, {}),
    "archive-not-supported": (ArchiveNotSupported, ValueError, tars.OTHERS["xz"].archive, {}),
    "empty-archive": (EmptyArchive, OSError, tars.END, {}),
    "damaged-archive": (DamagedArchive, OSError, tars.compressed(tars.model_tar())[:100], {}),
    "damaged-archive-without-end": (DamagedArchive, OSError, tars.model_tar(end=b""), {}),
    "unsafe-archive": (UnsafeArchive, ValueError, tars.TARS["symlink"].archive, {}),
    "archive-too-large": (
        ArchiveTooLarge,
        ValueError,
        tars.model_tar(),
        {"extracted_bytes": 1500},
    ),
    "archive-too-large-by-members": (ArchiveTooLarge, ValueError, tars.zipped(), {"members": 2}),
}


@pytest.mark.parametrize("case", sorted(GOLDEN))
def test_messages(yard, case):
    error, builtin, archive, changes = GOLDEN[case]
    with pytest.raises(error) as caught:
        yard.extract(archive, caps(**changes))
    assert isinstance(caught.value, builtin)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    check_golden(case, str(caught.value))


def test_the_bomb_by_ratio_says_so(yard):
    with pytest.raises(ArchiveTooLarge) as caught:
        yard.extract(tars.zipped({"a": bytes(20 << 20)}))
    # How well zeros are packed differs between versions of zlib.
    packed, unpacked, ratio = re.findall(r"\d+", caught.value.facts["found"])
    twice = caught.value.facts["suggestion"]
    shown = {"packed": packed, "unpacked": unpacked, "ratio": ratio, "twice": twice}
    check_golden("archive-too-large-by-ratio", str(caught.value), **shown)
