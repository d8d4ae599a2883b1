"""Checks scripts and notebooks that use TensorFlow Hub, and mends what is mechanical.

Reads source code only: nothing of a script is run, and no TensorFlow is imported.
"""

from __future__ import annotations

from unihub.checking.findings import Finding as Finding
from unihub.checking.findings import Place as Place
from unihub.checking.findings import Report as Report
from unihub.checking.fixing import Change as Change
from unihub.checking.fixing import fix as fix
from unihub.checking.render import as_json as as_json
from unihub.checking.render import as_text as as_text
from unihub.checking.rules import RULES as RULES
from unihub.checking.rules import Level as Level
from unihub.checking.rules import Rule as Rule
from unihub.checking.run import check as check
from unihub.checking.sarif import as_sarif as as_sarif
from unihub.checking.targets import TARGETS as TARGETS
from unihub.checking.targets import Target as Target
