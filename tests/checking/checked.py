"""Checks a script that is given as text."""

from __future__ import annotations

import os
import tempfile

from unihub.checking import check


def rules_of(text, runtime="tf2", name="script.py", **kwargs):
    """The (line, rule) of each finding."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        findings = check([path], runtime=runtime, **kwargs).findings
    return [(one.place.line, one.rule) for one in findings]
