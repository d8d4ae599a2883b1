"""Compares what an error says with the file that holds what it should say.

UNIHUB_UPDATE_GOLDEN=1 writes the files instead; read their diff before committing.
"""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import Any, Dict, Optional

import do_lines

GOLDEN = Path(__file__).parent / "golden"


def check_golden(
    code: str, text: str, at_hand: Optional[Dict[str, Any]] = None, **replacements: Any
) -> None:
    """Asserts that ``text`` is what golden/<code>.txt holds.

    Args:
        code: the error's code, or another name of the case in kebab-case.
        text: the message as a user would see it.
        at_hand: what a user has at hand in that situation, by the names in the line that it
            offers; beyond the variables of the test, and of the code that raised it.
        **replacements: what differs between runs, such as ``path=tmp_path``,
            which is written as ``<path>``. The longest are replaced first.
    """
    said = text
    for name, value in sorted(replacements.items(), key=lambda item: -len(str(item[1]))):
        text = text.replace(str(value), f"<{name}>")
    file = GOLDEN / f"{code}.txt"
    if os.environ.get("UNIHUB_UPDATE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
        return
    assert file.exists(), f"no {file}: run again with UNIHUB_UPDATE_GOLDEN=1"
    expected = file.read_text(encoding="utf-8").rstrip("\n")
    difference = difflib.unified_diff(
        expected.splitlines(), text.splitlines(), str(file), "now", lineterm=""
    )
    assert text == expected, "\n".join(difference)
    do_lines.follow(code, said, sys._getframe(1), at_hand or {})
