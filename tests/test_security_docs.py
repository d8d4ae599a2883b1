"""docs/security.md names what there is."""

from __future__ import annotations

import re

from conftest import ROOT

PAGES = [ROOT / "docs" / "security.md", ROOT / "SECURITY.md"]


def test_tests_and_pages_that_are_named_are_there():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"`(tests/[^`]+\.py)`", text):
            assert (ROOT / path).is_file(), path
        for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (page.parent / path).is_file(), path


def test_codes_that_are_named_are_those_of_errors():
    text = PAGES[0].read_text(encoding="utf-8")
    codes = re.findall(r"\(`([a-z-]+)`\)", text)
    assert codes == ["asset-escapes", "not-a-file"]
    for code in codes:
        assert (ROOT / "tests" / "golden" / f"{code}.txt").is_file()


def test_the_readme_leads_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/security.md)" in readme
    assert "(SECURITY.md)" in readme
