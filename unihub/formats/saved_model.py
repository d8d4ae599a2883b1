"""The file that holds a SavedModel, opened once by all who read it in one load."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Dict, Iterator, Sequence, Tuple

from unihub.formats import wire
from unihub.formats.files import PB_FILE, PBTXT_FILE
from unihub.formats.message import Data, FormatError, Message, mapped_file

# The schema's version, which has been 1 since TensorFlow 1.0, and a MetaGraph.
_USUAL_HEAD = b"\x08\x01\x12"

# not_a_model is imported where something is wrong: its patterns take longer to compile
# than many a model to read.


Identity = Tuple[int, ...]


class SavedModelChanged(FormatError, RuntimeError, OSError):
    """A model's graph was written anew between its check and its loading."""

    code = "saved-model-changed"
    what = "{path} was changed while it was being loaded."
    why = (
        "what was checked is not what TensorFlow would load now, so it is not loaded. "
        "(found: another size, time or file)"
    )
    do = "unihub.load({folder!r})  # once nothing writes to it"


@dataclass(frozen=True)
class SavedModelFile:
    """The file that holds a folder's SavedModel, open.

    Attributes:
        path: of the file.
        content: its bytes, mapped.
        identity: what tells it from another file in its place.
        meta_graphs: its MetaGraphDefs.
    """

    path: str
    content: Data
    identity: Identity
    meta_graphs: Sequence[Message]

    def check_unchanged(self) -> None:
        """Makes sure that whoever opens the file now finds what was read.

        Raises:
            SavedModelChanged: it was replaced or written to.
        """
        folder = os.path.dirname(self.path)
        try:
            now = identity_of(os.stat(self.path))
        except OSError:
            now = ()
        # TensorFlow prefers this one, wherever there are both.
        preferred = os.path.join(folder, PB_FILE)
        if now != self.identity or (self.path != preferred and os.path.lexists(preferred)):
            raise SavedModelChanged(path=self.path, folder=folder)


class _Open(threading.local):
    def __init__(self) -> None:
        self.files: Dict[str, SavedModelFile] = {}


_open = _Open()


@contextmanager
def saved_model_file(folder: str) -> Iterator[SavedModelFile]:
    """Opens the file that holds a folder's SavedModel.

    It can be read only inside the ``with`` block. Who opens it once more in there, in
    the same thread, is given the same: one load reads one file, however many steps of
    it look into it, and what one has checked is what the next one takes.

    Raises:
        FormatError: there is no readable SavedModel.
    """
    # A relative path means another folder once the process has gone elsewhere.
    key = os.path.abspath(folder)
    held = _open.files.get(key)
    if held is not None:
        yield held
        return
    path = _saved_model_path(folder)
    with mapped_file(path) as (content, status):
        messages = _meta_graphs(path, content)
        files = _open.files
        files[key] = SavedModelFile(path, content, identity_of(status), messages)
        try:
            yield files[key]
        finally:
            del files[key]


def identity_of(status: os.stat_result) -> Identity:
    """Tells a file from another one in its place, or from itself once written to."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _meta_graphs(path: str, content: Data) -> Sequence[Message]:
    if content[: len(_USUAL_HEAD)] != _USUAL_HEAD:
        from unihub.formats.not_a_model import refuse_other_content

        refuse_other_content(path, content)
    read_message = wire.read_message
    if path.endswith(PBTXT_FILE):
        from unihub.formats.text_format import read_message
    messages = read_message(content, path, "SavedModel").messages("meta_graphs")
    if not messages:
        from unihub.formats.not_a_model import NoMetaGraphs

        raise NoMetaGraphs(path=path)
    return messages


def is_folder(path: str) -> bool:
    """As os.path.isdir, which before Python 3.8 raises at a null byte."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _saved_model_path(folder: str) -> str:
    for name in (PB_FILE, PBTXT_FILE):
        file = os.path.join(folder, name)
        if os.path.lexists(file):
            return file
    from unihub.formats.not_a_model import refused_folder

    raise refused_folder(folder)
