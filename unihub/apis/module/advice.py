"""What a caller who fine-tunes a TF1 format should know, said once per model."""

from __future__ import annotations

import logging
from typing import Set, Tuple

from unihub.apis.request import Request

_log = logging.getLogger(__name__)
_said: Set[Tuple[str, str]] = set()

_UPDATE_OPS = (
    "%s has update ops, which move the statistics of batch norm: they run only if you run "
    "them. with tf.control_dependencies(tf.compat.v1.get_collection("
    "tf.compat.v1.GraphKeys.UPDATE_OPS)): train_op = optimizer.minimize(loss)"
)
_NO_TRAIN_GRAPH = (
    "%s is fine-tuned without its train graph: dropout and batch norm stay in inference mode. "
    "unihub.load(..., op='fine_tuning', tags=['train']) takes it; training=False says that "
    "this is meant."
)


def advise_on_fine_tuning(request: Request) -> None:
    """Logs what is easily forgotten, once per handle."""
    if "update_ops" in request.meta_graph.collections:
        _say_once(request.handle, _UPDATE_OPS)
    has_train_graph = ("train",) in request.model.tags
    for_training = request.training is not False
    if has_train_graph and for_training and "train" not in request.meta_graph.tags:
        _say_once(request.handle, _NO_TRAIN_GRAPH)


def _say_once(handle: str, text: str) -> None:
    if (handle, text) not in _said:
        _said.add((handle, text))
        _log.warning(text, handle)
