"""A whole process that loads a model and calls it once; and what of it could go on at once."""

from __future__ import annotations

from typing import Dict, Iterator

from benchmarks.hub import imports_as_installed
from benchmarks.measuring import Case, python
from benchmarks.models import CACHE, path_of
from unihub.formats import read_saved_model

MODELS = ("tiny", "efficientnet_b4")

_CALL = "print({{k: v.numpy().sum() for k, v in m(**{{{inputs}}}).items()}})"
_HUB = "import tensorflow as tf, tensorflow_hub as hub; m = hub.load({path!r}).signatures[{name!r}]"
_TENSORFLOW = (
    "import tensorflow as tf; o = tf.saved_model.load({path!r}); m = o.signatures[{name!r}]"
)
_UNIHUB = (
    "import tensorflow as tf, unihub; "
    "m = unihub.load({path!r}, signature={name!r}, as_dict=True{more})"
)

# Most of what a load does before it needs TensorFlow, and the least that a process pays.
_IN_A_THREAD = """
import threading, unihub
reading = threading.Thread(target=unihub.inspect, args=[{path!r}])
reading.start()
import tensorflow
reading.join()
"""
_READ = (
    ("TensorFlow, then reading", "import tensorflow, unihub; unihub.inspect({path!r})"),
    ("reading in a thread", _IN_A_THREAD),
    ("TensorFlow alone", "import tensorflow"),
)


def cases(quick: bool) -> Iterator[Case]:
    for model in MODELS[:1] if quick else MODELS:
        yield Case(
            model,
            {
                arm: python("-c", script, UNIHUB_CACHE=CACHE)
                for arm, script in _scripts(model).items()
            },
            rounds=2,
            once_before=["unihub, mapped"],
        )
        yield Case(
            f"{model}, read beside the import",
            {arm: python("-c", script.format(path=str(path_of(model)))) for arm, script in _READ},
            rounds=5,
        )


def _scripts(model: str) -> Dict[str, str]:
    path = path_of(model)
    ((name, signature),) = [
        (name, signature)
        for name, signature in read_saved_model(path).meta_graphs[0].signatures.items()
        if name == "serving_default"
    ]
    inputs = ", ".join(
        f"{key!r}: tf.zeros({[size or 1 for size in info.shape]}, {info.dtype!r})"
        for key, info in signature.inputs.items()
    )
    peer = ("hub.load", _HUB) if imports_as_installed() else ("tf.saved_model.load", _TENSORFLOW)
    loads = {peer[0]: peer[1], "unihub": _UNIHUB, "unihub, mapped": _UNIHUB}
    more = {"unihub, mapped": ", weights='mmap'"}
    return {
        arm: load.format(path=str(path), name=name, more=more.get(arm, ""))
        + "\n"
        + _CALL.format(inputs=inputs)
        for arm, load in loads.items()
    }
