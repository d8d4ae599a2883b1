"""Every setting of unihub: its name, the variables it is read from, its default.

`OPTIONS` is the one place: `current` reads by it, `configure` checks by it, and
the table in the documentation is drawn from it by `table`.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Dict, Mapping, Optional, Tuple, Type

from unihub.errors import UnihubError, listed, nearest
from unihub.errors.redaction import redacted, scrubbed
from unihub.settings.options import GIB as GIB
from unihub.settings.options import OPTIONS as OPTIONS
from unihub.settings.options import SECONDS, Kind, Option
from unihub.settings.options import SIZE as SIZE
from unihub.settings.options import Settings as Settings


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


# Read by the libraries that unihub calls, and left to them.
PASSED_ON = (
    (("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"), "requests", "the proxies to go through"),
    (
        ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR"),
        "kagglehub",
        "who you are at Kaggle, where `~/.kaggle` does not say",
    ),
    (
        ("HF_TOKEN", "HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE"),
        "huggingface_hub",
        "who you are at Hugging Face, its cache, its address, and whether it may be asked",
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
    seen = (_configured, tuple(map(os.environ.get, _VARIABLES)))
    if _last is None or _last[0][0] is not seen[0] or _last[0][1] != seen[1]:
        values = {option.name: _value(option) for option in OPTIONS}
        _last = (seen, Settings(**{**values, **_configured}))
    return _last[1]


def value(name: str) -> Any:
    """One setting, without a look at the others."""
    return _configured[name] if name in _configured else _value(_BY_NAME[name])


def is_configured(name: str) -> bool:
    """Whether `configure` says what a setting is."""
    return name in _configured


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
            option.default + (" seconds" if option.kind is SECONDS else ""),
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
    return found(option)[0]


def found(option: Option) -> Tuple[Any, str]:
    """A setting's value where nobody configured it, and the variable that it is from, or ""."""
    for variable in option.variables:
        text = os.environ.get(variable.name)
        if text:
            value = _read(option, variable.kind or option.kind, variable.name, text)
            if value is not None:
                return value, variable.name
    return option.otherwise() if option.otherwise else option.kind.read(option.default), ""


def _read(option: Option, kind: Kind, source: str, text: str) -> Any:
    try:
        return kind.read(text)
    except ValueError:
        remedy = kind.remedy or f"export {source}={kind.example}"
        raise _refused(option, kind, source, text, remedy) from None


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
