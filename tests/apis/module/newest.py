"""Modules that unihub made on the newest TensorFlow, for the others to read.

Run in the stack keras3 to write them again:

    PYTHONPATH=tests python tests/apis/module/newest.py
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Tuple

import numpy as np
import tensorflow as tf
from apis.module import module_fns as fns

v1 = tf.compat.v1

FOLDER = Path(__file__).resolve().parent / "newest"


def dense(hub: Any) -> None:
    fns.dense(hub, regularized=True)
    hub.attach_message("numbers", tf.train.Int64List(value=[4, 2]))


def reference_variables(hub: Any) -> None:
    fns.dense(hub, use_resource=False)


def embedding(hub: Any) -> None:
    """The mean of some rows, told by numbers of a type that 1.15 does not take."""
    ids = v1.sparse_placeholder(tf.int64, [None, None], name="ids")
    w = v1.get_variable("w", initializer=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    hub.add_signature(inputs=ids, outputs=v1.nn.embedding_lookup_sparse(w, ids, None, "mean"))


def _ids_input() -> Any:
    return tf.SparseTensor([[0, 0], [0, 1]], tf.constant([0, 2], tf.int64), [1, 2])


def _sparse_input() -> Any:
    return tf.SparseTensor([[0, 1], [1, 0]], [1.0, 2.0], [2, 2])


def _ragged_input() -> Any:
    return tf.ragged.constant([[1.0, 2.0], [3.0]])


# By name: how it is made, what is passed to it, and what it returns then.
MODULES: Mapping[str, Tuple[Callable[..., None], Callable[[], Any], Any]] = {
    "dense": (dense, lambda: [[1.0, 0.0, 0.0]], [[1.0, -0.9]]),
    "reference_variables": (reference_variables, lambda: [[1.0, 0.0, 0.0]], [[1.0, -0.9]]),
    "normalized": (fns.normalized, lambda: [[1.0, 2.0], [3.0, 4.0]], [[1.0, 4.0], [3.0, 8.0]]),
    "partitioned": (fns.partitioned, lambda: [0, 3, 6], [[0.5, 0.35], [1.1, 0.95], [1.7, 1.55]]),
    "lookup": (fns.lookup, lambda: ["two", "three"], [2, -1]),
    "vocabulary": (fns.vocabulary, lambda: ["b", "x"], [[1, -1]]),
    "sparse": (fns.sparse, _sparse_input, [[0.0, 3.0], [6.0, 0.0]]),
    "ragged": (fns.ragged, _ragged_input, [[3.0, 6.0], [9.0]]),
    "embedding": (embedding, _ids_input, [[3.0, 4.0]]),
    "branching": (fns.branching, lambda: 3.0, 6.0),
    "mapping": (fns.mapping, lambda: [1.0, 2.0], [2.0, 4.0]),
}

# What TensorFlow 1.15 cannot read, and why: it is said.
NOT_IN_TF1 = {"embedding": "'Tsegmentids of SparseSegmentMean'"}

_OPTIONS: Dict[str, Dict[str, Any]] = {"normalized": {"tags_and_args": fns.TRAIN_AND_SERVE}}


def answer(hub: Any, folder: str, inputs: Callable[[], Any], **options: Any) -> Any:
    """What the module in a folder returns for the inputs, as nested lists."""
    with tf.Graph().as_default():
        output = hub.Module(folder, **options)(inputs())
        with v1.Session() as session:
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            value = session.run(output)
    return value.to_list() if hasattr(value, "to_list") else np.asarray(value).tolist()


def write(hub: Any, words: Path) -> None:
    """Writes all modules into FOLDER."""
    shutil.rmtree(str(FOLDER), ignore_errors=True)
    for name, (module_fn, _, _) in MODULES.items():
        arguments = [str(words)] if module_fn is fns.vocabulary else []
        spec = fns.spec(hub, module_fn, *arguments, **_OPTIONS.get(name, {}))
        fns.exported(hub, spec, FOLDER / name)


if __name__ == "__main__":
    import tempfile

    import unihub

    with tempfile.TemporaryDirectory() as temporary:
        lines = Path(temporary) / "words.txt"
        lines.write_text("a\nb\n", encoding="utf-8")
        write(unihub, lines)
