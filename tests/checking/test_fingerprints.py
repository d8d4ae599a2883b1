from __future__ import annotations

import pytest

from unihub.checking.sarif import line_fingerprints

GREETINGS = [
    "e9496ae3ebfced30:1",
    "fb7c023a8b9ccb3f:1",
    "ce8ba1a563dcdaca:1",
    "e20e36e16fcb0cc8:1",
    "b3edc88f2938467e:1",
    "c8e28b0b4002a3a0:1",
    "c129715d7a2bc9a3:1",
]
# From the tests of github/codeql-action, src/fingerprints.test.ts.
TEXTS = [
    ("", ["c129715d7a2bc9a3:1"]),
    (
        " a\nb\n  \t\tc\n d",
        ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"],
    ),
    (" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n", GREETINGS),
    (" hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r", GREETINGS),
    (" hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n", GREETINGS),
    (" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n", GREETINGS),
    (
        "Lorem ipsum dolor sit amet.\n" * 10,
        [
            *[f"a7f2ff13bc495cf2:{count}" for count in range(1, 7)],
            "a7f2ff1481e87703:1",
            "a9cf91f7bbf1862b:1",
            "55ec222b86bcae53:1",
            "cc97dc7b1d7d8f7b:1",
            "c129715d7a2bc9a3:1",
        ],
    ),
]


@pytest.mark.parametrize(("text", "fingerprints"), TEXTS)
def test_as_the_service_computes_them(text, fingerprints):
    assert list(line_fingerprints(text)) == fingerprints


def test_blanks_and_other_ends_of_line_change_nothing():
    text = "import tensorflow_hub as hub\n\nhub.Module('é𝄞')\n"
    assert list(line_fingerprints(text)) == list(
        line_fingerprints(text.replace(" ", "\t  ").replace("\n", "\r\n"))
    )
