"""Why an archive was not extracted."""

from __future__ import annotations

import shlex

from unihub.errors import UnihubError

# The names of archives that are not read, and how their own program extracts one to model/.
_TAR = "mkdir model && tar -xf {file} -C model"
OTHER_SUFFIXES = {
    **dict.fromkeys((".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz2", ".tbz"), _TAR),
    **dict.fromkeys((".tar.lz4", ".tar.lzma"), _TAR),
    ".7z": "7z x -omodel {file}",
    ".rar": "unrar x {file} model/",
}


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
    do = "{remedy}"


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


def other_suffix(name: str) -> str:
    """By what a file, or the path of a URL, is named as an archive that is not read; else ""."""
    return next((suffix for suffix in OTHER_SUFFIXES if name.lower().endswith(suffix)), "")


def unpacking(archive: str, command: str = "") -> str:
    """The line that brings an archive of this machine, or of a URL without secrets, to model/."""
    command = command or OTHER_SUFFIXES.get(other_suffix(archive.partition("?")[0]), _TAR)
    file, fetch = archive, ""
    if "://" in archive:
        file = archive.partition("?")[0].rpartition("/")[2] or "archive"
        fetch = f"curl -fL -o {shlex.quote(file)} {shlex.quote(archive)} && "
        if not archive.startswith("http"):
            copy = f"import tensorflow as tf; tf.io.gfile.copy({archive!r}, {file!r})"
            fetch = f"python -c {shlex.quote(copy)} && "
    return f"{fetch}{command.format(file=shlex.quote(file))} && unihub inspect model"
