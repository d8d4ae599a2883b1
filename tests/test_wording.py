from __future__ import annotations

import pytest

from unihub.wording import counted, size


@pytest.mark.parametrize(
    "number,text",
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (102_400, "102 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (79_900_000_000, "79.9 GB"),
        ((1 << 64) - 1, "18.4 EB"),
        (10**400, "1e+06 EB"),
    ],
)
def test_size(number, text):
    assert size(number) == text


def test_counted():
    assert [counted(number, "model") for number in (0, 1, 2000)] == [
        "0 models",
        "1 model",
        "2,000 models",
    ]
    assert counted(2, "loss", "es") == "2 losses"
