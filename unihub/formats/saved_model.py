"""The MetaGraphDefs of a SavedModel's folder."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import Iterator, Sequence, Tuple

from unihub.formats import wire
from unihub.formats.message import Message, file_content

HUB_FILE = "tfhub_module.pb"
PB_FILE = "saved_model.pb"
PBTXT_FILE = "saved_model.pbtxt"
# What the names of the checkpoint's files begin with.
CHECKPOINT = os.path.join("variables", "variables")

# The schema's version, which has been 1 since TensorFlow 1.0, and a MetaGraph.
_USUAL_HEAD = b"\x08\x01\x12"

# not_a_model is imported where something is wrong: its patterns take longer to compile
# than many a model to read.


@contextmanager
def meta_graph_messages(folder: str) -> Iterator[Tuple[str, Sequence[Message]]]:
    """The file that holds a folder's SavedModel, and its MetaGraphDefs.

    They can be read only inside the ``with`` block, which keeps the file mapped.

    Raises:
        FormatError: there is no readable SavedModel.
    """
    file = _saved_model_file(folder)
    with file_content(file) as content:
        if content[: len(_USUAL_HEAD)] != _USUAL_HEAD:
            from unihub.formats.not_a_model import refuse_other_content

            refuse_other_content(file, content)
        read_message = wire.read_message
        if file.endswith(PBTXT_FILE):
            from unihub.formats.text_format import read_message
        messages = read_message(content, file, "SavedModel").messages("meta_graphs")
        if not messages:
            from unihub.formats.not_a_model import NoMetaGraphs

            raise NoMetaGraphs(path=file)
        yield file, messages


def is_folder(path: str) -> bool:
    """As os.path.isdir, which before Python 3.8 raises at a null byte."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _saved_model_file(folder: str) -> str:
    for name in (PB_FILE, PBTXT_FILE):
        file = os.path.join(folder, name)
        if os.path.lexists(file):
            return file
    from unihub.formats.not_a_model import refused_folder

    raise refused_folder(folder)
