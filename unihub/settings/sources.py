"""Each setting as it is now, and where its value comes from; for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Tuple

from unihub import settings
from unihub.errors.redaction import redacted, scrubbed
from unihub.settings.options import OPTIONS, Option


@dataclass(frozen=True)
class Sourced:
    """A setting as text, without passwords.

    Attributes:
        source: the environment variable, "unihub.configure", or "default".
    """

    name: str
    value: str
    source: str
    purpose: str


def sources() -> Tuple[Sourced, ...]:
    """Every setting of this process, in the order of the documentation.

    Raises:
        SettingNotUnderstood: for a variable with a value that its setting does not take.
    """
    return tuple(map(_sourced, OPTIONS))


def _sourced(option: Option) -> Sourced:
    if settings.is_configured(option.name):
        value, source = settings.value(option.name), "unihub.configure"
    else:
        value, source = settings.found(option)
    text = option.default if value is None and not source else _text(value)
    return Sourced(option.name, text, source or "default", option.purpose)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{kind}={redacted(str(proxy))}" for kind, proxy in value.items())
    return scrubbed(str(value))
