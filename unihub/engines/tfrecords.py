"""Rows from files of records, each a tf.train.Example."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Tuple

import tensorflow as tf


def _records(path: str) -> Iterator[bytes]:
    try:
        yield from tf.compat.v1.io.tf_record_iterator(path)
    except tf.errors.OpError as error:
        raise ValueError(error.message) from error


def examples(path: str) -> Iterator[Tuple[bytes, Dict[str, Any]]]:
    """The records of a file, with the values of their features.

    A feature of one value is that value, one of several their list.

    Raises:
        ValueError: it is none, or is broken off.
    """
    for record in _records(path):
        try:
            example = tf.train.Example.FromString(record)
        # The error is protobuf's own.
        except Exception as error:
            raise ValueError(f"a record is no tf.train.Example: {record[:40]!r}") from error
        features = {}
        for name, feature in example.features.feature.items():
            kind = feature.WhichOneof("kind")
            values = list(getattr(feature, kind).value) if kind else []
            features[name] = values[0] if len(values) == 1 else values or None
        yield record, features
