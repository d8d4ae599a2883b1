"""The reaction to a model that acts outside of its graph: a warning, or an error."""

from __future__ import annotations

from typing import Sequence, Set, Tuple

from unihub.errors import UnihubError, warn
from unihub.inspection.security import ADVICE, Finding

_MOST_SHOWN = 5

# Who was warned of a model is not warned of it again, as long as it stays the same.
_warned: Set[Tuple[str, object]] = set()


class UnsafeModel(UnihubError, ValueError):
    """A model acts outside of its graph, and is not to be loaded then."""

    code = "unsafe-model"
    what = "{handle} acts outside of its graph, and on_unsafe='refuse' was asked for."
    why = "{findings}\n" + ADVICE
    do = "look at it: unihub inspect {handle!r}; if you trust its maker: {remedy}"


class UnsafeModelWarning(UserWarning):
    """A model acts outside of its graph."""


def react(
    handle: str,
    findings: Sequence[Finding],
    on_unsafe: str,
    call: str,
    model_as_it_is: Tuple[str, object],
) -> None:
    """Warns of a model, once, or refuses it.

    Args:
        handle: as the caller wrote it.
        findings: what it does.
        on_unsafe: "warn", "refuse" or "ignore".
        call: as for `before_loading.check`.
        model_as_it_is: its folder, and what tells its files from others there.

    Raises:
        UnsafeModel: for "refuse".
    """
    rest = len(findings) - _MOST_SHOWN
    shown = [str(finding) for finding in findings[:_MOST_SHOWN]]
    text = "\n".join([*shown, f"and {rest} more"] if rest > 0 else shown)
    if on_unsafe == "refuse":
        remedy = f"{call}({handle!r}, on_unsafe='ignore')"
        remedy = remedy if call else "unihub.configure(on_unsafe='ignore')"
        raise UnsafeModel(handle=handle, findings=text, remedy=remedy)
    if on_unsafe == "warn" and model_as_it_is not in _warned:
        # Few models are warned of.
        from unihub.handles import parsing

        warn(
            f"{parsing.shown(handle)} acts outside of its graph:\n{text}\n{ADVICE}",
            UnsafeModelWarning,
        )
        # Only now, for a warning may be made an error.
        _warned.add(model_as_it_is)
