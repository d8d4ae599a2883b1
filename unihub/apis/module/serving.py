"""api="module": hub.Module, in graph mode."""

from __future__ import annotations

import logging
from typing import Any, Set, Tuple

from unihub.apis.module.module import Module
from unihub.apis.module.spec import create_module_spec_from_saved_model, load_module_spec
from unihub.apis.proxy import CallableObject
from unihub.apis.request import Request
from unihub.apis.saved_model import explained
from unihub.apis.surroundings import check_strategy, register_ops
from unihub.formats import selection
from unihub.matrix.values import Format

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

# Collections of a serving graph that a Module takes over. Others (the train
# op, losses, summaries) belong to the script that trained the model.
_MODULE_COLLECTIONS = {
    "asset_filepaths",
    "cond_context",
    "model_variables",
    "regularization_losses",
    "table_initializer",
    "trainable_variables",
    "update_ops",
    "variables",
    "while_context",
    "saved_model_assets",
}


def load_module(request: Request) -> Any:
    """Serves a cell of the matrix by a Module, in the default graph.

    Returns:
        The Module itself where it answers ``m(inputs)``; else the same made
        callable through the signature that was asked for or is evident.
    """
    check_strategy(request.handle, request.model.format, request.fine_tuning)
    register_ops(request.handle, request.ops(), request.meta_graph.tensorflow_version)
    if request.fine_tuning:
        _advise_on_fine_tuning(request)
    path = request.model.path
    with explained(request.handle, request.meta_graph, request.model, all_signatures=False):
        if request.model.format is Format.TF1_HUB:
            # The load has looked at it.
            spec = load_module_spec(path, on_unsafe="ignore")
        else:
            collections = _foreign_collections(request)
            spec = create_module_spec_from_saved_model(path, collections, on_unsafe="ignore")
        module = Module(
            spec,
            trainable=request.fine_tuning,
            tags=set(request.meta_graph.tags) or None,
            **request.arguments,
        )
    return _callable_module(request, module)


def _advise_on_fine_tuning(request: Request) -> None:
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


def _foreign_collections(request: Request) -> Set[str]:
    collections = {name for graph in request.model.meta_graphs for name in graph.collections}
    return collections - _MODULE_COLLECTIONS


def _callable_module(request: Request, module: Any) -> Any:
    asked = (request.signature, request.output_key, request.as_dict)
    signatures = request.meta_graph.signatures
    if asked == (None, None, None) and "default" in signatures:
        return module

    def call(inputs: Any = None, signature: Any = None, as_dict: Any = None, **named: Any) -> Any:
        name = signature or request.signature
        chosen = selection.choose_signature(request.meta_graph, request.handle, name)
        assert chosen is not None
        if signature is not None or as_dict is not None:
            return module(inputs, signature=chosen.name, as_dict=as_dict, **named)
        key = selection.choose_output(chosen, request.handle, request.output_key, request.as_dict)
        outputs = module(inputs, signature=chosen.name, as_dict=True, **named)
        return outputs if key is None else outputs[key]

    return CallableObject(module, call)
