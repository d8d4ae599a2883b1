"""Why an archive was not extracted."""

from __future__ import annotations

from unihub.errors import UnihubError


class NotAnArchive(UnihubError, OSError):
    """The bytes are no tar, gzip or zip file."""

    code = "not-an-archive"
    what = "{archive} is not an archive."
    why = "it starts with {start}: {looks_like}. unihub extracts .tar, .tar.gz and .zip."
    do = "see what was downloaded: head -c 300 FILE"


class ArchiveNotSupported(UnihubError, ValueError):
    """An archive of a kind, or with a feature, that unihub does not read."""

    code = "archive-not-supported"
    what = "{archive} cannot be extracted by unihub."
    why = "{reason}. unihub extracts .tar, .tar.gz and .zip (stored or deflated, no password)."
    do = "unpack it with its own program, then unihub.load('path/to/folder')"


class EmptyArchive(UnihubError, OSError):
    """The archive is whole, and there is no file in it."""

    code = "empty-archive"
    what = "{archive} holds no files."
    why = "{found}, so there is no model to load."
    do = "make it from inside the model's folder: tar -czf model.tar.gz -C path/to/model ."


class DamagedArchive(UnihubError, OSError):
    """The archive is cut short, or its bytes are not those that were written."""

    code = "damaged-archive"
    what = "{archive} is damaged or incomplete."
    why = "{reason}. Nothing of it is used."
    do = "fetch it again; if it stays so, compare it with its publisher's: sha256sum FILE"


class UnsafeArchive(UnihubError, ValueError):
    """A member is something else than a regular file or folder inside the model's folder."""

    code = "unsafe-archive"
    what = "{archive} was refused: its member {member!r} {reason}."
    why = (
        "an archive may hold regular files and folders only, under relative names that "
        "differ by more than case; anything else could reach outside the model's folder "
        "or mean another thing on another machine. Nothing of it is used."
    )
    do = (
        "repack the model: tar --dereference --hard-dereference -czf model.tar.gz "
        "-C path/to/model ."
    )


class ArchiveTooLarge(UnihubError, ValueError):
    """Extraction reached one of the limits that stop archives made to fill a disk."""

    code = "archive-too-large"
    what = "{archive} was refused: {found}."
    why = (
        "the limit is {cap} ({setting}), because a small archive can be made to fill a disk "
        "or memory. Extraction stopped there, and nothing of it is used."
    )
    do = "if you trust its publisher: export {setting}={suggestion}"
