"""Columns for the tests: what the fixtures answer, and images."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from conftest import MODELS


def answers(name, signature):
    found = dict(np.load(str(MODELS / f"{name}.expected.npz"), allow_pickle=True))
    split = {"in": {}, "out": {}}
    for key, value in found.items():
        side, owner, part = key.split("|")
        if owner == signature:
            split[side][part] = value
    return split["in"], split["out"]


def png(image):
    """An image of 8-bit RGB as a PNG."""
    height, width, _ = image.shape

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + row.tobytes() for row in image)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts
