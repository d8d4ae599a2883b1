"""Copying what is loaded, and sending it to other processes: as how it was loaded.

A copy is loaded again, by the same handle and choices, and is refused where that would
lose something: variables that are not those of the model's files, attributes that were set.
"""

from __future__ import annotations

import pickle
from typing import Any, Callable, Mapping, NoReturn, Optional, Tuple

from unihub.apis.arrival import loaded as arrived
from unihub.apis.arrival import sent
from unihub.apis.request import Origin
from unihub.errors import UnihubError
from unihub.formats.files import variables_digest
from unihub.formats.model import open_saved_model
from unihub.matrix.values import Runtime
from unihub.runtime import current_runtime

_SAVE = "unihub.save(m, 'copy'); m = unihub.load('copy')  # or send the path, and load it there"


class LoadedNotCopied(UnihubError, TypeError, NotImplementedError, pickle.PicklingError):
    """A loaded object was to be pickled or deep-copied, and a copy would be another."""

    code = "loaded-not-copied"
    what = "this {given} can be neither pickled nor deep-copied."
    why = "{reason}"
    do = "{remedy}"


class NotCopied:
    """A base of objects that belong to one graph or process; a shallow copy is one as ever."""

    def __copy__(self) -> Any:
        return shallow(self)

    def __deepcopy__(self, memo: Any) -> NoReturn:
        raise refusal(self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise refusal(self)


def shallow(loaded: Any, origin: Any = None) -> Any:
    """A shallow copy, which shares all with the original."""
    kind: Any = type(loaded)
    made = kind.__new__(kind)
    vars(made).update(vars(loaded))
    return made


def deep(loaded: Any, origin: Optional[Origin], memo: Any = None) -> Any:
    """A deep copy: the model loaded once more, in this process.

    Args:
        loaded: the object with the variables.
        origin: how it was loaded; None for what is not copied.

    Raises:
        LoadedNotCopied: it is not any more as it was loaded.
    """
    arrive, arguments = reduced(loaded, origin)
    return arrive(*arguments, is_copy=True)


def reduced(
    loaded: Any, origin: Optional[Origin], protocol: Any = None
) -> Tuple[Callable[..., Any], Tuple[Any, ...]]:
    """The value that pickle writes of a loaded object, as ``__reduce_ex__`` returns it.

    Args:
        loaded: the object with the variables; a lean one that has none yet.
        origin: how it was loaded; None for what is not copied.

    Raises:
        LoadedNotCopied: it is not any more as it was loaded.
    """
    if origin is None or current_runtime() is not Runtime.TF2:
        raise refusal(loaded)
    if origin.edited:
        raise changed(loaded, f"its attribute {origin.edited[0]!r} was set or deleted")
    with open_saved_model(origin.folder) as (_, file):
        if (file.identity, variables_digest(origin.folder)) != origin.stamp:
            raise changed(loaded, f"the files in {origin.folder} have changed since")
        if not hasattr(type(loaded), "_lean_full"):
            check_variables(loaded, origin.loaded)
        given = sent(origin.handle, origin.folder, origin.choices)
    return arrived, (given, origin.load)


def check_variables(loaded: Any, folder: str) -> None:
    """Raises LoadedNotCopied unless the variables of a full object are those in its files."""
    # Most are sent before anybody has asked for their variables.
    from unihub.apis.changes import first_change

    found = first_change(loaded, folder)
    if found is not None:
        raise changed(loaded, found)


def changed(loaded: Any, how: str) -> LoadedNotCopied:
    """The error for an object that would be another when it is loaded again."""
    reason = f"a copy is loaded anew from the model's files, and would be another: {how}."
    return _error(loaded, reason, _SAVE)


def refusal(loaded: Any) -> LoadedNotCopied:
    """The error for what belongs to the graph or process that it is in."""
    reason = "its functions, variables and tables live in the TensorFlow of this process."
    return _error(loaded, reason, _SAVE)


def refused_part(part: Any, handle: str, signature: Optional[str]) -> LoadedNotCopied:
    """The error for a function of a loaded model.

    Args:
        part: that is to be copied.
        handle: of the model.
        signature: its name; None for the model's own call.
    """
    reason = "it is a part of a loaded model, and the model itself is copied and sent."
    named = "" if signature is None else f", signature={signature!r}"
    return _error(part, reason, f"m = unihub.load({handle!r}{named})  # is called so, and travels")


def _error(loaded: Any, reason: str, remedy: str) -> LoadedNotCopied:
    given = f"{loaded.__class__.__name__} object"
    return LoadedNotCopied(given=given, reason=reason, remedy=remedy)


def _set(loaded: Any, origin: Optional[Origin], name: str, value: Any) -> None:
    super(type(loaded), loaded).__setattr__(name, value)
    note_edit(origin, name)


def _delete(loaded: Any, origin: Optional[Origin], name: str) -> None:
    super(type(loaded), loaded).__delattr__(name)
    note_edit(origin, name)


def note_edit(origin: Optional[Origin], name: str) -> None:
    """Keeps in mind that an attribute of what was loaded was set or deleted."""
    # Those of TensorFlow itself begin so.
    if origin is not None and (not name.startswith("_") or name == "__call__"):
        origin.edited.append(name)


def _refuse_part(part: Any, handle: str, protocol: Any = None) -> NoReturn:
    raise refused_part(part, handle, None)


def _shown(loaded: Any, origin: Origin) -> str:
    from unihub.apis.shown import shown_model

    return shown_model(loaded, origin.handle)


# Of a class that TensorFlow makes for a loaded object; and of a part of one.
METHODS: Mapping[str, Callable[..., Any]] = {
    "__copy__": shallow,
    "__deepcopy__": deep,
    "__reduce_ex__": reduced,
    "__setattr__": _set,
    "__delattr__": _delete,
    "__repr__": _shown,
    "part": _refuse_part,
}
