"""A report as SARIF, for code scanning services."""

from __future__ import annotations

import json
import os
import pathlib
import re
import sys
from array import array
from collections import Counter
from typing import Any, Dict, Iterator, Optional
from urllib.parse import quote

from unihub.checking.findings import Finding, Place, Report, rules_in_order
from unihub.checking.rules import Level, Rule
from unihub.checking.scripts import SCRIPT_LIMIT

_LENGTH = 100
_BASE = 37
_LINE_FEED, _END = 0x0A, 0xFFFF
_UTF_16 = f"utf-16-{sys.byteorder[0]}e"


def line_fingerprints(text: str) -> Iterator[str]:
    """The fingerprint of each line, from the first on, by which a service knows it again.

    Those that github/codeql-action computes for results that have none: a hash of the
    hundred characters from the line's start on, without blanks, and how often it has come
    so far.

    Source: https://docs.github.com/en/code-security/code-scanning (partialFingerprints);
    https://github.com/github/codeql-action, src/fingerprints.test.ts for what they are.

    Example:
        >>> list(line_fingerprints(""))
        ['c129715d7a2bc9a3:1']
    """
    units = array("H")
    starts = []
    for line in re.split("\r\n|\r|\n", text):
        starts.append(len(units))
        blankless = line.replace(" ", "").replace("\t", "")
        units.frombytes(blankless.encode(_UTF_16, "surrogatepass"))
        units.append(_LINE_FEED)
    units[-1] = _END
    units.extend([0] * _LENGTH)
    seen: Counter[str] = Counter()
    for start in starts:
        value = 0
        for unit in units[start : start + _LENGTH]:
            value = (value * _BASE + unit) % 2**64
        digits = f"{value:x}"
        seen[digits] += 1
        yield f"{digits}:{seen[digits]}"


_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_SEVERITIES = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "recommendation"}
_PLACEHOLDER = re.compile(r"\{(\w+)(?:!r)?\}")


def as_sarif(report: Report) -> str:
    """The report as SARIF 2.1.0.

    Paths below the working directory are relative to it, as services want those of a
    repository. Reads the files again, for the fingerprints of their lines.

    Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and
    https://docs.github.com/en/code-security/code-scanning (SARIF support).
    """
    from unihub import __version__

    rules = rules_in_order()
    positions = {rule.id: n for n, rule in enumerate(rules)}
    fingerprints = _Fingerprints()
    run = {
        "tool": {
            "driver": {
                "name": "unihub check",
                "semanticVersion": __version__,
                "informationUri": "https://www.tensorflow.org/hub/model_compatibility",
                "rules": [_rule(rule) for rule in rules],
            }
        },
        # Reports for several runtimes do not replace each other.
        "automationDetails": {"id": f"unihub-check/{report.target.name}/"},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(one, positions[one.rule], fingerprints.of(one.place)) for one in report.findings
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: Rule) -> Dict[str, Any]:
    described: Dict[str, Any] = {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.id.split("-")),
        "shortDescription": {"text": _without_facts(rule.message.what)},
        "fullDescription": {"text": _without_facts(rule.message.why)},
        "help": {"text": f"{_without_facts(rule.message.do)}\nsource: {rule.source}"},
        "defaultConfiguration": {"level": rule.level.value},
        "properties": {
            "tags": ["compatibility"],
            "problem.severity": _SEVERITIES[rule.level],
            "runtimes": list(rule.runtimes),
        },
    }
    if rule.source.startswith("https://"):
        described["helpUri"] = rule.source.partition(";")[0]
    return described


def _without_facts(words: str) -> str:
    """``hub.<name>`` for ``hub.{name}``: a rule is described apart from its findings."""
    return _PLACEHOLDER.sub(r"<\1>", words).replace("{{", "{").replace("}}", "}")


def _result(one: Finding, rule_index: int, fingerprint: Optional[str]) -> Dict[str, Any]:
    place = one.place
    physical = {"artifactLocation": _artifact(place.path), "region": _region(place)}
    location: Dict[str, Any] = {"physicalLocation": physical}
    if place.cell is not None:
        where = f"code cell {place.cell}, line {place.line}"
        location["logicalLocations"] = [{"name": where, "kind": "module"}]
    result = {
        "ruleId": one.rule,
        "ruleIndex": rule_index,
        "level": one.level.value,
        "message": {"text": f"{one.what}\nwhy: {one.why}\ndo: {one.do}"},
        "locations": [location],
    }
    if fingerprint is not None:
        result["partialFingerprints"] = {"primaryLocationLineHash": fingerprint}
    return result


def _region(place: Place) -> Dict[str, int]:
    if place.cell is not None:
        # The file is JSON, in which the columns are others.
        return {"startLine": place.file_line, "endLine": place.file_line}
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": max(place.end_line, place.line),
    }
    if place.end_column is not None:
        region["endColumn"] = place.end_column
    return region


def _artifact(path: str) -> Dict[str, str]:
    absolute = os.path.abspath(path)
    root = os.path.join(os.getcwd(), "")
    if not absolute.startswith(root):
        return {"uri": pathlib.Path(absolute).as_uri()}
    relative = absolute[len(root) :].replace(os.sep, "/")
    return {"uri": quote(os.fsencode(relative)), "uriBaseId": "%SRCROOT%"}


class _Fingerprints:
    """Those of the lines of the files that results are in, each file read once."""

    def __init__(self) -> None:
        self._path = ""
        self._lines: Dict[int, str] = {}

    def of(self, place: Place) -> Optional[str]:
        if place.path != self._path:
            self._path = place.path
            text = _text(place.path)
            lines = () if text is None else line_fingerprints(text)
            self._lines = dict(enumerate(lines, 1))
        return self._lines.get(place.file_line)


def _text(path: str) -> Optional[str]:
    """The file, unless it is one that was not checked either."""
    if not os.path.isfile(path) or os.path.getsize(path) > SCRIPT_LIMIT:
        return None
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "replace")
