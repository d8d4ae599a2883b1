from __future__ import annotations

import pytest
from checking.guides_table import expected, found, guides


def test_there_are_ten():
    assert len(guides()) == 10


@pytest.mark.parametrize("script", guides(), ids=lambda script: script.stem)
def test_findings_are_the_expected_ones(script):
    assert found(script) == expected(script)


@pytest.mark.parametrize("script", guides(), ids=lambda script: script.stem)
def test_guides_are_python(script):
    compile(script.read_text(encoding="utf-8"), str(script), "exec")
