from __future__ import annotations

import os

import pytest

from unihub.handles.archive.extract_errors import ArchiveTooLarge, UnsafeArchive
from unihub.handles.archive.members import (
    Caps,
    Destination,
    check_header,
    check_members,
    check_ratio,
    decoded_name,
)

CAPS = Caps(extracted_bytes=100, ratio=10.0, members=5, header_bytes=50)
MIB = 1 << 20


@pytest.fixture
def destination(tmp_path):
    with Destination(str(tmp_path), CAPS, "x.tar") as destination:
        yield destination


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "has no name"),
        ("/a", "has an absolute path"),
        ("a\\b", "has a backslash in its name"),
        ("c:a", "starts with a drive letter"),
        ("a/../b", "leads out of the folder with '..'"),
        ("..", "leads out of the folder with '..'"),
        ("a\0b", "has a control character in its name"),
        ("a\x7f", "has a control character in its name"),
        ("é" * 128, "has a name of over 255 bytes"),
        ("/".join(["a" * 200] * 6), "has a path of over 1024 bytes"),
        (".", "is a file that names the folder itself"),
    ],
)
def test_names_that_are_refused(destination, tmp_path, name, reason):
    with pytest.raises(UnsafeArchive) as caught:
        destination.add_file(name, 1, [b"1"])
    assert caught.value.facts["reason"] == reason
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", "a"),
        ("./a", "a"),
        ("a//b", "a/b"),
        ("..a", "..a"),
        ("a..", "a.."),
        ("...", "..."),
        ("é" * 127, "é" * 127),
        ("cd:a", "cd:a"),
    ],
)
def test_names_that_are_taken(destination, name, path):
    destination.add_file(name, 1, [b"1"])
    assert [file.path for file in destination.files] == [path]


def test_a_file_of_many_chunks_is_hashed_in_order(tmp_path):
    chunks = [bytes([i]) * 4000 for i in range(200)]
    with Destination(str(tmp_path), Caps(MIB, 1.0, 1, 1), "x.tar") as destination:
        destination.add_file("a", 800_000, iter(chunks))
    assert (tmp_path / "a").read_bytes() == b"".join(chunks)
    assert destination.files[0].sha256 == (
        "005211591970a2adf96b97a079b6042b7821e150e7ee3f66b9251b0c9a1894bf"
    )


def test_a_failure_in_the_content_leaves_no_open_file(destination, tmp_path):
    def chunks():
        yield b"1"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        destination.add_file("a", 2, chunks())
    assert destination.files == ()


def test_decoded_name():
    assert decoded_name("x.tar", "ä".encode()) == "ä"
    with pytest.raises(UnsafeArchive) as caught:
        decoded_name("x.tar", b"\xff")
    assert caught.value.facts["member"] == "\\xff"


@pytest.mark.parametrize(
    ("check", "at_most", "too_much"),
    [
        (check_members, (5,), (6,)),
        (check_header, (50,), (51,)),
        (check_ratio, (2 * MIB, 20 * MIB), (2 * MIB, 20 * MIB + 1)),
        (check_ratio, (0, 16 * MIB), (0, 16 * MIB + 1)),
    ],
)
def test_limits(check, at_most, too_much):
    check("x.tar", CAPS, *at_most)
    with pytest.raises(ArchiveTooLarge):
        check("x.tar", CAPS, *too_much)
