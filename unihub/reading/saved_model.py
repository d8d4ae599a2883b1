"""The MetaGraphDefs of a SavedModel's folder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Sequence, Tuple

from unihub.reading import not_a_model, wire
from unihub.reading.message import Message, file_content
from unihub.reading.not_a_model import PBTXT_FILE


@contextmanager
def meta_graph_messages(folder: str) -> Iterator[Tuple[str, Sequence[Message]]]:
    """The file that holds a folder's SavedModel, and its MetaGraphDefs.

    They can be read only inside the ``with`` block, which keeps the file mapped.

    Raises:
        FormatError: there is no readable SavedModel.
    """
    file = not_a_model.require_saved_model_file(folder)
    with file_content(file) as content:
        not_a_model.refuse_other_content(file, content)
        read_message = wire.read_message
        if file.endswith(PBTXT_FILE):
            # Few models are text, and its patterns take as long to compile as a model to read.
            from unihub.reading.text_format import read_message
        messages = read_message(content, file, "SavedModel").messages("meta_graphs")
        if not messages:
            raise not_a_model.NoMetaGraphs(path=file)
        yield file, messages
