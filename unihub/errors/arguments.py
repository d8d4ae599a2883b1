"""Arguments of a type that a function does nothing with."""

from __future__ import annotations

from typing import Any, FrozenSet, Iterable, Union

from unihub.errors.base import NotAPath, UnihubError, path_text


class WrongType(UnihubError, TypeError, ValueError, AttributeError):
    """An argument is of a type that a function does nothing with."""

    code = "wrong-type"
    what = "{argument} was given as {found}."
    why = "it takes {accepted}."
    do = "{line}"


def wrong_type(argument: str, value: Any, accepted: str, line: str) -> WrongType:
    """The error for an argument of a wrong type.

    Args:
        argument: what it is, such as "tags=".
        value: that was given.
        accepted: what is taken in its place, in words.
        line: of code with it.
    """
    found = "None" if value is None else f"{type(value).__name__}: {value!r}"
    return WrongType(argument=argument, found=found, accepted=accepted, line=line)


def new_path(path: Any, line: str) -> str:
    """The text of a path at which something is to be written.

    Args:
        line: what an error offers.

    Raises:
        NotAPath: it is none, or one that no folder can have.
    """
    text = path_text(path, line)
    if not text.strip() or "\0" in text:
        reason = "it names no folder; the working folder is '.'"
        raise NotAPath(found=f"the text {text!r}", reason=reason, line=line)
    return text


def tag_set(tags: Union[str, Iterable[str]], line: str) -> FrozenSet[str]:
    """Tags, which are given as one text or several.

    Args:
        line: what an error offers.

    Raises:
        WrongType: for anything else.
    """
    try:
        found = frozenset((tags,) if isinstance(tags, str) else tags)
        if all(isinstance(tag, str) for tag in found):
            return found
    # Not iterable, or its items are not hashable.
    except TypeError:
        pass
    raise wrong_type("tags=", tags, "the name of a tag, or a list of such names", line)
