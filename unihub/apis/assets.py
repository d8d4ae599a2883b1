"""The files of a TF1 format as its graph has them: constants that hold their paths.

On disk such a constant holds no path of anyone's computer. TF1 mode puts the real one in its
place; tf.saved_model.load gives it to the initialiser of tables alone, so that a signature
that returns or reads the file would have b"SAVEDMODEL-ASSET".
"""

from __future__ import annotations

import os
from typing import Any, Callable, Collection, Dict, Iterable, Optional, Sequence

import tensorflow as tf

_ASSETS = "saved_model_assets"
_FOLDER = "assets"
_STRING = tf.string.as_datatype_enum
# Up to this version of graphs, that of TensorFlow 1.0, a Placeholder of no dimensions stands for
# one of any shape: its shape function in tensorflow/core/ops/array_ops.cc.
_SCALAR_IS_ANY = 21


def asset_names(meta_graph: Any) -> Dict[str, str]:
    """The names of the files that TensorFlow's loader knows, by the names of their tensors.

    Args:
        meta_graph: a MetaGraphDef.
    """
    assets = list(meta_graph.asset_file_def)
    if not assets and _ASSETS in meta_graph.collection_def:
        for packed in meta_graph.collection_def[_ASSETS].any_list.value:
            assets.append(type(meta_graph)().asset_file_def.add())
            packed.Unpack(assets[-1])
    return {asset.tensor_info.name: asset.filename for asset in assets}


def bind(node: Any, path: str) -> bool:
    """Puts the path of a file into the node that stands for it.

    Returns:
        Whether the node can hold it: whether it is a constant of one string.
    """
    value = node.attr["value"].tensor
    if node.op != "Const" or value.dtype != _STRING or len(value.string_val) != 1:
        return False
    value.string_val[0] = path.encode()
    return True


def tell_unknown_shapes(signatures: Iterable[Any]) -> None:
    """Says of the tensors of signatures that tell no shape that it may be any.

    Else it would be read as that of a scalar, which is there, and empty.
    """
    for signature in signatures:
        for info in [*signature.inputs.values(), *signature.outputs.values()]:
            if not info.HasField("tensor_shape"):
                info.tensor_shape.unknown_rank = True


def loader_of_bound(without: Collection[str] = ()) -> Optional[Callable[..., Any]]:
    """As `tf.saved_model.load` for the TF1 formats, with the real paths in their graphs.

    Args:
        without: names of signatures that are left out.

    Returns:
        The function; None where TensorFlow has other insides.
    """
    try:
        # No public API loads a MetaGraph that is in memory already.
        from tensorflow.python.saved_model.load_v1_in_v2 import _EagerSavedModelLoader
    except ImportError:
        return None

    def load(folder: str, tags: Sequence[str], options: Any = None) -> Any:
        loader = _EagerSavedModelLoader(folder)
        meta_graph = loader.get_meta_graph_def_from_tags(tags)
        for name in without:
            del meta_graph.signature_def[name]
        tell_unknown_shapes(meta_graph.signature_def.values())
        paths = {
            tensor.partition(":")[0]: os.path.join(folder, _FOLDER, name)
            for tensor, name in asset_names(meta_graph).items()
        }
        old = meta_graph.graph_def.versions.producer <= _SCALAR_IS_ANY
        for node in meta_graph.graph_def.node:
            if node.name in paths:
                bind(node, paths[node.name])
            if old and node.op == "Placeholder" and not node.attr["shape"].shape.dim:
                node.attr["shape"].shape.unknown_rank = True
        skip = getattr(options, "experimental_skip_checkpoint", False)
        with tf.init_scope():
            root = loader.load(tags, **({"skip_restoring_checkpoint": True} if skip else {}))
            root.graph_debug_info = _debug_info(folder)
        return root

    return load


def _debug_info(folder: str) -> Any:
    """Places where nodes were made, as TensorFlow's loader has told them since 2.0."""
    try:
        from tensorflow.python.saved_model.loader_impl import parse_saved_model_with_debug_info
    except ImportError:
        return None
    return parse_saved_model_with_debug_info(folder)[1]
