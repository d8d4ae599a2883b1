"""The files of a SavedModel's folder, by name."""

from __future__ import annotations

import os

HUB_FILE = "tfhub_module.pb"
PB_FILE = "saved_model.pb"
PBTXT_FILE = "saved_model.pbtxt"
# What the names of the checkpoint's files begin with.
CHECKPOINT = os.path.join("variables", "variables")
