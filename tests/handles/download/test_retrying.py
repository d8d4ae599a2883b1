from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from unihub.handles.download.retrying import Failure, Limits, Tries, seconds_of_retry_after
from unihub.handles.download.transfer_errors import TransferFailed


def failure(short="503", **kwargs):
    return Failure(TransferFailed, {}, short, **kwargs)


def waits(limits, failures, new_bytes=0):
    tries = Tries(limits)
    found = []
    for one in failures:
        tries.add(one, new_bytes)
        found.append(tries.next_wait(one))
    return found


def test_waits_double_with_jitter_up_to_a_cap():
    limits = Limits(retries=5, backoff=1, longest_wait=5)
    found = waits(limits, [failure()] * 6)
    bounds = [(0.5, 1), (1, 2), (2, 4), (4, 5), (5, 5)]
    assert [low <= wait <= high for wait, (low, high) in zip(found, bounds)] == [True] * 5
    assert found[5] is None


def test_retry_after_counts_and_is_capped():
    limits = Limits(longest_wait=60)
    assert waits(limits, [failure(wait=7), failure(wait=0), failure(wait=3600)]) == [7, 0, 60]


def test_all_waits_together_are_bounded():
    limits = Limits(retries=100, total_wait=100, longest_wait=60)
    assert waits(limits, [failure(wait=40)] * 4) == [40, 40, None, None]


def test_what_will_not_pass_is_not_waited_for():
    assert waits(Limits(), [failure(may_pass=False)]) == [None]


def test_a_megabyte_of_new_bytes_counts_as_success():
    limits = Limits(retries=1, backoff=0)
    assert waits(limits, [failure()] * 3, new_bytes=(1 << 20) - 1) == [0, None, None]
    assert waits(limits, [failure()] * 3, new_bytes=1 << 20) == [0, 0, 0]


def test_beginning_anew_is_no_failure():
    assert waits(Limits(retries=0), [failure(anew=True)]) == [0]


@pytest.mark.parametrize(
    ("failures", "text"),
    [
        (["503"], "once"),
        (["503", "503"], "2 times: 503 ×2"),
        (["503", "reset", "503"], "3 times: 503, reset, 503"),
        (list("abcdefgh"), "8 times: …, c, d, e, f, g, h"),
    ],
)
def test_tries_in_words(failures, text):
    assert str(Tries(Limits(), failures)) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120),
        (" 0 ", 0),
        ("-1", None),
        ("soon", None),
        ("9" * 30, 1e30),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("Fri, 99 Dec 1999 23:59:59 GMT", None),
    ],
)
def test_seconds_of_retry_after(text, seconds):
    assert seconds_of_retry_after(text) == seconds


def test_seconds_until_a_date():
    found = seconds_of_retry_after(formatdate(time.time() + 1000, usegmt=True))
    assert found is not None
    assert 0 < found <= 1000
