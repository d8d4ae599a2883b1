"""api="keras": a KerasLayer of the Keras that the caller uses."""

from __future__ import annotations

import os
from typing import Any, Dict

from unihub.apis.keras.kerases import keras3_in_use
from unihub.apis.request import Request
from unihub.apis.saved_model import explained
from unihub.apis.surroundings import register_ops
from unihub.errors import UnihubError
from unihub.formats import selection


class BackendAbsent(UnihubError, ImportError):
    """The backend that Keras is to run on is not installed."""

    code = "keras-backend-absent"
    what = "Keras cannot be imported on the backend that KERAS_BACKEND names, {backend}."
    why = "it imports {missing}, which is not installed."
    do = "pip install {missing}; or export KERAS_BACKEND=tensorflow  # before Python starts"


def keras_layer_class() -> Any:
    """The KerasLayer that fits the Keras in use.

    Keras 2 and tf_keras take a subclass of tensorflow_hub's, Keras 3 takes ours.
    """
    if keras3_in_use():
        return keras3_layer_class()
    from unihub.apis.keras2.layer import KerasLayer

    return KerasLayer


def keras3_layer_class() -> Any:
    """The layer of Keras 3 that fits its backend.

    Raises:
        BackendAbsent: it is not installed.
    """
    try:
        import keras
    except ModuleNotFoundError as error:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        # Keras itself may be missing, or what it needs on TensorFlow as well.
        if backend == "tensorflow" or error.name == "keras":
            raise
        raise BackendAbsent(backend=backend, missing=error.name) from error

    from unihub.matrix.backends import LIFTED

    # Both are in one folder; only one of them is imported.
    if keras.config.backend() in LIFTED:
        from unihub.apis.keras3 import lifted as room
    else:
        from unihub.apis.keras3 import layer as room  # type: ignore[no-redef]
    return room.KerasLayer


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
    with explained(request.handle, request.meta_graph, request.model):
        return keras_layer_class()(
            request.handle,
            trainable=request.fine_tuning,
            # The load has looked at it.
            on_unsafe="ignore",
            fast=request.fast,
            **keywords,
        )


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
