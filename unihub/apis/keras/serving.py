"""api="keras": a KerasLayer of the Keras that the caller uses."""

from __future__ import annotations

import importlib
import os
from typing import Any, Dict, Iterable, Optional

from unihub import runtime
from unihub.apis.loading import explained
from unihub.apis.operations import register_ops
from unihub.apis.request import Request
from unihub.formats import selection
from unihub.matrix.values import Operation, Runtime


def keras_layer_class() -> Any:
    """The KerasLayer that fits the Keras in use.

    Keras 2 and tf_keras take a subclass of tensorflow_hub's, Keras 3 takes ours.
    """
    package = "keras3" if _keras3_in_use() else "keras2"
    return importlib.import_module(f"unihub.apis.{package}.layer").KerasLayer


def keras_module() -> Any:
    """The Keras that `keras_layer_class` belongs to."""
    flavour = runtime.current_keras()
    if flavour is runtime.Keras.KERAS3 and not _keras3_in_use():
        return importlib.import_module("tf_keras")
    return importlib.import_module("tensorflow").keras


def load_keras_layer(request: Request) -> Any:
    """Serves a cell of the matrix by a KerasLayer.

    Returns:
        The layer, trainable when fine-tuning.
    """
    register_ops(request.handle, request.ops(), request.meta_graph.tensorflow_version)
    keywords = {**_selected(request), **request.arguments}
    if request.options is not None:
        keywords["load_options"] = request.options
    if request.tags_given or len(request.model.meta_graphs) > 1:
        keywords["tags"] = list(request.meta_graph.tags)
    with explained(request.handle, request.meta_graph):
        return keras_layer_class()(request.handle, trainable=request.fine_tuning, **keywords)


def layer_card(
    handle: Any,
    signature: Optional[str],
    tags: Optional[Iterable[str]],
    trainable: bool,
    resolved: Any,
) -> str:
    """A KerasLayer for a notebook: a fragment of HTML.

    Args:
        handle: text, or the object that the layer wraps.
        signature: that it calls; None for the object itself.
        tags: of the MetaGraph; None for the evident one.
        trainable: whether the layer is.
        resolved: what ``handle`` stands for.
    """
    # A card shows a model that is perhaps still to be downloaded: few layers are shown.
    from unihub.inspection import loaded

    if not isinstance(handle, (str, os.PathLike)):
        return loaded.object_card(f"KerasLayer of {type(resolved).__name__}", "keras")
    operation = Operation.FINE_TUNING if trainable else Operation.INFERENCE
    return loaded.card(
        os.fspath(handle), "keras", signature=signature, tags=tags, operation=operation
    )


def _keras3_in_use() -> bool:
    # Keras 3 has no graph mode: there tf_keras is the one to build models with.
    eager = runtime.current_runtime() is Runtime.TF2
    return eager and runtime.current_keras() is runtime.Keras.KERAS3


def _selected(request: Request) -> Dict[str, Any]:
    """The layer's arguments for the signature and its output, as told or evident."""
    signature = selection.choose_signature(request.meta_graph, request.handle, request.signature)
    if signature is None:
        # A layer picks an item of the dict that a callable returns.
        return {} if request.output_key is None else {"output_key": request.output_key}
    output_key = selection.choose_output(
        signature, request.handle, request.output_key, request.as_dict
    )
    if output_key is None:
        return {"signature": signature.name, "signature_outputs_as_dict": True}
    return {"signature": signature.name, "output_key": output_key}
