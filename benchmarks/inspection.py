"""`unihub inspect` and `unihub.inspect`, each in a process of its own, beside
`saved_model_cli show --all`.

And what looking for dangers costs, beside the load that it goes before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Iterator

import tensorflow as tf

from benchmarks.measuring import Case, python
from benchmarks.models import path_of
from unihub.formats import read_saved_model
from unihub.inspection.op_dangers import Severity
from unihub.inspection.security import security_findings

_ROOT = Path(__file__).resolve().parent.parent
_SHARED = Path(os.environ.get("UNIHUB_SHARED_MODELS", _ROOT.parent / "shared" / "models"))
_CLI = (
    "import sys; sys.argv = ['saved_model_cli', 'show', '--dir', {path!r}, '--all']; "
    "from tensorflow.python.tools.saved_model_cli import main; main()"
)
_INSPECT = "import unihub; print(unihub.inspect({path!r}))"
_COMMAND = (
    "import sys; sys.argv = ['unihub', 'inspect', {path!r}]; from unihub.cli import main; main()"
)


def cases(quick: bool) -> Iterator[Case]:
    for name, path in _models(quick).items():
        yield Case(
            name,
            {
                "saved_model_cli show --all": python("-c", _CLI.format(path=path)),
                "unihub inspect": python("-c", _COMMAND.format(path=path)),
                "unihub.inspect": python("-c", _INSPECT.format(path=path)),
            },
            rounds=3,
            once_before=["unihub inspect"],
        )
    loaded = str(path_of("tiny" if quick else "efficientnet_b4"))
    model = read_saved_model(loaded)
    yield Case(
        "dangers alone" if quick else "EfficientNetB4, dangers alone",
        {
            "tf.saved_model.load": lambda: tf.saved_model.load(loaded),
            "security_findings": lambda: security_findings(model, Severity.HIGH),
        },
        rounds=2,
        once_before=["security_findings"],
    )


def _models(quick: bool) -> Dict[str, str]:
    if quick:
        return {"tiny": str(path_of("tiny"))}
    models = {
        "EfficientNetB4": str(path_of("efficientnet_b4")),
        "100 MB": str(path_of("large_constant")),
    }
    guesslang = _SHARED / "guesslang__model"
    return {**models, "guesslang": str(guesslang)} if guesslang.is_dir() else models
