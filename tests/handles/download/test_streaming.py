"""Reading while downloading: both sides end, whichever fails, and no thread stays."""

from __future__ import annotations

import errno
import gzip
import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import threading
import zipfile

import pytest
from handles.server import Reply

from unihub.handles.download.partial import PartialDownload
from unihub.handles.download.progress import Progress
from unihub.handles.download.streaming import ReadingStopped, StreamedFile, download_and_read
from unihub.handles.download.transfer import Limits, download
from unihub.handles.download.transfer_errors import (
    BadStatus,
    HashMismatch,
    TransferFailed,
    TransferStalled,
)

LIMITS = Limits(read_timeout=20, retries=1, backoff=0.001)
ONCE = Limits(read_timeout=20, retries=0)


def noise(seed, size=300_000):
    generator = random.Random(seed)
    return bytes(generator.getrandbits(8) for _ in range(size))


OLD, NEW = noise(1), noise(2)


def packed(data):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        member = tarfile.TarInfo("saved_model.pb")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


TAR_OLD, TAR_NEW = packed(OLD), packed(NEW)


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    assert [t.name for t in threading.enumerate() if t.name == "unihub reader"] == []


class Undo:
    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1


def first_member(file):
    """Reads gzip to its end, so that its CRC is checked."""
    with tarfile.open(fileobj=io.BytesIO(gzip.GzipFile(fileobj=file).read())) as tar:
        return tar.extractfile("saved_model.pb").read()


def read_all(file):
    return file.read()


def test_a_tar_is_read_while_it_comes(server, partial):
    """The reader has half of it while the server keeps the other half back."""
    half = len(TAR_OLD) // 2
    server["/m"] = Reply(TAR_OLD, stall_at=half)

    def consume(file):
        seen = file.read(half // 2)
        server.wait_for_stall()
        server.release()
        return seen + file.read()

    done, data = download_and_read(server.url("/m"), partial, LIMITS, consume, restart=Undo())
    assert data == TAR_OLD
    assert (done.path, done.size) == (partial, len(TAR_OLD))


def test_a_tar_through_tarfile(server, partial):
    server["/m"] = Reply(TAR_OLD, chunked=True, piece=10_000)
    undo = Undo()
    data = download_and_read(server.url("/m"), partial, LIMITS, first_member, restart=undo)[1]
    assert data == OLD
    assert undo.count == 0


@pytest.mark.parametrize("data", [b"", b"x", b"\x1f", b"\x1f\x8b", b"x" * 300])
def test_short_files(server, partial, data):
    server["/m"] = Reply(data)
    assert download_and_read(server.url("/m"), partial, LIMITS, read_all, restart=Undo())[1] == data


def test_a_zip_is_read_when_it_is_whole(server, partial):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("saved_model.pb", OLD)
    server["/m"] = Reply(file.getvalue(), piece=50_000)

    def consume(file):
        assert os.path.getsize(partial) == server_size
        return zipfile.ZipFile(file).read("saved_model.pb")

    server_size = len(file.getvalue())
    done = download_and_read(server.url("/m"), partial, LIMITS, consume, restart=Undo())
    assert done[1] == OLD


def test_an_uncompressed_tar_is_read_as_it_comes(server, partial):
    data = gzip.decompress(TAR_OLD)
    server["/m"] = Reply(data)
    kinds = []

    def consume(file):
        kinds.append(type(file))
        return file.read()

    assert download_and_read(server.url("/m"), partial, LIMITS, consume, restart=Undo())[1] == data
    assert kinds == [StreamedFile]


def test_the_end_is_seen_only_after_verification(server, partial):
    server["/m"] = Reply(TAR_OLD)
    seen = []

    def consume(file):
        seen.append(file.read(len(TAR_OLD)))
        seen.append(file.read(1))

    with pytest.raises(HashMismatch):
        download_and_read(
            server.url("/m"), partial, LIMITS, consume, restart=Undo(), sha256="00" * 32
        )
    assert seen in ([], [TAR_OLD])


def test_a_file_that_is_emptied_has_no_end_before_its_reader_is_stopped(tmp_path):
    path = tmp_path / "part"
    path.write_bytes(b"void")
    file, seen = StreamedFile(), []

    def read():
        try:
            seen.append(file.read(4))
        except ReadingStopped:
            seen.append("stopped")

    file.extend(str(path), 4)
    path.write_bytes(b"")
    reader = threading.Thread(target=read)
    reader.start()
    reader.join(0.05)
    assert seen == []
    file.stop()
    reader.join()
    assert seen == ["stopped"]
    file.close()


# The download fails


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=404), BadStatus),
        (Reply(TAR_OLD, cut_at=100_000), TransferFailed),
        (Reply(TAR_OLD, reset_at=100_000), TransferFailed),
        (Reply(TAR_OLD, stall_at=100_000), TransferStalled),
        (Reply(stall_before_headers=True), TransferStalled),
    ],
)
@pytest.mark.parametrize("consume", [first_member, read_all])
def test_the_error_of_a_download_goes_before_what_the_reader_made_of_it(
    server, partial, reply, error, consume
):
    server["/m"] = reply
    limits = Limits(read_timeout=0.2, retries=0)

    def wrapping(file):
        try:
            return consume(file)
        except BaseException as inner:
            raise RuntimeError("damaged archive") from inner

    with pytest.raises(error):
        download_and_read(server.url("/m"), partial, limits, wrapping, restart=Undo())


