"""Checks a script that is given as text."""

from __future__ import annotations

import os
import tempfile

from conftest import MODELS

from unihub.checking import check


def rules_of(text, runtime="tf2", name="script.py", **kwargs):
    """The (line, rule) of each finding."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        findings = check([path], runtime=runtime, **kwargs).findings
    return [(one.place.line, one.rule) for one in findings]


def model_with_op(folder, op="CaseFoldUTF8"):
    """Makes a TF2 SavedModel whose graph has an op, of twelve letters, of another package."""
    folder.mkdir()
    content = (MODELS.parent / "acting" / "unknown_op" / "saved_model.pb").read_bytes()
    assert len(op) == 12
    (folder / "saved_model.pb").write_bytes(content.replace(b"OpenBackDoor", op.encode()))
    return folder
