from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unihub.handles.cache.keys import key_of

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
