"""Errors of ours in the place of the system's."""

from __future__ import annotations

import os
import re
import shlex
from typing import Optional

from unihub.errors.base import UnihubError, first_line

# Of Python's own library, and of what is installed.
_OF_A_LIBRARY = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|^<frozen |^" + re.escape(os.path.dirname(os.__file__))
)


class SystemRefused(UnihubError, OSError):
    """The operating system refused something that unihub did not expect it to."""

    code = "system-refused"
    what = "{doing} came to an end: the system says: {reason}."
    why = "unihub was at {place}, where it expects no such error. {found}"
    do = "{remedy}"


class NotText(UnihubError, ValueError):
    """A file read as text is none, where unihub did not expect that."""

    code = "not-text"
    what = "{doing} came to an end: {reason}."
    why = "unihub was at {place}, where it expects text."
    do = "unihub doctor"


class WorkingFolderGone(UnihubError, FileNotFoundError):
    """The folder that the process is in was deleted."""

    code = "working-folder-gone"
    what = "{doing} came to an end: the working folder is no longer there."
    why = "it was deleted while the process was in it, so that no relative path leads anywhere."
    do = "os.chdir('/')  # or any folder that is there; in a shell: cd"


def explained_error(error: Exception, doing: str) -> Optional[UnihubError]:
    """An error of ours in the place of one of the system's.

    Args:
        error: that was raised.
        doing: what was being done.

    Returns:
        None for errors of ours, and for those that our own code did not meet: what a
        caller's function raises is the caller's.
    """
    place = None if isinstance(error, (UnihubError, BrokenPipeError)) else _place_in_unihub(error)
    if place is None:
        return None
    if not isinstance(error, OSError):
        return NotText(doing=doing, reason=str(error), place=place)
    if isinstance(error, FileNotFoundError) and not _has_working_folder():
        return WorkingFolderGone(doing=doing)
    path = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else None
    found = SystemRefused(
        doing=doing,
        reason=error.strerror or first_line(error) or type(error).__name__,
        place=place,
        found="(without a path)" if path is None else f"(at {path})",
        remedy="df -h .; ulimit -a  # is anything used up?"
        if path is None
        else f"ls -ld {shlex.quote(path)}",
    )
    found.errno, found.filename = error.errno, error.filename
    return found


def _place_in_unihub(error: BaseException) -> Optional[str]:
    """The function of unihub that met an error; None where somebody else's did, further inside."""
    place, traceback = None, error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] == "unihub":
            place = f"{name}.{frame.f_code.co_name}"
        elif not _OF_A_LIBRARY.search(frame.f_code.co_filename):
            place = None
        traceback = traceback.tb_next
    return place


def _has_working_folder() -> bool:
    """Whether the folder that the process is in is still there."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True
