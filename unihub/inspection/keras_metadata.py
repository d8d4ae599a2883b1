"""The description that Keras 2 wrote beside a SavedModel of the model that it was."""

from __future__ import annotations

import os
import re
from typing import Iterator, NamedTuple, Optional

from unihub.formats import wire
from unihub.formats.message import Message, file_content

FILE = "keras_metadata.pb"
_KIND = "Keras metadata"
_LONGEST = 1 << 26
_LAMBDA = re.compile(rb'"class_name"\s*:\s*"(?:[\w.]+>)?Lambda"')


class KerasMetadata(NamedTuple):
    """The Keras model that was saved.

    Attributes:
        class_name: such as ``"Functional"``; of a subclassed model its own.
        identifier: as what Keras revives it.
        name: the model's.
        keras_version: of the Keras that wrote it; ``""`` if unknown.
        has_lambda: whether a Lambda layer is in it, which holds Python code.
    """

    class_name: str
    identifier: str
    name: str
    keras_version: str
    has_lambda: bool


def read_keras_metadata(folder: str, objects: Message) -> Optional[KerasMetadata]:
    """Reads keras_metadata.pb, or what older Keras put into the object graph.

    Returns:
        None where the model is none of Keras 2.

    Raises:
        FormatError: the file is damaged.
    """
    path = os.path.join(folder, FILE)
    if os.path.isfile(path):
        with file_content(path) as content:
            metadata = wire.read_message(content, path, "KerasMetadata", _KIND)
            has_lambda = _LAMBDA.search(content) is not None
            for index in range(metadata.count("nodes")):
                node = metadata.item("nodes", index)
                if node.text("node_path") == "root":
                    return _metadata(node, has_lambda)
        return None
    described = [user for user in _user_objects(objects) if user.count("metadata")]
    if not described or not described[0].text("identifier").startswith("_tf_keras_"):
        return None
    return _metadata(described[0], any(_LAMBDA.search(_json_text(user)) for user in described))


def _user_objects(objects: Message) -> Iterator[Message]:
    if objects.count("nodes"):
        root = objects.item("nodes", 0).message("user_object")
        if root.count("metadata"):
            yield from (node.message("user_object") for node in objects.messages("nodes"))


def _metadata(node: Message, has_lambda: bool) -> KerasMetadata:
    # Imported where it is needed, for it takes as long as inspecting a small model.
    import json

    try:
        facts = json.loads(_json_text(node).decode("utf-8", "replace") or "{}")
    # What is not JSON, or nested too deeply, says nothing of the model.
    except (ValueError, RecursionError):
        facts = {}
    facts = facts if isinstance(facts, dict) else {}
    return KerasMetadata(
        class_name=str(facts.get("class_name", "")),
        identifier=node.text("identifier"),
        name=str(facts.get("name", "")),
        keras_version=str(facts.get("keras_version", "")),
        has_lambda=has_lambda,
    )


def _json_text(node: Message) -> bytes:
    return (node.contents("metadata", _LONGEST) or [b""])[-1]
