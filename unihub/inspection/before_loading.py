"""The check of whether a model acts outside of its graph, before it is loaded."""

from __future__ import annotations

import os
from typing import Any, Dict, Optional, Tuple

from unihub.errors import check_choice, in_template
from unihub.formats.files import HUB_FILE, PB_FILE, PBTXT_FILE
from unihub.formats.model import SavedModel
from unihub.formats.saved_model import saved_model_file
from unihub.inspection.op_dangers import Severity
from unihub.inspection.security import (
    Finding,
    refuse_escaping_assets,
    refuse_special_files,
    security_findings,
)

WARN, REFUSE, IGNORE = CHOICES = ("warn", "refuse", "ignore")
_FILES = (PB_FILE, PBTXT_FILE, HUB_FILE, "keras_metadata.pb")

_remembered: Dict[str, Tuple[object, Tuple[Finding, ...]]] = {}


def check_reaction(on_unsafe: Optional[str], call: str, handle: Any) -> None:
    """Makes sure that there is such a reaction, before anything is fetched.

    Raises:
        UnknownChoice: names those that there are.
    """
    if on_unsafe is None:
        return
    given = in_template(handle) if isinstance(handle, (str, os.PathLike)) else "handle"
    line = f"{call}({given}, on_unsafe={{example!r}})"
    # Nobody is led to ignore what is unsafe by a typing error.
    check_choice("on_unsafe", on_unsafe, CHOICES, line, offered=(WARN, REFUSE))


def check(
    handle: str,
    model: SavedModel,
    on_unsafe: Optional[str] = None,
    note: bool = False,
    call: str = "unihub.load",
) -> None:
    """Looks at what a model is able to do before TensorFlow loads it.

    Args:
        handle: as the caller wrote it.
        model: what was read from its folder.
        on_unsafe: "warn", which is done once per model, "refuse" or "ignore"; None for
            what the settings say.
        note: whether a graph in which nothing is found is noted in the cache, for other
            processes, which need not search it again.
        call: what the caller called, and may call with another reaction; "" for what
            takes none.

    Raises:
        AssetEscapes: when an asset lies outside of its folder, whatever was chosen.
        NotAFile: when a pipe or device stands for one of its files, whatever was chosen.
        UnsafeModel: for "refuse", when there is a critical or high finding.
    """
    refuse_escaping_assets(handle, model)
    refuse_special_files(handle, model)
    if on_unsafe == IGNORE:
        return
    findings = _by_note(model) if note else grave_findings(model)
    if not findings:
        return
    if on_unsafe is None:
        # Few models have anything to ask it for.
        from unihub import settings

        on_unsafe = settings.value("on_unsafe")
    # Few models have findings to react to.
    from unihub.inspection.on_unsafe import react

    react(handle, findings, str(on_unsafe), call, (model.path, _version(model)))


def _by_note(model: SavedModel) -> Tuple[Finding, ...]:
    """As `grave_findings`; none at once where another process found none in this very graph."""
    # Only who shares weights with other processes has the cache at hand.
    from unihub.inspection import notes

    with saved_model_file(model.path) as file:
        name = notes.name_of(file.content, model.format)
        if notes.is_there(name):
            return ()
        findings = grave_findings(model)
        if not findings:
            notes.write(name)
    return findings


def grave_findings(model: SavedModel) -> Tuple[Finding, ...]:
    """The critical and high findings, remembered while the model's files stay the same."""
    version = _version(model)
    known = _remembered.get(model.path)
    if known is None or known[0] != version:
        findings = security_findings(model, minimum=Severity.HIGH)
        known = _remembered[model.path] = (version, findings)
    return known[1]


def _version(model: SavedModel) -> Tuple[Tuple[int, ...], ...]:
    return tuple(_version_of(os.path.join(model.path, name)) for name in _FILES)


def _version_of(file: str) -> Tuple[int, ...]:
    try:
        status = os.stat(file)
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns
