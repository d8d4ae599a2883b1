"""The settings: the kinds of values, and the table of all."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Optional, Tuple
from urllib.parse import unquote, urlsplit

from unihub.errors import UnihubError

GIB = 1 << 30


@dataclass(frozen=True)
class Kind:
    """A kind of values that a setting takes.

    Attributes:
        accepted: in words, for people.
        read: from an environment variable's text; raises ValueError, and
            returns None where the text says nothing.
        allows: whether a value given to `configure` is one.
        example: a value, as it is written in a variable.
        remedy: the line to paste, where it is not ``export <variable>=<example>``.
    """

    accepted: str
    read: Callable[[str], Any]
    allows: Callable[[Any], bool]
    example: str
    remedy: str = ""


@dataclass(frozen=True)
class Variable:
    """An environment variable, with its own kind where it differs from the option's."""

    name: str
    kind: Optional[Kind] = None


@dataclass(frozen=True)
class Option:
    """One setting.

    Attributes:
        name: the field of `Settings`, and `configure`'s argument.
        kind: what values it takes.
        default: its value where nothing sets it, as text that its kind reads.
        purpose: what it is for, as a phrase.
        others: variables honoured after UNIHUB_<NAME>, first one first.
        otherwise: gives the value where nothing sets it, if ``default`` is but its words.
    """

    name: str
    kind: Kind
    default: str
    purpose: str
    others: Tuple[Variable, ...] = ()
    otherwise: Optional[Callable[[], Any]] = None

    @property
    def variables(self) -> Tuple[Variable, ...]:
        return (Variable("UNIHUB_" + self.name.upper()), *self.others)


@dataclass(frozen=True)
class Settings:
    """The value of every setting at one moment; `OPTIONS` says what each is."""

    cache: str
    offline: bool
    load_format: str
    progress: Optional[bool]
    verify_certificates: bool
    ca_bundle: Optional[str]
    # They may hold a password.
    proxies: Optional[Mapping[str, str]] = field(repr=False)
    connect_timeout: float
    read_timeout: float
    retries: int
    lock_timeout: float
    max_redirects: int
    max_download_bytes: int
    max_extracted_bytes: int
    max_ratio: float
    max_members: int
    max_header_bytes: int
    gcs_endpoint: str
    tfhub_cache: str
    tfhub_mirror: Optional[str]
    kagglehub_cache: str
    lockfile: Optional[str]
    on_unsafe: str


_FLAGS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY_UNITS = {"KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30, "TI": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*((?:[KMGT]i?)?)B?", re.IGNORECASE)
_FORMATS = ("AUTO", "COMPRESSED", "UNCOMPRESSED")
REACTIONS = ("warn", "refuse", "ignore")


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError(text)
    return _FLAGS[text.lower()]


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(text)
    number, unit = match.groups()
    return int(float(number) * {**_UNITS, **_BINARY_UNITS}[unit.upper()])


def _number_above(least: float, read: Callable[[str], Any]) -> Callable[[str], Any]:
    def read_number(text: str) -> Any:
        number = read(text)
        if not number >= least:
            raise ValueError(text)
        return number

    return read_number


def _is_number(value: Any, least: float, kinds: Tuple[type, ...]) -> bool:
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    number: Any = value
    return bool(number >= least)


def _load_format(text: str) -> str:
    if text.upper() not in _FORMATS:
        raise ValueError(text)
    return text.upper()


def _reaction(text: str) -> str:
    if text.lower() not in REACTIONS:
        raise ValueError(text)
    return text.lower()


def _proxies(text: str) -> Dict[str, str]:
    if "=" not in text:
        return {"http": text, "https": text}
    pairs = [part.split("=", 1) for part in text.split(",")]
    if any(len(pair) < 2 or pair[0].strip() not in ("http", "https", "no_proxy") for pair in pairs):
        raise ValueError(text)
    return {scheme.strip(): url.strip() for scheme, url in pairs}


def _is_proxies(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(x, str) for x in (*value, *value.values()))


