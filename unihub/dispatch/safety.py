"""What `unihub.load` does about a model that acts outside of its graph."""

from __future__ import annotations

import os
import warnings
from typing import Dict, Tuple

from unihub.errors import UnihubError
from unihub.formats.files import PB_FILE, PBTXT_FILE
from unihub.formats.model import SavedModel
from unihub.formats.saved_model import saved_model_file
from unihub.inspection.dangers import Severity
from unihub.inspection.security import (
    ADVICE,
    Finding,
    refuse_escaping_assets,
    security_findings,
)

WARN, REFUSE, IGNORE = CHOICES = ("warn", "refuse", "ignore")
_MOST_SHOWN = 5
# From warn() up through check() and load().
_CALLER_OF_LOAD = 3
_FILES = (PB_FILE, PBTXT_FILE, "keras_metadata.pb")

_remembered: Dict[str, Tuple[object, Tuple[Finding, ...]]] = {}


class UnsafeModel(UnihubError, ValueError):
    """A model acts outside of its graph, and is not to be loaded then."""

    code = "unsafe-model"
    what = "{handle} acts outside of its graph, and on_unsafe='refuse' was asked for."
    why = "{findings}\n" + ADVICE
    do = (
        "look at it: unihub inspect {handle!r}; if you trust its maker: "
        "unihub.load({handle!r}, on_unsafe='ignore')"
    )


class UnsafeModelWarning(UserWarning):
    """A model acts outside of its graph."""


def check(handle: str, model: SavedModel, on_unsafe: str, note: bool = False) -> None:
    """Looks at what a model is able to do before TensorFlow loads it.

    Args:
        handle: as the caller wrote it.
        model: what was read from its folder.
        on_unsafe: "warn", "refuse" or "ignore".
        note: whether a graph in which nothing is found is noted in the cache, for other
            processes, which need not search it again.

    Raises:
        AssetEscapes: when an asset lies outside of its folder, whatever was chosen.
        UnsafeModel: for "refuse", when there is a critical or high finding.
    """
    refuse_escaping_assets(handle, model)
    if on_unsafe == IGNORE:
        return
    findings = _by_note(model) if note else grave_findings(model)
    if not findings:
        return
    rest = len(findings) - _MOST_SHOWN
    shown = [str(finding) for finding in findings[:_MOST_SHOWN]]
    text = "\n".join([*shown, f"and {rest} more"] if rest > 0 else shown)
    if on_unsafe == REFUSE:
        raise UnsafeModel(handle=handle, findings=text)
    warnings.warn(
        f"{handle} acts outside of its graph:\n{text}\n{ADVICE}",
        UnsafeModelWarning,
        stacklevel=_CALLER_OF_LOAD,
    )


def _by_note(model: SavedModel) -> Tuple[Finding, ...]:
    """As `grave_findings`; none at once where another process found none in this very graph."""
    # Only who shares weights with other processes has the cache at hand.
    from unihub.dispatch import notes

    with saved_model_file(model.path) as file:
        name = notes.name_of(file.content)
        if notes.is_there(name):
            return ()
        findings = grave_findings(model)
        if not findings:
            notes.write(name)
    return findings


def grave_findings(model: SavedModel) -> Tuple[Finding, ...]:
    """The critical and high findings, remembered while the model's files stay the same."""
    version = tuple(_version(os.path.join(model.path, name)) for name in _FILES)
    known = _remembered.get(model.path)
    if known is None or known[0] != version:
        findings = security_findings(model, minimum=Severity.HIGH)
        known = _remembered[model.path] = (version, findings)
    return known[1]


def _version(file: str) -> Tuple[int, ...]:
    try:
        status = os.stat(file)
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns
