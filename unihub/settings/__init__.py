"""Every setting of unihub: its name, the variables it is read from, its default.

`OPTIONS` is the one place: `current` reads by it, `configure` checks by it, and
the table in the documentation is drawn from it by `table`.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Type

from unihub.errors import UnihubError, listed, nearest
from unihub.redaction import redacted, scrubbed

GIB = 1 << 30


class SettingNotUnderstood(UnihubError, ValueError, RuntimeError):
    """A setting has a value that is none of those it takes."""

    code = "setting-not-understood"
    what = "{source}={value!r} is not understood."
    why = "it sets {option!r}: {purpose}, and takes {accepted}."
    do = "{remedy}"


class UnknownSetting(UnihubError, TypeError):
    """configure() got a name that is no setting."""

    code = "unknown-setting"
    what = "unihub has no setting {name!r}."
    why = "its settings are {choices}."
    do = "unihub.configure({example}=...)"


@dataclass(frozen=True)
class Kind:
    """What values a setting takes.

    Attributes:
        accepted: in words, for people.
        read: from an environment variable's text; raises ValueError, and
            returns None where the text says nothing.
        allows: whether a value given to `configure` is one.
        example: a value, as it is written in a variable.
    """

    accepted: str
    read: Callable[[str], Any]
    allows: Callable[[Any], bool]
    example: str


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
        default: gives its value where nothing sets it.
        default_text: the default in words.
        unit: of a number; empty for others.
        purpose: what it is for, as a phrase.
        others: variables honoured after UNIHUB_<NAME>, first one first.
    """

    name: str
    kind: Kind
    default: Callable[[], Any]
    default_text: str
    unit: str
    purpose: str
    others: Tuple[Variable, ...] = ()

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
    kagglehub_cache: str
    lockfile: Optional[str]


_FLAGS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY_UNITS = {"KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30, "TI": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*((?:[KMGT]i?)?)B?", re.IGNORECASE)
_FORMATS = ("AUTO", "COMPRESSED", "UNCOMPRESSED")


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
    return isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)


def _beside_tensorflow_hub(text: str) -> Optional[str]:
    # tensorflow_hub can keep its cache in a bucket; ours needs renames and locks.
    return None if "://" in text else os.path.join(os.path.expanduser(text), "unihub")


FLAG = Kind(
    "1, true, yes or on; 0, false, no or off", _flag, lambda value: isinstance(value, bool), "1"
)
PATH = Kind("the path of a folder", os.path.expanduser, _is_path, "/data/models")
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
PROXIES = Kind(
    "the URL of a proxy, or http=URL,https=URL", _proxies, _is_proxies, "http://proxy:3128"
)
ENDPOINT = Kind("an http(s) URL, or host:port", _endpoint, lambda value: False, "localhost:9023")

_ANYTHING = Kind("any text, for yes", lambda text: True, FLAG.allows, "1")
# tensorflow_hub looks for this very text and takes every other for unset.
_TRUE_DISABLES = Kind("true", lambda text: False if text == "true" else None, FLAG.allows, "true")
_TFHUB_CACHE = Kind(PATH.accepted, _beside_tensorflow_hub, PATH.allows, PATH.example)


def _default_cache() -> str:
    import platformdirs

    return platformdirs.user_cache_dir("unihub", appauthor=False)


