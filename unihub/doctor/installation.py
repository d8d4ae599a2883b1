"""Reads what is installed, by the packages' metadata, and the variables that bear on it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Dict, List, Mapping, Optional, Tuple

from unihub.runtime import TENSORFLOW_DISTRIBUTIONS
from unihub.runtime.installed import Keras, keras_chosen

TENSORFLOW = "tensorflow"

WATCHED = (
    "tensorflow",
    "tensorflow-hub",
    "keras",
    "tf-keras",
    "tensorflow-estimator",
    "tensorflow-text",
    "setuptools",
    "protobuf",
    "numpy",
    "wrapt",
    "unihub",
)
VARIABLES = ("TF_USE_LEGACY_KERAS", "KERAS_BACKEND", "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION")
_NORMALIZED = re.compile(r"[-_.]+")


@dataclass(frozen=True)
class Installation:
    """A set of installed packages.

    Attributes:
        python: its version.
        packages: versions by normalized name; TensorFlow's under "tensorflow"
            whatever its distribution is called.
        tensorflow_distributions: those that provide the module tensorflow.
        requirements: of each watched package, as its metadata has them.
        variables: environment variables that are set.
        has_pkg_resources: whether that module is there.
    """

    python: str
    packages: Mapping[str, str]
    tensorflow_distributions: Tuple[str, ...] = ()
    requirements: Tuple[Tuple[str, str], ...] = ()
    variables: Tuple[Tuple[str, str], ...] = ()
    has_pkg_resources: bool = True

    @property
    def tf_keras(self) -> Optional[Keras]:
        """Which Keras tf.keras is, or would be if it could be imported; None without any."""
        tensorflow = self.packages.get(TENSORFLOW)
        if tensorflow is None:
            return None
        legacy = dict(self.variables).get("TF_USE_LEGACY_KERAS")
        return keras_chosen(tensorflow, self.packages.get("keras"), legacy)


def installation_here() -> Installation:
    """The packages of the running Python, read without importing any of them."""
    packages: Dict[str, str] = {}
    requirements: List[Tuple[str, str]] = []
    for distribution in _distributions():
        name = normalized(distribution.metadata["Name"] or "")
        # The first on the path is the one that is imported.
        if name in packages or not name:
            continue
        packages[name] = distribution.version
        if name in WATCHED or name in TENSORFLOW_DISTRIBUTIONS:
            requirements += [(name, text) for text in distribution.requires or ()]
    from unihub import __version__

    # As a folder on the path it has no metadata.
    packages.setdefault("unihub", __version__)
    tensorflows = tuple(name for name in TENSORFLOW_DISTRIBUTIONS if name in packages)
    if tensorflows:
        packages.setdefault(TENSORFLOW, packages[tensorflows[0]])
    return Installation(
        python="{}.{}.{}".format(*sys.version_info[:3]),
        packages=packages,
        tensorflow_distributions=tensorflows,
        requirements=tuple(requirements),
        variables=tuple((name, os.environ[name]) for name in VARIABLES if name in os.environ),
        has_pkg_resources=find_spec("pkg_resources") is not None,
    )


def normalized(name: str) -> str:
    """The name of a distribution as PEP 503 writes it."""
    return _NORMALIZED.sub("-", name).lower()


def _distributions() -> Any:
    if sys.version_info >= (3, 8):
        from importlib import metadata
    else:
        import importlib_metadata as metadata
    return metadata.distributions()
