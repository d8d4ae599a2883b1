"""The SavedModel of a module on disk: saved_model.pb, variables/ and assets/.

In memory the paths of assets stand in the graph's constants, absolute, where
the graph reads them. On disk they stand in the collection saved_model_assets,
relative to assets/, and the constants hold no path of anyone's computer.

Source: https://www.tensorflow.org/guide/saved_model
"""

from __future__ import annotations

import os
import re
import uuid
from typing import Any, Callable, Dict, Iterator, Set

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError

from unihub.apis.module.attributes import drop_for_older, drop_of_newer
from unihub.apis.module.compat import AssetFileDef, MetaGraphDef, SavedModel
from unihub.apis.module.errors import (
    AssetCollectionBroken,
    AssetNotConstant,
    AssetOutsideModule,
    SavedModelBroken,
    SavedModelMissing,
    TensorInfoMalformed,
)
from unihub.errors import listed
from unihub.formats.message import FormatError
from unihub.formats.saved_model import saved_model_file

_PB = tf.compat.v1.saved_model.SAVED_MODEL_FILENAME_PB
_PBTXT = tf.compat.v1.saved_model.SAVED_MODEL_FILENAME_PBTXT
_ASSETS = tf.compat.v1.saved_model.ASSETS_DIRECTORY
_ASSETS_COLLECTION = tf.compat.v1.saved_model.ASSETS_KEY
_PATHS_COLLECTION = tf.compat.v1.GraphKeys.ASSET_FILEPATHS
_NO_PATH = b"SAVEDMODEL-ASSET"


def variables_path(folder: str) -> str:
    """The prefix of the checkpoint in a SavedModel's folder."""
    return os.path.join(
        folder,
        tf.compat.v1.saved_model.VARIABLES_DIRECTORY,
        tf.compat.v1.saved_model.VARIABLES_FILENAME,
    )


def saved_model_proto(folder: str) -> SavedModel:
    """Reads saved_model.pb, or else saved_model.pbtxt, and binds its assets.

    Raises:
        SavedModelBroken: if the file is not the message SavedModel.
        AssetOutsideModule: if an asset is not a file in assets/.
        AssetNotConstant: if the path of an asset is not a string constant.
        SavedModelMissing: if there is no such file.
    """
    binary = os.path.join(folder, _PB)
    text = os.path.join(folder, _PBTXT)
    is_text = not tf.io.gfile.exists(binary) and tf.io.gfile.exists(text)
    path = text if is_text else binary
    if not tf.io.gfile.exists(path):
        raise SavedModelMissing(folder=folder, found=listed(sorted(tf.io.gfile.listdir(folder))))
    try:
        # Shared with the load that has it open, if there is one.
        with saved_model_file(folder) as file:
            saved_model = _parse(bytes(file.content), is_text)
    except FormatError as error:
        raise SavedModelBroken(file=path, cause=error.what) from None
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise SavedModelBroken(file=path, cause=str(error)) from None
    for meta_graph in saved_model.meta_graphs:
        drop_of_newer(meta_graph)
        _bind_assets(meta_graph, folder)
    return saved_model


def write_saved_model(
    saved_model: SavedModel, folder: str, save_variables: Callable[[str], None]
) -> None:
    """Writes assets, variables and, last, saved_model.pb.

    Args:
        saved_model: as saved_model_proto returns it.
        folder: where to write; made if it is not there.
        save_variables: writes the checkpoint with the prefix it is given, in a folder
            that is there even where the module has no variables.
    """
    written = SavedModel()
    written.CopyFrom(saved_model)
    for meta_graph in written.meta_graphs:
        drop_for_older(meta_graph)
    assets_folder = os.path.join(folder, _ASSETS)
    tf.io.gfile.makedirs(assets_folder)
    for source, name in _release_assets(written).items():
        tf.io.gfile.copy(source, os.path.join(assets_folder, name))
    prefix = variables_path(folder)
    tf.io.gfile.makedirs(os.path.dirname(prefix))
    save_variables(prefix)
    write_file(os.path.join(folder, _PB), written.SerializeToString())


