"""The files of a SavedModel's folder, by name."""

from __future__ import annotations

import os

HUB_FILE = "tfhub_module.pb"
PB_FILE = "saved_model.pb"
PBTXT_FILE = "saved_model.pbtxt"
# What the names of the checkpoint's files begin with.
CHECKPOINT = os.path.join("variables", "variables")
FINGERPRINT = "fingerprint.pb"


def content_digest(path: str, name: str) -> str:
    """The SHA-256 of a small file of a model, in hexadecimal; "" where it is not there.

    The index of the variables holds a checksum of each of them, and fingerprint.pb, since
    TensorFlow 2.12, one of the graph.
    """
    # Not all that reads a model asks for one.
    import hashlib

    try:
        with open(os.path.join(path, name), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""


def variables_digest(path: str) -> str:
    """The digest of the values of a model's variables; "" where it has none."""
    return content_digest(path, f"{CHECKPOINT}.index")
