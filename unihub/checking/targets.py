"""The installations that a script is checked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional, Tuple

from packaging.version import Version

from unihub import runtime
from unihub.errors import UnihubError, listed
from unihub.matrix.values import Runtime
from unihub.runtime import installed
from unihub.runtime.installed import Keras


class UnknownTarget(UnihubError, ValueError):
    """A script is to be checked for a runtime that there is not."""

    code = "unknown-check-runtime"
    what = "runtime={name!r} is not known."
    why = "scripts are checked for one of {choices}."
    do = "unihub check --runtime {example} SCRIPT"


@dataclass(frozen=True)
class Target:
    """An installation, as far as scripts can tell.

    Attributes:
        name: "tf1", "tf1_compat", "tf2", "keras3", or "here".
        tensorflow: its release.
        tensorflow_hub: its release; ``""`` where it is not installed.
        keras: which Keras tf.keras is.
        graph_mode: whether v2 behaviour is off before the script begins.
        pkg_resources: whether setuptools still has it.
    """

    name: str
    tensorflow: str
    tensorflow_hub: str
    keras: Keras
    graph_mode: bool = False
    pkg_resources: bool = True

    @property
    def is_tensorflow_1(self) -> bool:
        return self.tensorflow_release < (2,)

    @property
    def tensorflow_release(self) -> Tuple[int, ...]:
        return Version(self.tensorflow).release

    @property
    def hub_release(self) -> Tuple[int, ...]:
        return Version(self.tensorflow_hub or "0").release

    def __str__(self) -> str:
        hub = (
            f"tensorflow_hub {self.tensorflow_hub}" if self.tensorflow_hub else "no tensorflow_hub"
        )
        mode = ", v2 behavior disabled" if self.graph_mode and not self.is_tensorflow_1 else ""
        keras = {Keras.KERAS2: "Keras 2", Keras.TF_KERAS: "tf_keras", Keras.KERAS3: "Keras 3"}
        return f"TensorFlow {self.tensorflow}, {hub}, tf.keras is {keras[self.keras]}{mode}"


# TF2 with hub.Module and Keras 2 ended with 2.15; keras3 is what pip installs today.
TARGETS = {
    target.name: target
    for target in (
        Target("tf1", "1.15.5", "0.12.0", Keras.KERAS2, graph_mode=True),
        Target("tf1_compat", "2.15.1", "0.15.0", Keras.KERAS2, graph_mode=True),
        Target("tf2", "2.15.1", "0.15.0", Keras.KERAS2),
        Target("keras3", "2.21.0", "0.16.1", Keras.KERAS3, pkg_resources=False),
    )
}


def choose_target(name: Optional[str] = None) -> Target:
    """The target of that name; by default the installation that is here.

    Where no TensorFlow is installed, that is what pip installs today.

    Raises:
        UnknownTarget: when there is none of that name.

    Example:
        >>> choose_target("tf2").tensorflow
        '2.15.1'
    """
    if name is None or name == "here":
        return _installed()
    if name not in TARGETS:
        choices = [*TARGETS, "here"]
        raise UnknownTarget(name=name, choices=listed(choices), example="tf2")
    return TARGETS[name]


def _installed() -> Target:
    from importlib.util import find_spec

    try:
        here = installed.environment()
    except runtime.TensorFlowMissing:
        return replace(TARGETS["keras3"], name="here")
    return Target(
        name="here",
        tensorflow=here.tensorflow,
        tensorflow_hub=here.hub.version if here.hub else "",
        keras=here.keras,
        graph_mode=here.runtime is not Runtime.TF2,
        pkg_resources=find_spec("pkg_resources") is not None,
    )