def test_a_reader_that_makes_light_of_it_does_not_hide_a_failure(server, partial):
    server["/m"] = Reply(TAR_OLD, cut_at=100_000)

    def consume(file):
        try:
            return file.read()
        except ReadingStopped:
            return b""

    with pytest.raises(TransferFailed):
        download_and_read(server.url("/m"), partial, ONCE, consume, restart=Undo())


# The reader fails


class Bomb(Exception):
    pass


@pytest.mark.parametrize("limits", [Limits(read_timeout=60), Limits(read_timeout=60, backoff=60)])
@pytest.mark.parametrize("then", [{"stall_at": 200_000}, {"cut_at": 200_000}])
def test_a_reader_that_fails_ends_a_download_that_waits(server, partial, tmp_path, limits, then):
    server["/m"] = Reply(TAR_OLD, etag='"1"', **then)

    def consume(file):
        file.read(100_000)
        if "stall_at" in then:
            server.wait_for_stall()
        raise Bomb("too much")

    with pytest.raises(Bomb, match="too much"):
        download_and_read(server.url("/m"), partial, limits, consume, restart=Undo())
    assert os.listdir(str(tmp_path)) == []


def test_a_reader_that_fails_at_the_very_end(server, partial):
    server["/m"] = Reply(TAR_OLD)

    def consume(file):
        while file.read(65536):
            pass
        raise Bomb

    with pytest.raises(Bomb):
        download_and_read(server.url("/m"), partial, LIMITS, consume, restart=Undo())


def test_a_reader_that_stops_early_gets_its_result_after_verification(server, partial):
    server["/m"] = Reply(TAR_OLD)
    done, data = download_and_read(
        server.url("/m"), partial, LIMITS, lambda file: file.read(2), restart=Undo()
    )
    assert (done.size, data) == (len(TAR_OLD), b"\x1f\x8b")


def test_a_full_disk_keeps_the_part(server, partial):
    server["/m"] = Reply(TAR_OLD, etag='"1"', stall_at=200_000)

    def consume(file):
        file.read(100_000)
        server.wait_for_stall()
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        download_and_read(server.url("/m"), partial, LIMITS, consume, restart=Undo())
    assert os.path.getsize(partial) >= 100_000


# Beginning anew


def test_a_server_that_changes_the_file_midway(server, partial):
    cut = Reply(TAR_OLD, etag='"1"', stall_at=200_000, cut_at=200_000)
    server["/m"] = [cut, Reply(TAR_NEW, etag='"2"')]
    undo = Undo()

    def consume(file):
        begun = file.read(1000)
        # Only now does the first transfer end.
        server.release()
        return first_member(io.BytesIO(begun + file.read()))

    data = download_and_read(server.url("/m"), partial, LIMITS, consume, restart=undo)[1]
    assert data == NEW
    assert undo.count == 1


def test_a_broken_transfer_that_goes_on_does_not_restart_the_reader(server, partial):
    server["/m"] = [Reply(TAR_OLD, etag='"1"', cut_at=200_000), Reply(TAR_OLD, etag='"1"')]
    undo = Undo()
    data = download_and_read(server.url("/m"), partial, LIMITS, first_member, restart=undo)[1]
    assert data == OLD
    assert undo.count == 0


