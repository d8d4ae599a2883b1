"""Says what is installed, what of it is in conflict, and what mends it.

Reads the packages' metadata: no TensorFlow is imported.
"""

from __future__ import annotations

from unihub.doctor.conflicts import CONFLICTS as CONFLICTS
from unihub.doctor.conflicts import problems_of as problems_of
from unihub.doctor.diagnosis import Diagnosis as Diagnosis
from unihub.doctor.diagnosis import diagnose as diagnose
from unihub.doctor.installation import Installation as Installation
from unihub.doctor.installation import installation_here as installation_here
from unihub.doctor.problem import Problem as Problem
from unihub.doctor.problem import Severity as Severity
from unihub.doctor.render import as_json as as_json
from unihub.doctor.render import as_text as as_text
