"""The table of docs/reliability.md, with fewer of each fault, and the promises beneath it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FETCHING = ROOT / "tests" / "handles"

from handles import reliability  # noqa: E402

DOCUMENT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(reliability.ROWS))
def test_row(name):
    row = reliability.ROWS[name]
    if row.needs_root and (not hasattr(os, "geteuid") or os.geteuid() != 0):
        pytest.skip("only root can mount a tmpfs or give a folder to another user")
    try:
        found = reliability.measured(row, "unihub", 20)
    except PermissionError as error:
        pytest.skip(f"this user may not mount a tmpfs here: {error}")
    assert re.fullmatch(row.expected, found), found


def test_the_document_has_every_row():
    for row in reliability.ROWS.values():
        assert f"| {row.case} | " in DOCUMENT


def test_the_tests_that_hold_the_promises_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", DOCUMENT)
    assert len(named) >= 9
    for path, test in named:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in text, (path, test)