def leave_old_bytes(server, partial, damage):
    server["/m"] = Reply(TAR_OLD, etag='"1"', cut_at=200_000)
    with pytest.raises(TransferFailed):
        download(server.url("/m"), partial, ONCE)
    if damage:
        with open(partial, "r+b") as file:
            file.seek(150_000)
            file.write(bytes(1000))
    server["/m"] = Reply(TAR_OLD, etag='"1"')
    server.requests.clear()


@pytest.mark.parametrize("damage", [False, True])
def test_bytes_of_an_earlier_process(server, partial, damage):
    leave_old_bytes(server, partial, damage)
    undo = Undo()
    data = download_and_read(server.url("/m"), partial, LIMITS, first_member, restart=undo)[1]
    assert data == OLD
    asked = [request.headers.get("range") for request in server.requests]
    assert (asked, undo.count) == (["bytes=200000-", None] if damage else ["bytes=200000-"], damage)


def test_a_reader_that_fails_anyway_is_tried_twice_at_most(server, partial):
    leave_old_bytes(server, partial, damage=False)

    def consume(file):
        while file.read(65536):
            pass
        raise Bomb

    with pytest.raises(Bomb):
        download_and_read(server.url("/m"), partial, LIMITS, consume, restart=Undo())
    assert len(server.requests) == 2


def test_another_process_that_begins_the_same_part_while_it_is_read(server, partial):
    """Where locks do nothing: the reader must not end with another's bytes."""
    server["/m"] = Reply(TAR_OLD)
    others = []

    def consume(file):
        data = file.read(len(TAR_OLD) // 2)
        if not others:
            others.append(PartialDownload(partial, server.url("/m")))
        return data + file.read()

    undo = Undo()
    done, data = download_and_read(server.url("/m"), partial, LIMITS, consume, restart=undo)
    others[0].close()
    assert data == TAR_OLD
    assert done.path != partial
    assert not os.path.exists(done.path)
    assert undo.count == 1


# The user


# The handler is set for where the tests run in the background, with SIGINT ignored.
INTERRUPTED = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import sys, threading
from unihub.handles.download.streaming import download_and_read
from unihub.handles.download.transfer import Limits

def consume(file):
    file.read(100_000)
    print("reading", flush=True)
    return file.read()

try:
    download_and_read(sys.argv[1], sys.argv[2], Limits(), consume, restart=print)
except KeyboardInterrupt:
    print("interrupted", [t.name for t in threading.enumerate()], flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_an_interrupt_stops_both(server, partial):
    server["/m"] = Reply(TAR_OLD, etag='"1"', stall_at=200_000)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, server.url("/m"), partial], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b"reading\n"
        server.wait_for_stall()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert rest == b"interrupted ['MainThread']\n"
    assert process.returncode == 0
    assert os.path.getsize(partial) >= 100_000


def test_an_interrupt_in_the_downloading_thread_stops_the_reader(server, partial):
    server["/m"] = Reply(TAR_OLD)

    class Interrupted(Progress):
        def advance(self, done, total):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_and_read(
            server.url("/m"), partial, LIMITS, first_member, restart=Undo(), progress=Interrupted()
        )


# StreamedFile by itself


def test_reads_are_whole_except_at_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    file = StreamedFile()
    file.extend(str(path), 4)
    assert file.read(3) == b"012"
    threading.Thread(target=file.extend, args=(str(path), 8)).start()
    assert file.read(3) == b"345"
    threading.Thread(target=file.complete).start()
    assert file.read(100) == b"67"
    assert file.read(1) == b""
    file.close()


def test_readinto_and_seek(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    file = StreamedFile()
    file.extend(str(path), 10)
    file.complete()
    assert io.BufferedReader(file).read() == b"0123456789"
    assert not file.seekable()


def test_a_stopped_file_raises(tmp_path):
    file = StreamedFile()
    threading.Thread(target=file.stop).start()
    with pytest.raises(ReadingStopped):
        file.read(1)
    file.extend("/no/such/file", 10)
    with pytest.raises(ReadingStopped):
        file.read(0)