def write_file(path: str, data: bytes) -> None:
    """Writes a file so that nobody ever reads a part of it."""
    unfinished = f"{path}.tmp{uuid.uuid4().hex}"
    with tf.io.gfile.GFile(unfinished, "wb") as file:
        file.write(data)
    tf.io.gfile.rename(unfinished, path, overwrite=True)


def op_name(tensor_name: str) -> str:
    """The op of a tensor that is named "op:0".

    Raises:
        TensorInfoMalformed: for a name of another form.
    """
    name, separator, index = tensor_name.rpartition(":")
    if not (separator and index.isdigit()):
        raise TensorInfoMalformed(found=tensor_name)
    return name


def _parse(data: bytes, is_text: bool) -> SavedModel:
    if is_text:
        return text_format.Parse(data.decode("utf-8"), SavedModel())
    return SavedModel.FromString(data)


def _bind_assets(meta_graph: MetaGraphDef, folder: str) -> None:
    if _ASSETS_COLLECTION not in meta_graph.collection_def:
        return
    paths = {}
    for packed in meta_graph.collection_def[_ASSETS_COLLECTION].any_list.value:
        asset = AssetFileDef()
        packed.Unpack(asset)
        paths[op_name(asset.tensor_info.name)] = _asset_path(folder, asset.filename)
    del meta_graph.collection_def[_ASSETS_COLLECTION]
    for node in _nodes_named(meta_graph, set(paths)):
        _path_of(node)[0] = tf.compat.as_bytes(paths[node.name])


def _asset_path(folder: str, name: str) -> str:
    assets_folder = os.path.join(folder, _ASSETS)
    if os.path.isabs(name) or ".." in re.split(r"[/\\]", name):
        raise AssetOutsideModule(asset=name, folder=assets_folder)
    path = os.path.join(assets_folder, name)
    # A path of TensorFlow's other file systems, such as gs://, is absolute as it is.
    return path if "://" in path else os.path.abspath(path)


def _release_assets(saved_model: SavedModel) -> Dict[str, str]:
    """Moves the paths of assets from the constants to the collection.

    Returns:
        From the path of each asset to its file name in assets/.
    """
    names: Dict[str, str] = {}
    for meta_graph in saved_model.meta_graphs:
        paths = {}
        for node in _nodes_named(meta_graph, _asset_ops(meta_graph)):
            stored = _path_of(node)
            paths[f"{node.name}:0"] = tf.compat.as_str_any(stored[0])
            stored[0] = _NO_PATH
        for tensor, path in sorted(paths.items()):
            if path not in names:
                names[path] = _unused_name(os.path.basename(path), set(names.values()))
            asset = AssetFileDef(filename=names[path])
            asset.tensor_info.name = tensor
            meta_graph.collection_def[_ASSETS_COLLECTION].any_list.value.add().Pack(asset)
    return names


def _asset_ops(meta_graph: MetaGraphDef) -> Set[str]:
    if _PATHS_COLLECTION not in meta_graph.collection_def:
        return set()
    collection = meta_graph.collection_def[_PATHS_COLLECTION]
    kind = collection.WhichOneof("kind")
    if kind != "node_list":
        raise AssetCollectionBroken(found=str(kind))
    strange = [name for name in collection.node_list.value if not name.endswith(":0")]
    if strange:
        raise AssetCollectionBroken(found=strange[0])
    return {op_name(name) for name in collection.node_list.value}


def _nodes_named(meta_graph: MetaGraphDef, names: Set[str]) -> Iterator[Any]:
    return (node for node in meta_graph.graph_def.node if node.name in names)


def _path_of(node: Any) -> Any:
    """The stored value of a scalar string constant, as a list of one."""
    if node.op != "Const":
        raise AssetNotConstant(node=node.name, found=f"the op {node.op}")
    tensor = node.attr["value"].tensor
    if tf.as_dtype(node.attr["dtype"].type) != tf.string:
        raise AssetNotConstant(node=node.name, found=tf.as_dtype(tensor.dtype).name)
    if len(tensor.string_val) != 1:
        raise AssetNotConstant(node=node.name, found=f"{len(tensor.string_val)} strings")
    return tensor.string_val


def _unused_name(name: str, used: Set[str]) -> str:
    unused, count = name, 0
    while unused in used:
        unused, count = f"{name}{count}", count + 1
    return unused
