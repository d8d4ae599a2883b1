"""Compares what an error says with the file that holds what it should say.

UNIHUB_UPDATE_GOLDEN=1 writes the files instead; read their diff before committing.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"


def check_golden(code: str, text: str, **replacements: Any) -> None:
    """Asserts that ``text`` is what golden/<code>.txt holds.

    Args:
        code: the error's code, or another name of the case in kebab-case.
        text: the message as a user would see it.
        **replacements: what differs between runs, such as ``path=tmp_path``,
            which is written as ``<path>``. The longest are replaced first.
    """
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