OPTIONS: Tuple[Option, ...] = (
    Option(
        "cache",
        PATH,
        _default_cache,
        "`unihub` in the user's cache folder, `~/.cache/unihub` on Linux",
        "",
        "the folder where downloaded models are kept",
        # A folder of our own in it, so that either cache can be cleared alone.
        (Variable("TFHUB_CACHE_DIR", _TFHUB_CACHE),),
    ),
    Option("offline", FLAG, lambda: False, "no", "", "use what is cached, and no network"),
    Option(
        "load_format",
        FORMAT,
        lambda: "AUTO",
        "AUTO, which is COMPRESSED",
        "",
        "which of TF Hub's two protocols fetches the URL of a model",
        (Variable("TFHUB_MODEL_LOAD_FORMAT"),),
    ),
    Option(
        "progress",
        FLAG,
        lambda: None,
        "on a terminal or in a notebook, after a second",
        "",
        "show the progress of downloads",
        (Variable("TFHUB_DOWNLOAD_PROGRESS", _ANYTHING),),
    ),
    Option(
        "verify_certificates",
        FLAG,
        lambda: True,
        "yes",
        "",
        "check the certificate of https servers",
        (Variable("TFHUB_DISABLE_CERT_VALIDATION", _TRUE_DISABLES),),
    ),
    Option(
        "ca_bundle",
        FILE,
        lambda: None,
        "that of requests",
        "",
        "the authorities to trust, in PEM format",
        (Variable("REQUESTS_CA_BUNDLE"), Variable("CURL_CA_BUNDLE"), Variable("SSL_CERT_FILE")),
    ),
    Option(
        "proxies",
        PROXIES,
        lambda: None,
        "HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as requests reads them",
        "",
        "the proxies to go through",
    ),
    Option("connect_timeout", SECONDS, lambda: 10.0, "10", "seconds", "to wait for a connection"),
    Option("read_timeout", SECONDS, lambda: 60.0, "60", "seconds", "to wait for the next bytes"),
    Option("retries", COUNT, lambda: 5, "5", "", "attempts after the first that failed"),
    Option(
        "lock_timeout",
        SECONDS,
        lambda: 3600.0,
        "3600",
        "seconds",
        "to wait for another process that fetches the same model",
    ),
    Option("max_redirects", COUNT, lambda: 10, "10", "", "redirects to follow"),
    Option(
        "max_download_bytes", SIZE, lambda: 100 * GIB, "100GiB", "bytes", "the largest download"
    ),
    Option(
        "max_extracted_bytes",
        SIZE,
        lambda: 200 * GIB,
        "200GiB",
        "bytes",
        "the most that an archive may extract to",
    ),
    Option(
        "max_ratio",
        RATIO,
        lambda: 200.0,
        "200",
        "",
        "the most bytes that an archive may extract to, for each of its own",
    ),
    Option("max_members", COUNT, lambda: 100_000, "100000", "", "the most files in an archive"),
    Option(
        "max_header_bytes",
        SIZE,
        lambda: 1 << 20,
        "1MiB",
        "bytes",
        "the longest header of a file in an archive",
    ),
    Option(
        "gcs_endpoint",
        ENDPOINT,
        lambda: "https://storage.googleapis.com",
        "https://storage.googleapis.com",
        "",
        "where objects of gs:// handles are read by HTTP",
        (Variable("STORAGE_EMULATOR_HOST"),),
    ),
    Option(
        "tfhub_cache",
        PATH,
        lambda: os.path.join(tempfile.gettempdir(), "tfhub_modules"),
        "`tfhub_modules` in the folder for temporary files",
        "",
        "the cache of tensorflow_hub, whose entries are used where they are",
        (Variable("TFHUB_CACHE_DIR"),),
    ),
    Option(
        "kagglehub_cache",
        PATH,
        lambda: os.path.join(os.path.expanduser("~"), ".cache", "kagglehub"),
        "`~/.cache/kagglehub`",
        "",
        "the cache of kagglehub, whose entries are used where they are",
        (Variable("KAGGLEHUB_CACHE"),),
    ),
    Option(
        "lockfile",
        LOCKFILE,
        lambda: None,
        "`unihub.lock` in the working folder, or the nearest above it",
        "",
        "the file that says which bytes the handles of a project stand for",
    ),
)

# Read by the libraries that unihub calls, and left to them.
PASSED_ON = (
    (("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"), "requests", "the proxies to go through"),
    (
        ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR"),
        "kagglehub",
        "who you are at Kaggle, where `~/.kaggle` does not say",
    ),
)

_BY_NAME = {option.name: option for option in OPTIONS}
_VARIABLES = tuple(
    dict.fromkeys(
        [
            *(variable.name for option in OPTIONS for variable in option.variables),
            # The defaults of the caches depend on these.
            "HOME",
            "XDG_CACHE_HOME",
        ]
    )
)
# As os.environ keeps them: to ask it for each takes most of the time of a cached resolve.
_KEPT_AS = tuple(map(getattr(os.environ, "encodekey", str), _VARIABLES))
_configured: Dict[str, Any] = {}
_last: Optional[Tuple[Any, Settings]] = None


