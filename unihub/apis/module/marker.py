"""The two small messages that make a SavedModel a TF1 Hub module.

tfhub_module.pb holds ModuleDef {format = 1: varint, required_features = 2:
repeated string}. Each attached message is stored as ModuleAttachment
{key = 1: string, value = 2: bytes} in a collection of its graph.

Source: the wire format of tensorflow_hub's module_def.proto and
module_attachment.proto; tensorflow_hub 0.16 no longer ships them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, Iterable

import tensorflow as tf
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError

from unihub.apis.module.compat import MetaGraphDef
from unihub.apis.module.errors import AttachmentsBroken
from unihub.apis.module.instead import not_a_module
from unihub.formats.message import file_content
from unihub.formats.not_a_model import refuse_unknown_hub_module
from unihub.formats.wire import read_message

MARKER_FILE = "tfhub_module.pb"
ATTACHMENTS_COLLECTION = "hub_module_attachments"

_FORMAT = 3
# Field 1, a varint.
_FORMAT_KEY = 1 << 3


def marker_path(folder: str) -> str:
    """The path of tfhub_module.pb in a folder."""
    return os.path.join(folder, MARKER_FILE)


def check_marker(folder: str, handle: str) -> None:
    """Makes sure that a folder holds a module in the version that is known.

    Args:
        folder: where it is.
        handle: what led there, as it may be shown.

    Raises:
        NotAModule: if tfhub_module.pb is not there.
        UnreadableFile: if it cannot be opened, or is a pipe or device.
        MalformedFile: if it cannot be parsed.
        UnknownHubFormat: if it names another version of the format.
        UnknownHubFeatures: if it requires a feature.
    """
    path = marker_path(folder)
    if not tf.io.gfile.exists(path):
        raise not_a_module(folder, handle)
    with file_content(path) as content:
        module_def = read_message(content, path, "ModuleDef", "TF1 Hub module's description")
        version, features = module_def.number("format"), module_def.texts("required_features")
    refuse_unknown_hub_module(path, version, features)


def marker_bytes() -> bytes:
    """The content of tfhub_module.pb in a module that unihub writes."""
    return bytes([_FORMAT_KEY, _FORMAT])


@dataclass(frozen=True)
class Attachment:
    """One attached message, as tensorflow_hub's ModuleAttachment.

    Attributes:
        key: the name that it is attached under.
        value: the message, serialized.
    """

    key: str
    value: bytes

    def SerializeToString(self) -> bytes:
        # google.protobuf.Any has the fields of ModuleAttachment under other names:
        # a string numbered 1 and bytes numbered 2.
        serialized: bytes = AnyMessage(type_url=self.key, value=self.value).SerializeToString()
        return serialized


def write_attachments(meta_graph: MetaGraphDef, attachments: Iterable[Attachment]) -> None:
    """Stores attached messages in a graph; the last one of each key stays."""
    by_key = {one.key: one for one in attachments}
    if by_key:
        collection = meta_graph.collection_def[ATTACHMENTS_COLLECTION]
        collection.bytes_list.value[:] = [one.SerializeToString() for one in by_key.values()]


def read_attachments(meta_graph: MetaGraphDef) -> Dict[str, bytes]:
    """The attached messages of a graph by key, each serialized.

    Raises:
        AttachmentsBroken: if they are not stored as a list of such messages.
    """
    if ATTACHMENTS_COLLECTION not in meta_graph.collection_def:
        return {}
    collection = meta_graph.collection_def[ATTACHMENTS_COLLECTION]
    kind = collection.WhichOneof("kind")
    if kind != "bytes_list":
        raise AttachmentsBroken(found=str(kind))
    try:
        found = [AnyMessage.FromString(value) for value in collection.bytes_list.value]
    except DecodeError as error:
        raise AttachmentsBroken(found=str(error)) from None
    return {one.type_url: one.value for one in found}
