"""Every error that unihub raises: what happened, why, and a line to paste.

One class per code. Each class is also the builtin that tensorflow_hub raises
in the same situation, so that existing ``except`` clauses still match.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Sequence, Tuple, Type

_LONGEST_FACT = 400
_SURELY_A_PATH = re.compile(r"(?!\s*[/\\]{2})[^:?&#]*")
_MOST_CHOICES = 12
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# A made-up model can claim more than a float holds.
_MOST_BYTES = 10**24
# How the errors begin that say only later what happened: of a graph that runs, of several
# at once, of AutoGraph, of a Keras layer.
_SAYS_WHERE = re.compile(
    r"Graph execution error:|\d+ root error\(s\) found|in user code:|Exception encountered when"
)


@dataclass(frozen=True)
class Message:
    """The text of an error, with ``{name}`` where a fact of the case goes.

    Attributes:
        code: stable kebab-case name of the error.
        what: what happened, one sentence.
        why: the cause, and the evidence found for it.
        do: what to do about it, with code or a command to paste.
    """

    code: str
    what: str
    why: str
    do: str

    def filled(self, **facts: Any) -> Message:
        """Returns the message with each fact in its place.

        Facts may come from a hostile model: control characters are escaped
        and long text is cut. URLs in them are shown without userinfo and query.
        """
        shown = {name: _presentable(fact) for name, fact in facts.items()}
        return Message(
            self.code,
            self.what.format(**shown),
            self.why.format(**shown),
            self.do.format(**shown),
        )

    def __str__(self) -> str:
        why, do = (text.replace("\n", "\n       ") for text in (self.why, self.do))
        return f"{self.code}: {self.what}\n  why: {why}\n  do:  {do}"


class UnihubError(Exception):
    """Base of every error that unihub raises on purpose.

    A class holds the text with ``{name}`` where a fact goes, an error the text that
    is filled.

    Attributes:
        code: stable kebab-case name, for programs.
        what, why, do: the three parts of the message, for people.
        facts: the values that the message was filled with.
    """

    code: str
    what: str
    why: str
    do: str

    # AutoGraph and Keras rebuild an error that leaves a traced function or a
    # layer from its text alone, unless it bears their mark.
    ag_pass_through = True
    _keras_call_info_injected = True

    def __init__(self, **facts: Any) -> None:
        cls = type(self)
        self._set(Message(cls.code, cls.what, cls.why, cls.do), facts)

    def _set(self, message: Message, facts: Dict[str, Any]) -> None:
        # An error is kept, pickled and sent: it has no secret to give away.
        handle = facts.get("handle")
        facts = {name: _without_secrets(fact, handle) for name, fact in facts.items()}
        filled = message.filled(**facts)
        self.code = filled.code
        self.what, self.why, self.do = filled.what, filled.why, filled.do
        self.facts = facts
        Exception.__init__(self, str(filled))

    def __str__(self) -> str:
        return str(Message(self.code, self.what, self.why, self.do))

    def _render_traceback_(self) -> Any:
        # IPython asks for it.
        from unihub.errors import shown

        return shown.in_notebook(self)

    def __reduce__(self) -> Tuple[Any, ...]:
        return _rebuild, (type(self), self.facts)


class MatrixRefusal(UnihubError, ValueError, NotImplementedError):
    """The compatibility matrix rules the combination out.

    tensorflow_hub raises ValueError (KerasLayer), RuntimeError (Module in
    eager mode) or NotImplementedError for these; this is all three.
    """

    def __init__(self, refusal: Message, **facts: Any) -> None:
        self.refusal = refusal
        self._set(refusal, facts)

    def __reduce__(self) -> Tuple[Any, ...]:
        return _rebuild, (type(self), self.facts, self.refusal)


class NotEvident(UnihubError, ValueError):
    """A choice was left open, and none is taken by default."""


class UnknownChoice(UnihubError, ValueError):
    """An argument has a value that is none of its choices."""

    code = "unknown-choice"
    what = "{argument}={value!r} is not known."
    why = "{argument} is one of {choices}."
    do = "{remedy}"


def check_choice(
    argument: str, value: Any, choices: Sequence[str], line: str, offered: Sequence[str] = ()
) -> None:
    """Makes sure that a value, unless it is None, is one of some words.

    Args:
        line: what to write instead, with ``{example!r}`` in the place of the word.
        offered: which of the choices that may be; all of them by default.

    Raises:
        UnknownChoice: names the choices and the nearest.
    """
    if value is not None and not (isinstance(value, str) and value in choices):
        remedy = line.format(argument=argument, example=nearest(value, offered or choices))
        raise UnknownChoice(argument=argument, value=value, choices=listed(choices), remedy=remedy)


def _rebuild(cls: type, facts: Dict[str, Any], *positional: Any) -> UnihubError:
    error: UnihubError = cls(*positional, **facts)
    return error


def listed(names: Iterable[Any]) -> str:
    """Names for a message: quoted, in order, the tail counted beyond a dozen."""
    names = list(names)
    if not names:
        return "none"
    text = ", ".join(repr(name) for name in names[:_MOST_CHOICES])
    rest = len(names) - _MOST_CHOICES
    return f"{text} and {rest} more" if rest > 0 else text


def nearest(word: Any, names: Sequence[str], likeness: float = 0.5) -> str:
    """The name spelt most like ``word``, or the first one when none is close.

    Args:
        word, names: to be compared.
        likeness: from which on a name is close; 1 is the same.
    """
    # Imported only here, for most processes end without an error.
    import difflib

    close = difflib.get_close_matches(str(word), names, n=1, cutoff=likeness)
    return close[0] if close else (names[0] if names else "")


def first_line(error: BaseException) -> str:
    """The line of what an error says that tells most: the first, which may be nothing.

    Some errors of TensorFlow and Keras begin with where it happened; of those, the
    line that says what.
    """
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    if not lines:
        return ""
    if not _SAYS_WHERE.match(lines[0]):
        return lines[0]
    for place, line in enumerate(lines[1:], 1):
        if line.startswith("(0) "):
            return line[len("(0) ") :]
        if line.startswith("[[") and place > 1:
            return lines[place - 1]
    if lines[0].startswith("Exception encountered") and len(lines) > 1:
        return lines[1]
    return lines[-1]


def printable(text: str, keep: str = "") -> str:
    """Text of somebody else with its control characters escaped, but those to keep."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


