"""The caches, the proxies, the certificates and the settings, and what is wrong with them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from dataclasses import dataclass, replace
from typing import Dict, Iterator, List, Optional, Tuple

from unihub import settings
from unihub.doctor.problem import Problem, Severity
from unihub.errors import Message, UnihubError, counted, size
from unihub.errors.redaction import redacted
from unihub.handles.cache import housekeeping
from unihub.handles.cache.cache import Cache
from unihub.handles.sources.legacy import looks_complete

_CACHING = "https://www.tensorflow.org/hub/caching"
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_LEAST_FREE_BYTES = 2 * settings.GIB

_DAMAGED = Message(
    "cache-damaged",
    "{count} in the cache cannot be served: {example}.",
    "{reason}",
    "unihub cache prune",
)
_EMPTIED = Message(
    "tfhub-cache-emptied",
    "{count} in tensorflow_hub's cache lack files: {example}.",
    "cleaners of temporary folders delete old files and leave the folders, and tensorflow_hub "
    "loads from what is left.",
    "rm -r {paths}",
)
_LOCKED = Message(
    "tfhub-cache-locked",
    "{count} in tensorflow_hub's cache: {example}.",
    "a download is under way, or its process has died; others wait for it.",
    "rm {paths}  # when no process downloads",
)
_TEMPORARY = Message(
    "tfhub-cache-temporary",
    "tensorflow_hub keeps its models in {folder}.",
    "folders for temporary files are cleaned by the system, and others may write to them.",
    'export TFHUB_CACHE_DIR="$HOME/.cache/tfhub_modules"',
)
_NOT_WRITABLE = Message(
    "cache-folder-not-writable",
    "models cannot be stored in {folder}.",
    "{reason}.",
    "export UNIHUB_CACHE=/a/folder/of/yours",
)
_LITTLE_SPACE = Message(
    "cache-disk-nearly-full",
    "{free} are free on the disk of {folder}.",
    "models take up to some gigabytes.",
    "unihub cache prune --max-size 10GB; or export UNIHUB_CACHE=/another/disk",
)
_NO_BUNDLE = Message(
    "certificates-missing",
    "{variable}={path!r} is not there.",
    "every https download fails without the certificates it names.",
    "unset {variable}",
)
_PROXY_SCHEME = Message(
    "proxy-without-scheme",
    "{variable}={value!r} has no scheme.",
    "the libraries that read it disagree on what that means.",
    "export {variable}=http://{value}",
)
_PROXY_SCHEME_AND_USER = replace(_PROXY_SCHEME, do="export {variable}=http://USER:PASSWORD@{value}")


@dataclass(frozen=True)
class CacheState:
    """The models that are stored.

    Attributes:
        folder: of unihub's cache.
        models: how many there are in it.
        bytes: that it takes.
        free_bytes: on its disk.
        tfhub_folder: the cache of tensorflow_hub.
        tfhub_models: how many complete models are in that.
    """

    folder: str
    models: int
    bytes: int
    free_bytes: int
    tfhub_folder: str
    tfhub_models: int


@dataclass(frozen=True)
class Surroundings:
    """All that is not installed and yet bears on downloads.

    Attributes:
        cache: None where the settings or the cache cannot be read.
        offline: whether the network is left alone.
        network: variables of proxies and certificates, without passwords.
    """

    cache: Optional[CacheState]
    offline: bool
    network: Tuple[Tuple[str, str], ...]
    problems: Tuple[Problem, ...]


def surroundings_here() -> Surroundings:
    """Looks at the caches and at the variables. Nothing is written, removed or connected to."""
    network = tuple(_network())
    problems = list(_network_problems())
    try:
        now = settings.current()
        state = _cache_state(now.cache, now.tfhub_cache)
        problems += _cache_problems(now.cache, now.tfhub_cache, state)
    except UnihubError as error:
        problems.append(
            Problem(error.code, Severity.ERROR, error.what, error.why, error.do, _CACHING)
        )
        return Surroundings(None, False, network, tuple(problems))
    return Surroundings(state, now.offline, network, tuple(problems))


def _cache_state(folder: str, tfhub_folder: str) -> CacheState:
    cache = Cache(folder)
    return CacheState(
        folder=folder,
        models=len(housekeeping.entries(cache)),
        bytes=housekeeping.usage(folder).bytes if os.path.isdir(folder) else 0,
        free_bytes=shutil.disk_usage(_existing(folder)).free,
        tfhub_folder=tfhub_folder,
        tfhub_models=sum(looks_complete(path) for path in _tfhub_models(tfhub_folder)),
    )


def _existing(folder: str) -> str:
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _tfhub_models(folder: str) -> List[str]:
    if not os.path.isdir(folder):
        return []
    # tensorflow_hub names each by the SHA-1 of its handle.
    names = sorted(name for name in os.listdir(folder) if re.fullmatch("[0-9a-f]{40}", name))
    paths = [os.path.join(folder, name) for name in names]
    return [path for path in paths if os.path.isdir(path)]


def _cache_problems(folder: str, tfhub_folder: str, state: CacheState) -> Iterator[Problem]:
    damaged = housekeeping.damaged_entries(Cache(folder))
    if damaged:
        (path, damage), *_ = damaged
        facts = {"count": counted(len(damaged), "model"), "example": path}
        yield _problem(_DAMAGED, Severity.WARNING, reason=str(damage[0]), **facts)
    present = _existing(folder)
    if not os.access(present, os.W_OK):
        yield _problem(
            _NOT_WRITABLE, Severity.ERROR, folder=folder, reason=f"{present} is read-only"
        )
    if state.free_bytes < _LEAST_FREE_BYTES:
        free = size(state.free_bytes)
        yield _problem(_LITTLE_SPACE, Severity.WARNING, folder=folder, free=free)
    models = _tfhub_models(tfhub_folder)
    emptied = [path for path in models if not looks_complete(path)]
    locks = [path + ".lock" for path in models if os.path.lexists(path + ".lock")]
    for message, found, noun in ((_EMPTIED, emptied, "folder"), (_LOCKED, locks, "lock")):
        if found:
            paths = " ".join(map(shlex.quote, found[:5]))
            facts = {"count": counted(len(found), noun), "example": found[0], "paths": paths}
            yield _problem(message, Severity.WARNING, **facts)
    if models and _is_temporary(tfhub_folder):
        yield _problem(_TEMPORARY, Severity.NOTE, folder=tfhub_folder)


def _is_temporary(folder: str) -> bool:
    temporary = os.path.realpath(tempfile.gettempdir())
    return os.path.realpath(folder).startswith(os.path.join(temporary, ""))


def _problem(message: Message, severity: Severity, **facts: str) -> Problem:
    return Problem.of(message.filled(**facts), severity, _CACHING)


def _variables() -> Iterator[Tuple[str, str]]:
    for name in _PROXY_VARIABLES:
        for variable in (name, name.lower()):
            if os.environ.get(variable):
                yield variable, os.environ[variable]


def _bundles() -> Dict[str, str]:
    (option,) = [option for option in settings.OPTIONS if option.name == "ca_bundle"]
    names = [variable.name for variable in option.variables]
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _network() -> Iterator[Tuple[str, str]]:
    yield from ((name, redacted(value)) for name, value in _variables())
    yield from _bundles().items()


def _network_problems() -> Iterator[Problem]:
    for variable, path in _bundles().items():
        if not os.path.exists(os.path.expanduser(path)):
            yield _problem(_NO_BUNDLE, Severity.ERROR, variable=variable, path=path)
    for variable, value in _variables():
        if "://" not in value and variable.lower() != "no_proxy":
            host = redacted(value)
            problem = _PROXY_SCHEME if host == value else _PROXY_SCHEME_AND_USER
            yield _problem(problem, Severity.WARNING, variable=variable, value=host)
