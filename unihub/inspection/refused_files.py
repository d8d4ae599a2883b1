"""Files of a model that TensorFlow is not to be given: what is said of each."""

from __future__ import annotations

import os
import shlex
import stat

from unihub.errors import UnihubError

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class AssetEscapes(UnihubError, ValueError, OSError):
    """An asset's name leads out of the model's folder."""

    code = "asset-escapes"
    what = "{handle} is refused: its asset {asset!r} lies outside of the model's folder."
    why = (
        "TensorFlow would read that file as if it belonged to the model. No tool writes such "
        "a name, so the model was made or changed by hand."
    )
    do = "ls -l {file!r}  # and ask whoever made the model"


class NotAFile(UnihubError, ValueError, OSError):
    """In the place of a file that TensorFlow would read lies something else."""

    code = "not-a-file"
    what = "{handle} is refused: {file} is {kind}."
    why = "TensorFlow would wait for what comes out of it, perhaps for ever."
    do = "ls -lL {quoted_file}  # and ask whoever made the model"


def not_a_file(handle: str, folder: str, name: str) -> NotAFile:
    """The error for what lies in the place of a file."""
    path = os.path.join(folder, name)
    kind = _KINDS.get(stat.S_IFMT(os.stat(path).st_mode), "no file")
    return NotAFile(handle=handle, file=name, kind=kind, quoted_file=shlex.quote(path))