def current() -> Settings:
    """The settings as they are now: `configure`'s, else the environment's, else the defaults.

    Raises:
        SettingNotUnderstood: for a variable with a value that its setting does not take.

    Example:
        >>> unihub.settings.current().retries
        5
    """
    global _last
    seen = (_configured, _environment())
    if _last is None or _last[0][0] is not seen[0] or _last[0][1] != seen[1]:
        values = {option.name: _value(option) for option in OPTIONS}
        _last = (seen, Settings(**{**values, **_configured}))
    return _last[1]


def value(name: str) -> Any:
    """One setting, without a look at the others."""
    return _configured[name] if name in _configured else _value(_BY_NAME[name])


def _environment() -> Tuple[Any, ...]:
    """What tells whether a variable was changed since."""
    kept = getattr(os.environ, "_data", None)
    if type(kept) is dict:
        return tuple(map(kept.get, _KEPT_AS))
    return tuple(map(os.environ.get, _VARIABLES))


class configure:
    """Changes settings for the whole process; as a context manager, for a while.

    It goes before the environment. ``None`` gives a setting back to the
    environment and its default. The table of settings is in the documentation.

    Args:
        **overrides: settings by name. Text is read as in an environment variable.

    Raises:
        UnknownSetting: for a name that is no setting.
        SettingNotUnderstood: for a value that the setting does not take.

    Example:
        >>> unihub.configure(cache="/data/models", retries=10)
        >>> with unihub.configure(offline=True):
        ...     model = unihub.load("https://tfhub.dev/google/nnlm-en-dim50/2")
    """

    def __init__(self, **overrides: Any) -> None:
        global _configured
        checked = {name: _checked(name, value) for name, value in overrides.items()}
        self._names = tuple(checked)
        self._before = {name: _configured[name] for name in checked if name in _configured}
        kept = {name: value for name, value in checked.items() if value is not None}
        _configured = {**self._without(), **kept}

    def _without(self) -> Dict[str, Any]:
        return {name: value for name, value in _configured.items() if name not in self._names}

    def __enter__(self) -> Settings:
        return current()

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        global _configured
        _configured = {**self._without(), **self._before}

    def __repr__(self) -> str:
        return f"<unihub.configure: {', '.join(self._names) or 'nothing'}>"


def table() -> str:
    """The settings as a table in Markdown.

    Returns:
        A row for each of `OPTIONS`, in their order, then those that are left
        to other libraries.

    Example:
        >>> print(unihub.settings.table())
    """
    rows = [
        (
            f"`{option.name}`",
            ", ".join(f"`{variable.name}`" for variable in option.variables),
            option.default_text + (f" {option.unit}" if option.unit == "seconds" else ""),
            option.kind.accepted,
            option.purpose,
        )
        for option in OPTIONS
    ]
    rows += [
        (f"({library})", ", ".join(f"`{name}`" for name in names), "", "", purpose)
        for names, library, purpose in PASSED_ON
    ]
    head = ("setting", "environment, first one first", "default", "takes", "what it is")
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _value(option: Option) -> Any:
    for variable in option.variables:
        text = os.environ.get(variable.name)
        if text:
            value = _read(option, variable.kind or option.kind, variable.name, text)
            if value is not None:
                return value
    return option.default()


def _read(option: Option, kind: Kind, source: str, text: str) -> Any:
    try:
        return kind.read(text)
    except ValueError:
        raise _refused(option, kind, source, text, f"export {source}={kind.example}") from None


def _checked(name: str, value: Any) -> Any:
    if name not in _BY_NAME:
        names = tuple(_BY_NAME)
        raise UnknownSetting(name=name, choices=listed(names), example=nearest(name, names))
    kind = _BY_NAME[name].kind
    if value is None or kind.allows(value):
        return os.path.expanduser(value) if isinstance(value, os.PathLike) else value
    try:
        if isinstance(value, str) and value:
            return kind.read(value)
    except ValueError:
        pass
    remedy = f"unihub.configure({name}={kind.example!r})"
    raise _refused(_BY_NAME[name], kind, name, value, remedy)


def _refused(
    option: Option, kind: Kind, source: str, value: Any, remedy: str
) -> SettingNotUnderstood:
    return SettingNotUnderstood(
        source=source,
        value=_shown(value),
        option=option.name,
        purpose=option.purpose,
        accepted=kind.accepted,
        remedy=remedy,
    )


def _shown(value: Any) -> Any:
    """A value without a proxy's password."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {name: _shown(inside) for name, inside in value.items()}
    text = scrubbed(repr(value))
    return value if text == repr(value) else text
