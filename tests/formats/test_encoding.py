from __future__ import annotations

import pytest
from hand_made import varint as encoded
from hypothesis import given
from hypothesis import strategies as st

from unihub.formats.encoding import varint


@given(number=st.integers(0, (1 << 64) - 1), before=st.binary(max_size=3), after=st.binary())
def test_numbers(number, before, after):
    data = before + encoded(number)
    assert varint(data + after, len(before)) == (number, len(data))


def test_numbers_that_do_not_end():
    with pytest.raises(IndexError):
        varint(b"\x80", 0)
    with pytest.raises(OverflowError):
        varint(b"\x80" * 11, 0)
