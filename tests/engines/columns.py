"""Columns for the tests: what the fixtures answer, and images."""

from __future__ import annotations

import contextlib
import struct
import zlib

import numpy as np
from conftest import MODELS

import unihub
from unihub.handles.registered import registered


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


# Rows of each dtype that a signature can have, those at its ends among them.
OF_DTYPES = {
    "bool": [True, False, True],
    "float16": [0.5, -2.0, 65504.0],
    "float32": [0.5, -2.0, 3e38],
    "float64": [0.1, -2.0, 1e300],
    "bfloat16": [0.5, -2.0, 3.0],
    "string": ["a", "", "größe"],
}
for _bits in (8, 16, 32, 64):
    OF_DTYPES[f"int{_bits}"] = [0, -(2 ** (_bits - 1)), 2 ** (_bits - 1) - 1]
    OF_DTYPES[f"uint{_bits}"] = [0, 1, 2**_bits - 1]
OF_COMPLEX = {"complex64": [1 + 2j, 0, -1j], "complex128": [1 + 2j, 0, 1e300j]}


def save_dtypes(path):
    """A model that gives what it is given, of each dtype, as columns and of an axis more."""
    import tensorflow as tf

    def same(values):
        @tf.function(input_signature=[{name: tf.TensorSpec([None], name, name) for name in values}])
        def give(given):
            flat = {f"y_{name}": tf.identity(value) for name, value in given.items()}
            return {**flat, **{f"z_{n}": tf.stack([v, v], 1) for n, v in given.items()}}

        return give

    obj = tf.Module()
    obj.real, obj.complex = same(OF_DTYPES), same(OF_COMPLEX)
    signatures = {"serving_default": obj.real, "complex": obj.complex}
    tf.saved_model.save(obj, path, signatures=signatures)


def check_dtypes(found, values=OF_DTYPES):
    """Whether columns of Python values are those of `save_dtypes`."""
    assert sorted(found) == sorted([f"{y}_{name}" for name in values for y in "yz"])
    for name, rows in values.items():
        rows = [row.encode() if isinstance(row, str) else row for row in rows]
        if name in ("float16", "float32"):
            rows = np.array(rows, name).tolist()
        assert found[f"y_{name}"] == rows, name
        assert found[f"z_{name}"] == [[row, row] for row in rows], name


@contextlib.contextmanager
def secret_handle(folder):
    """A handle with a secret, of a model in a folder."""
    unihub.register_resolver("lab://", lambda given: folder)
    try:
        yield "lab://ada:s3cret@host/model"
    finally:
        registered.pop()
