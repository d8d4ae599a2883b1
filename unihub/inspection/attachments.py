"""The messages that are attached to a TF1 Hub module."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

from unihub.formats import wire
from unihub.formats.message import Message

COLLECTION = "hub_module_attachments"
_IMAGE_MODULE_INFO = "image_module_info"
_LONGEST = 1 << 20


class Attachment(NamedTuple):
    """One attached message.

    Attributes:
        text: what it says, or its size where unihub does not know it.
    """

    key: str
    text: str


def read_attachments(collections: Dict[str, Message], path: str) -> Tuple[Attachment, ...]:
    """The attached messages of one graph variant.

    Raises:
        FormatError: they are damaged.
    """
    if COLLECTION not in collections:
        return ()
    contents = collections[COLLECTION].message("bytes_list").contents("value", _LONGEST)
    messages = [wire.read_message(content, path, "ModuleAttachment") for content in contents]
    return tuple(
        Attachment(message.text("key"), _text(message.text("key"), message, path))
        for message in messages
    )


def _text(key: str, message: Message, path: str) -> str:
    value = (message.contents("value", _LONGEST) or [b""])[-1]
    if key == _IMAGE_MODULE_INFO:
        info = wire.read_message(value, path, "ImageModuleInfo")
        size = info.message("default_image_size")
        height, width = size.number("height"), size.number("width")
        return f"images of {height} × {width}" if height and width else "images of any size"
    return f"{len(value)} bytes"
