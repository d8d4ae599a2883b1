from __future__ import annotations

import base64
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unihub.handles.download.digests import Hashes, promised

MD5 = hashlib.md5(b"x")
SHA256 = hashlib.sha256(b"x")


def b64(found):
    return base64.b64encode(found.digest()).decode()


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, []),
        ({"X-Goog-Hash": f"md5={b64(MD5)}"}, [("md5", MD5.digest())]),
        ({"Content-MD5": b64(MD5)}, [("md5", MD5.digest())]),
        ({"Digest": f"SHA-256={b64(SHA256)}"}, [("sha256", SHA256.digest())]),
        (
            {"Repr-Digest": f"md5=:{b64(MD5)}:, sha-256=:{b64(SHA256)}:"},
            [("md5", MD5.digest()), ("sha256", SHA256.digest())],
        ),
        ({"Digest": "unixsum=30637, sha=AAAA"}, []),
        ({"Content-MD5": "no base64!"}, []),
        ({"Content-MD5": b64(SHA256)}, []),
        ({"X-Goog-Hash": "md5"}, []),
    ],
)
def test_promised(headers, found):
    assert [(d.algorithm, d.value) for d in promised(headers, whole=True)] == found


def test_what_is_of_the_message_says_nothing_of_the_file_in_a_206():
    headers = {"Content-MD5": b64(MD5), "Content-Digest": f"md5=:{b64(MD5)}:"}
    assert promised(headers, whole=False) == ()
    assert len(promised({"Digest": f"md5={b64(MD5)}"}, whole=False)) == 1


@given(st.sampled_from(["X-Goog-Hash", "Digest", "Repr-Digest", "Content-MD5"]), st.text())
def test_hostile_headers_are_no_promise(name, text):
    assert promised({name: text}, whole=True) == ()


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_hashes_of_a_file_that_grows(first, rest):
    hashes = Hashes()
    hashes.cover([], io.BytesIO(first), len(first))
    hashes.update(rest)
    hashes.cover(["md5"], io.BytesIO(first + rest), len(first + rest))
    assert hashes.value("md5") == hashlib.md5(first + rest).digest()
    assert hashes.value("sha256") == hashlib.sha256(first + rest).digest()


def test_a_file_that_lost_bytes():
    with pytest.raises(EOFError, match="1 bytes are missing"):
        Hashes().cover([], io.BytesIO(b"abc"), 4)
