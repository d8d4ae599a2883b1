"""How a script runs that ended in what TensorFlow 2 says of TensorFlow 1's names and graphs."""

from __future__ import annotations

import re
import shlex
import sys
from typing import Optional, Sequence

from unihub import runtime
from unihub.dropin.moved import EstimatorModuleGone
from unihub.errors import UnihubError, first_line

_NO_ATTRIBUTE = re.compile(r"module 'tensorflow(?:\.compat\.v1)?' has no attribute '(\w+)'")
# What ops and meta graphs say where there is no graph.
_NEEDS_A_GRAPH = re.compile(
    "not compatible with eager execution|not supported when eager execution is enabled|"
    "RuntimeError: The Session graph is empty"
)
_OF_MODULES = ("module-in-eager-mode", "module-needs-graph", "column-needs-a-graph")


class ScriptOfTensorFlow1(UnihubError, RuntimeError):
    """A script for TensorFlow 1 was run as one for TensorFlow 2."""

    code = "script-of-tensorflow-1"
    what = "{script} is a script for TensorFlow 1."
    why = (
        "TensorFlow {version} has its names below tf.compat.v1, and graphs where they are asked "
        "for. (found: {found})"
    )
    do = "{command}"


def advice(
    error: BaseException, target: str, arguments: Sequence[str], module: bool, v1: bool
) -> Optional[UnihubError]:
    """Advice below the traceback of a script; None where that says it all.

    Args:
        error: that the script ended in.
        target, arguments, module, v1: of `unihub.dropin.running.run`.
    """
    missing = _NO_ATTRIBUTE.match(str(error)) if isinstance(error, AttributeError) else None
    name = missing.group(1) if missing else ""
    if name == "estimator":
        return EstimatorModuleGone(name="tf.estimator", version=runtime.tensorflow_version())
    tensorflow = sys.modules.get("tensorflow")
    if v1 or tensorflow is None or runtime.tensorflow_version().startswith("1."):
        return None
    is_gone = name == "contrib" or (name and hasattr(tensorflow.compat.v1, name))
    is_contrib = str(getattr(error, "name", "") or "").startswith("tensorflow.contrib")
    needs_graph = isinstance(error, RuntimeError) and _NEEDS_A_GRAPH.search(str(error))
    code = getattr(error, "code", "")
    if not (is_gone or is_contrib or needs_graph or code in _OF_MODULES):
        return None
    command = ["unihub", "run", "--v1", *(["-m"] if module else []), target, *arguments]
    return ScriptOfTensorFlow1(
        script=target,
        version=runtime.tensorflow_version(),
        found=first_line(error).partition(": ")[0] if code else first_line(error),
        command=" ".join(map(shlex.quote, command)),
    )
