"""Versions that do not go together, as data, and how to look for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Set, Tuple

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from unihub.doctor.installation import Installation, normalized
from unihub.doctor.problem import Problem, Severity
from unihub.errors import Message
from unihub.matrix import backends
from unihub.runtime.installed import LEGACY_KERAS_VALUES

ABSENT = "absent"
ANY = ""


@dataclass(frozen=True)
class Conflict:
    """Packages that do not work together.

    Attributes:
        message: id and words; ``{tensorflow_hub}`` stands for a version.
        when: by package, the versions in conflict: a specifier, `ANY` or `ABSENT`.
        severity: an error stops an import or gives wrong results.
        python: the versions of Python it is limited to.
        variables: environment variables, and whether their value is part of it.
        source: where it is documented, or what was run to see it.
    """

    message: Message
    when: Mapping[str, str]
    severity: Severity
    source: str
    python: str = ANY
    variables: Tuple[Tuple[str, Callable[[Optional[str]], bool]], ...] = ()
    needs_pkg_resources: bool = False


def _legacy(value: Optional[str]) -> bool:
    return value in LEGACY_KERAS_VALUES


def _not_legacy(value: Optional[str]) -> bool:
    return not _legacy(value)


def _legacy_misspelt(value: Optional[str]) -> bool:
    return value not in (None, "", "0", "false", "False", *LEGACY_KERAS_VALUES)


def _other_backend(value: Optional[str]) -> bool:
    return bool(value) and value not in backends.NAMES


def _is_backend(name: str) -> Callable[[Optional[str]], bool]:
    return lambda value: value == name


CONFLICTS: Tuple[Conflict, ...] = (
    Conflict(
        Message(
            "tensorflow-absent",
            "TensorFlow is not installed here.",
            "unihub loads models with it; inspecting and checking do without.",
            "pip install tensorflow tf-keras",
        ),
        {"tensorflow": ABSENT},
        Severity.ERROR,
        "packages' metadata",
    ),
    Conflict(
        Message(
            "tensorflow-before-1-15",
            "TensorFlow {tensorflow} is older than unihub supports.",
            "TF2 SavedModels do not load before 1.15.",
            'pip install "tensorflow>=1.15"',
        ),
        {"tensorflow": "<1.15.dev0"},
        Severity.ERROR,
        "https://www.tensorflow.org/hub/model_compatibility",
    ),
    Conflict(
        Message(
            "hub-without-pkg-resources",
            "`import tensorflow_hub` raises ModuleNotFoundError: No module named 'pkg_resources'.",
            "tensorflow_hub {tensorflow_hub} imports it, and it left setuptools with 82. "
            "unihub does without; scripts that import tensorflow_hub do not.",
            'pip install "setuptools<82"',
        ),
        {"tensorflow-hub": ">=0.13"},
        Severity.WARNING,
        "https://github.com/tensorflow/hub/issues/934; tensorflow_hub/__init__.py",
        needs_pkg_resources=True,
    ),
    Conflict(
        Message(
            "hub-without-distutils",
            "`import tensorflow_hub` raises ModuleNotFoundError: No module named 'distutils'.",
            "tensorflow_hub {tensorflow_hub} imports it, and Python {python} does not have it.",
            'pip install --upgrade tensorflow-hub "tf-keras~={tensorflow_minor}.0"',
        ),
        {"tensorflow-hub": "<0.13", "setuptools": ABSENT},
        Severity.ERROR,
        "https://docs.python.org/3/whatsnew/3.12.html; tensorflow_hub/__init__.py",
        python=">=3.12",
    ),
    Conflict(
        Message(
            "hub-needs-estimator",
            "`import tensorflow_hub` raises AttributeError: no attribute 'estimator'.",
            "tensorflow_hub {tensorflow_hub} reads tf.compat.v1.estimator, which left TensorFlow "
            "with 2.16. (found: TensorFlow {tensorflow}) unihub has hub.Module of its own.",
            'pip install "tensorflow-hub>=0.16.1" "tf-keras~={tensorflow_minor}.0"',
        ),
        {"tensorflow-hub": "<0.16", "tensorflow": ">=2.16.dev0"},
        Severity.ERROR,
        "tensorflow_hub 0.15.0 on TensorFlow 2.21",
    ),
    Conflict(
        Message(
            "hub-without-tf-keras",
            "`import tensorflow_hub` raises ModuleNotFoundError: No module named 'tf_keras'.",
            "tensorflow_hub {tensorflow_hub} makes its KerasLayer of tf_keras on "
            "TensorFlow {tensorflow}.",
            'pip install "tf-keras~={tensorflow_minor}.0"',
        ),
        {"tensorflow-hub": ">=0.16", "tensorflow": ">=2.16.dev0", "tf-keras": ABSENT},
        Severity.ERROR,
        "https://github.com/tensorflow/hub/releases/tag/v0.16.0",
    ),
    Conflict(
        Message(
            "legacy-keras-without-tf-keras",
            "tf.keras raises ImportError: TF_USE_LEGACY_KERAS is set and tf_keras is absent.",
            "with that variable TensorFlow {tensorflow} takes tf.keras from tf_keras.",
            'pip install "tf-keras~={tensorflow_minor}.0"; or: unset TF_USE_LEGACY_KERAS',
        ),
        {"tensorflow": ">=2.15.dev0", "tf-keras": ABSENT},
        Severity.ERROR,
        "https://www.tensorflow.org/guide/keras#using_keras_2; TensorFlow 2.15 and 2.21 so set",
        variables=(("TF_USE_LEGACY_KERAS", _legacy),),
    ),
    Conflict(
        Message(
            "legacy-keras-misspelt",
            "TF_USE_LEGACY_KERAS has a value that TensorFlow does not honour.",
            "it looks for 1, true or True; with any other value tf.keras is Keras 3.",
            "export TF_USE_LEGACY_KERAS=1",
        ),
        {"tensorflow": ">=2.16.dev0"},
        Severity.WARNING,
        "tensorflow/python/util/lazy_loader.py",
        variables=(("TF_USE_LEGACY_KERAS", _legacy_misspelt),),
    ),
    Conflict(
        Message(
            "keras-backend-not-tensorflow",
            "KerasLayer raises: it does not run on this backend of Keras.",
            f"it runs on {', '.join(backends.NAMES)}. (found: KERAS_BACKEND, Keras {{keras}})",
            "export KERAS_BACKEND=tensorflow",
        ),
        {"keras": ">=3"},
        Severity.ERROR,
        "https://keras.io/getting_started/#configuring-your-backend",
        variables=(("KERAS_BACKEND", _other_backend),),
    ),
    *(
        Conflict(
            Message(
                f"keras-backend-{name}-absent",
                f"`import keras` raises ModuleNotFoundError: No module named {name!r}.",
                f"KERAS_BACKEND is {name}, which is not installed beside Keras {{keras}}.",
                f"pip install {name}; or: export KERAS_BACKEND=tensorflow",
            ),
            {"keras": ">=3", name: ABSENT},
            Severity.ERROR,
            "https://keras.io/getting_started/#installing-keras-3",
            variables=(("KERAS_BACKEND", _is_backend(name)),),
        )
        for name in backends.LIFTED
    ),
    Conflict(
        Message(
            "keras-3-with-tensorflow-2-14",
            "tf.keras raises ModuleNotFoundError: No module named 'keras.api._v2'.",
            "up to 2.14 TensorFlow knows Keras 2 alone. (found: Keras {keras} beside "
            "TensorFlow {tensorflow})",
            'pip install "keras=={tensorflow_minor}.*"',
        ),
        {"tensorflow": ">=2.12,<2.15.dev0", "keras": ">=3"},
        Severity.ERROR,
        "tensorflow/__init__.py of 2.12 to 2.14; Keras 3.6 beside TensorFlow 2.14",
    ),
    Conflict(
        Message(
            "keras-3-with-tensorflow-2-15",
            "models of tf.keras refuse tensorflow_hub's KerasLayer, or making one raises "
            "TypeError: Keras {keras} is installed beside TensorFlow {tensorflow}.",
            "TensorFlow 2.15 takes tf.keras from the package keras, which is then Keras 3, and "
            "the layer is made for Keras 2. unihub's is of what tf.keras is.",
            'pip install "keras=={tensorflow_minor}.*"',
        ),
        {"tensorflow": ">=2.15.dev0,<2.16.dev0", "keras": ">=3"},
        Severity.ERROR,
        "https://www.tensorflow.org/guide/keras; tensorflow_hub 0.15 and 0.16.1 on "
        "TensorFlow 2.15 with Keras 3",
        variables=(("TF_USE_LEGACY_KERAS", _not_legacy),),
    ),
    Conflict(
        Message(
            "keras-2-with-tensorflow-2-16",
            "`import keras` raises AttributeError: no attribute 'register_load_context_function'.",
            "Keras {keras} is for TensorFlow up to 2.15; TensorFlow {tensorflow} takes tf.keras "
            "from Keras 3, and Keras 2 from tf_keras.",
            'pip install --upgrade "keras>=3"',
        ),
        {"tensorflow": ">=2.16.dev0", "keras": "<3"},
        Severity.ERROR,
        "https://github.com/tensorflow/tensorflow/releases/tag/v2.16.1; Keras 2.15 beside "
        "TensorFlow 2.21",
    ),
    Conflict(
        Message(
            "protobuf-too-new",
            "`import tensorflow` raises TypeError: Descriptors cannot be created directly.",
            "TensorFlow {tensorflow} has message classes that protobuf {protobuf} refuses.",
            'pip install "protobuf<3.21"',
        ),
        {"tensorflow": "<2.9.2", "protobuf": ">=3.21"},
        Severity.ERROR,
        "https://protobuf.dev/news/2022-05-06/#python-updates",
    ),
    Conflict(
        Message(
            "numpy-2-with-older-tensorflow",
            "`import tensorflow` fails: numpy {numpy} with TensorFlow {tensorflow}.",
            "it was compiled for numpy 1; TensorFlow takes numpy 2 from 2.18 on.",
            'pip install "numpy<2"',
        ),
        {"tensorflow": "<2.18.dev0", "numpy": ">=2"},
        Severity.ERROR,
        "https://numpy.org/doc/stable/numpy_2_0_migration_guide.html",
    ),
    Conflict(
        Message(
            "numpy-too-new-for-symbolic-tensors",
            "recurrent layers raise NotImplementedError: numpy {numpy}.",
            "TensorFlow {tensorflow} hands symbolic tensors to numpy, which refuses since 1.20.",
            'pip install "numpy<1.20"',
        ),
        {"tensorflow": "<2.5", "numpy": ">=1.20"},
        Severity.WARNING,
        "https://github.com/tensorflow/models/issues/9706",
    ),
    Conflict(
        Message(
            "wrapt-too-new",
            "TensorFlow {tensorflow} was made for an older wrapt than {wrapt}.",
            "it keeps dicts and lists of models in subclasses of wrapt.ObjectProxy, and allows "
            "wrapt<1.15.",
            'pip install "wrapt<1.15"',
        ),
        {"tensorflow": ">=2.12,<2.16.dev0", "wrapt": ">=1.15"},
        Severity.WARNING,
        "the requirements of TensorFlow 2.12 to 2.15",
    ),
)

# Released together: both are of one minor version.
COMPANIONS = ("tf-keras", "tensorflow-text", "tensorflow-estimator")
_COMPANION = Message(
    "companion-of-another-tensorflow",
    "{name} {version} does not go with TensorFlow {tensorflow}.",
    "each release of it is made for the TensorFlow of its own number; another breaks at import "
    "or when a model is loaded.",
    'pip install "{name}~={minor}.0"',
)
_REQUIREMENT = Message(
    "unmet-requirement",
    "{package} {version} requires {requirement}.",
    "found: {found}.",
    'pip install "{requirement}"',
)
_SEVERAL = Message(
    "several-tensorflows",
    "several distributions provide the module tensorflow: {names}.",
    "they write over each other's files, and the last one installed or removed leaves a mixture.",
    "pip uninstall -y {all}; pip install {first}",
)


def problems_of(installation: Installation) -> Tuple[Problem, ...]:
    """The conflicts among what is installed, errors first."""
    found: List[Problem] = []
    told: Set[str] = set()
    for conflict in CONFLICTS:
        if _is_met(conflict, installation):
            told |= set(conflict.when)
            words = conflict.message.filled(**_facts(installation))
            found.append(Problem.of(words, conflict.severity, conflict.source))
    for problem, about in _companions(installation):
        if about not in told:
            told.add(about)
            found.append(problem)
    found += _several(installation)
    found += _unmet(installation, told)
    return tuple(sorted(found, key=lambda problem: list(Severity).index(problem.severity)))


def _is_met(conflict: Conflict, installation: Installation) -> bool:
    if conflict.needs_pkg_resources and installation.has_pkg_resources:
        return False
    if conflict.python and not _within(installation.python, conflict.python):
        return False
    variables = dict(installation.variables)
    if not all(is_part(variables.get(name)) for name, is_part in conflict.variables):
        return False
    return all(
        _matches(installation.packages.get(name), versions)
        for name, versions in conflict.when.items()
    )


def _matches(version: Optional[str], versions: str) -> bool:
    if version is None or versions == ABSENT:
        return version is None and versions == ABSENT
    return _within(version, versions)


def _within(version: str, versions: str) -> bool:
    try:
        # Installed pre-releases are judged like releases.
        return SpecifierSet(versions).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def _facts(installation: Installation) -> Dict[str, str]:
    facts = {name.replace("-", "_"): version for name, version in installation.packages.items()}
    facts["python"] = installation.python
    facts["tensorflow_minor"] = _minor(facts.get("tensorflow", ""))
    return facts


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _companions(installation: Installation) -> Iterator[Tuple[Problem, str]]:
    tensorflow = installation.packages.get("tensorflow")
    if tensorflow is None:
        return
    for name in COMPANIONS:
        version = installation.packages.get(name)
        if version is None or _minor(version) == _minor(tensorflow):
            continue
        words = _COMPANION.filled(
            name=name, version=version, tensorflow=tensorflow, minor=_minor(tensorflow)
        )
        yield Problem.of(words, Severity.ERROR, f"what the metadata of {name} requires"), name


def _several(installation: Installation) -> Iterator[Problem]:
    names = installation.tensorflow_distributions
    if len(names) > 1:
        facts = {"names": ", ".join(names), "all": " ".join(names), "first": names[0]}
        yield Problem.of(_SEVERAL.filled(**facts), Severity.WARNING, "packages' metadata")


def _unmet(installation: Installation, told: Set[str]) -> Iterator[Problem]:
    environment: Dict[str, Any] = {**default_environment(), "extra": ""}
    seen = set()
    for package, text in installation.requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        name = normalized(requirement.name)
        version = installation.packages.get(name)
        met = version is not None and _within(version, str(requirement.specifier))
        if met or name in told or (package, name) in seen:
            continue
        seen.add((package, name))
        short = f"{requirement.name}{requirement.specifier}"
        words = _REQUIREMENT.filled(
            package=package,
            version=installation.packages[package],
            requirement=short,
            found=f"{name} {version}" if version else f"no {name}",
        )
        yield Problem.of(words, Severity.WARNING, "packages' metadata")