def warn(text: str, category: Type[Warning]) -> None:
    """Warns at the line that called unihub, through whichever of its functions."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "unihub":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)


class NotAPath(UnihubError, TypeError, ValueError):
    """The value given as a path is none."""

    code = "not-a-path"
    what = "{found} was given where unihub takes a path."
    why = "{reason}."
    do = "{line}"


def path_text(path: Any, line: str = "unihub.load('path/to/folder')") -> str:
    """The text of a path, which may be one of bytes.

    Args:
        line: what an error offers.

    Raises:
        NotAPath: it is none, or its ``__fspath__`` gives something else.
    """
    try:
        return os.fsdecode(path)
    except TypeError as error:
        found = f"a {type(path).__name__}"
        raise NotAPath(found=found, reason=str(error), line=line) from error


def in_template(handle: Any) -> str:
    """A handle as code, without secrets, for a line that is yet to be formatted."""
    if isinstance(handle, (str, os.PathLike)):
        handle = path_text(handle)
        if _SURELY_A_PATH.fullmatch(handle) is None:
            from unihub.errors.redaction import shown

            handle = shown(handle)
    return repr(handle).replace("{", "{{").replace("}", "}}")


def _without_secrets(fact: Any, handle: Any = None) -> Any:
    if not isinstance(fact, str):
        return fact
    # Most processes end without an error.
    from unihub.errors.redaction import shown, without_secrets

    if isinstance(handle, str):
        # In a sentence nothing tells where a URL with white space in it ends.
        fact = fact.replace(handle, shown(handle))
    return without_secrets(fact)


def _presentable(fact: Any) -> Any:
    if not isinstance(fact, str):
        return fact
    # Before it is cut, for half a password is one too.
    fact = _without_secrets(fact)
    if len(fact) > _LONGEST_FACT:
        fact = fact[:_LONGEST_FACT] + "…"
    return printable(fact)


def size(number: int) -> str:
    """A number of bytes in three digits: ``1.23 MB``."""
    value, step = float(min(number, _MOST_BYTES)), 0
    # From 999.5 on, three digits would be those of a thousand.
    while abs(value) >= 999.5 and step < len(_UNITS) - 1:
        value, step = value / 1000, step + 1
    return f"{value:.3g} {_UNITS[step]}"


def counted(number: int, noun: str, plural: str = "s") -> str:
    """How many there are of something: ``1 model``, ``2,000 models``."""
    return f"{number:,} {noun}{'' if number == 1 else plural}"