def _endpoint(text: str) -> str:
    url = text if "://" in text else "http://" + text
    if not url.startswith(("http://", "https://")):
        raise ValueError(text)
    return url.rstrip("/")


def _is_path(value: Any) -> bool:
    return isinstance(value, os.PathLike) and isinstance(value.__fspath__(), str)


def _folder(text: str) -> str:
    url = urlsplit(text)
    if url.scheme == "file" and url.netloc in ("", "localhost"):
        text = unquote(url.path)
    if "://" in text:
        raise ValueError(text)
    return os.path.expanduser(text)


def _beside_tensorflow_hub(text: str) -> str:
    # A folder of our own in it, so that either cache can be cleared alone.
    return os.path.join(_folder(text), "unihub")


def _folder_or_bucket(text: str) -> str:
    return text if "://" in text and not text.startswith("file:") else _folder(text)


FLAG = Kind(
    "1, true, yes or on; 0, false, no or off", _flag, lambda value: isinstance(value, bool), "1"
)
PATH = Kind("the path of a folder", _folder, _is_path, "/data/models")
FILE = Kind("the path of a file", os.path.expanduser, _is_path, "/etc/ssl/certs/ca.pem")
SECONDS = Kind(
    "a number of seconds above 0",
    _number_above(1e-3, float),
    lambda value: _is_number(value, 1e-3, (int, float)),
    "60",
)
COUNT = Kind(
    "a whole number, 0 or more",
    _number_above(0, int),
    lambda value: _is_number(value, 0, (int,)),
    "5",
)
SIZE = Kind(
    "a number of bytes, or one with a unit such as 500MB or 20GiB",
    _size,
    lambda value: _is_number(value, 0, (int,)),
    "20GiB",
)
RATIO = Kind(
    "a number of 1 or more",
    _number_above(1, float),
    lambda value: _is_number(value, 1, (int, float)),
    "200",
)
LOCKFILE = Kind(
    "the path of a file, or none",
    lambda text: "" if text.lower() == "none" else os.path.expanduser(text),
    _is_path,
    "models.lock",
)
FORMAT = Kind(
    "AUTO, COMPRESSED or UNCOMPRESSED", _load_format, lambda value: value in _FORMATS, "AUTO"
)
REACTION = Kind("warn, refuse or ignore", _reaction, lambda value: value in REACTIONS, "refuse")
PROXIES = Kind(
    "the URL of a proxy, or http=URL,https=URL", _proxies, _is_proxies, "http://proxy:3128"
)
ENDPOINT = Kind("an http(s) URL, or host:port", _endpoint, lambda value: False, "localhost:9023")

_ANYTHING = Kind("any text, for yes", lambda text: True, FLAG.allows, "1")
# tensorflow_hub looks for this very text and takes every other for unset.
_TRUE_DISABLES = Kind("true", lambda text: False if text == "true" else None, FLAG.allows, "true")
_TFHUB_CACHE = Kind(
    "the path of a folder: a bucket has neither the renames nor the locks of unihub's cache",
    _beside_tensorflow_hub,
    PATH.allows,
    PATH.example,
    f"export UNIHUB_CACHE={PATH.example}",
)
_FOREIGN_CACHE = Kind(PATH.accepted, _folder_or_bucket, PATH.allows, PATH.example)


class HomeUnknown(UnihubError, OSError):
    """Nothing says where the user's folder is, in which the cache is by default."""

    code = "home-unknown"
    what = "unihub does not know where its cache is to be."
    why = "by default it is in your home folder, HOME is not set, and uid {uid} is no known user."
    do = 'export UNIHUB_CACHE="$(mktemp -d)"  # or any folder of your own'


def _default_cache() -> str:
    import platformdirs

    try:
        cache = platformdirs.user_cache_dir("unihub", appauthor=False)
    # Releases before 4.10 leave the ~ as it is.
    except RuntimeError:
        cache = "~"
    if cache.startswith("~"):
        raise HomeUnknown(uid=os.geteuid() if hasattr(os, "geteuid") else -1)
    return cache


def _temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        # Where nothing can be written, there may still be something to read.
        return os.path.join(os.sep, "tmp")


OPTIONS: Tuple[Option, ...] = (
    Option(
        "cache",
        PATH,
        "`unihub` in the user's cache folder, `~/.cache/unihub` on Linux",
        "the folder where downloaded models are kept",
        (Variable("TFHUB_CACHE_DIR", _TFHUB_CACHE),),
        _default_cache,
    ),
    Option("offline", FLAG, "no", "use what is cached, and no network"),
    Option(
        "load_format",
        FORMAT,
        "AUTO, which is COMPRESSED",
        "which of TF Hub's two protocols fetches the URL of a model",
        (Variable("TFHUB_MODEL_LOAD_FORMAT"),),
        lambda: "AUTO",
    ),
    Option(
        "progress",
        FLAG,
        "on a terminal or in a notebook, after a second",
        "show the progress of downloads",
        (Variable("TFHUB_DOWNLOAD_PROGRESS", _ANYTHING),),
        lambda: None,
    ),
    Option(
        "verify_certificates",
        FLAG,
        "yes",
        "check the certificate of https servers",
        (Variable("TFHUB_DISABLE_CERT_VALIDATION", _TRUE_DISABLES),),
    ),
    Option(
        "ca_bundle",
        FILE,
        "that of requests",
        "the authorities to trust, in PEM format",
        (Variable("REQUESTS_CA_BUNDLE"), Variable("CURL_CA_BUNDLE"), Variable("SSL_CERT_FILE")),
        lambda: None,
    ),
    Option(
        "proxies",
        PROXIES,
        "HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as requests reads them",
        "the proxies to go through",
        otherwise=lambda: None,
    ),
    Option("connect_timeout", SECONDS, "10", "to wait for a connection"),
    Option("read_timeout", SECONDS, "60", "to wait for the next bytes"),
    Option("retries", COUNT, "5", "attempts after the first that failed"),
    Option(
        "lock_timeout", SECONDS, "3600", "to wait for another process that fetches the same model"
    ),
    Option("max_redirects", COUNT, "10", "redirects to follow"),
    Option("max_download_bytes", SIZE, "100GiB", "the largest download"),
    Option("max_extracted_bytes", SIZE, "200GiB", "the most that an archive may extract to"),
    Option(
        "max_ratio",
        RATIO,
        "200",
        "the most bytes that an archive may extract to, for each of its own",
    ),
    Option("max_members", COUNT, "100000", "the most files in an archive"),
    Option("max_header_bytes", SIZE, "1MiB", "the longest header of a file in an archive"),
    Option(
        "gcs_endpoint",
        ENDPOINT,
        "https://storage.googleapis.com",
        "where objects of gs:// handles are read by HTTP",
        (Variable("STORAGE_EMULATOR_HOST"),),
    ),
    Option(
        "tfhub_cache",
        _FOREIGN_CACHE,
        "`tfhub_modules` in the folder for temporary files",
        "the cache of tensorflow_hub, whose entries are used where they are",
        (Variable("TFHUB_CACHE_DIR"),),
        lambda: os.path.join(_temporary_folder(), "tfhub_modules"),
    ),
    Option(
        "tfhub_mirror",
        ENDPOINT,
        "none",
        "a server of TF Hub's hosting protocol that is asked in the place of tfhub.dev",
        otherwise=lambda: None,
    ),
    Option(
        "kagglehub_cache",
        PATH,
        "`~/.cache/kagglehub`",
        "the cache of kagglehub, whose entries are used where they are",
        (Variable("KAGGLEHUB_CACHE"),),
        lambda: os.path.join(os.path.expanduser("~"), ".cache", "kagglehub"),
    ),
    Option(
        "lockfile",
        LOCKFILE,
        "`unihub.lock` in the working folder, or the nearest above it",
        "the file that says which bytes the handles of a project stand for",
        otherwise=lambda: None,
    ),
    Option(
        "on_unsafe",
        REACTION,
        "warn",
        "what is done about a model that acts outside of its graph, before it is loaded",
    ),
)
