"""From a model's folder to its format, signatures and interface, without TensorFlow.

Reads saved_model.pb or saved_model.pbtxt and, where there is one, tfhub_module.pb.
The variables, the assets and the weights in the graph are not read.

Source: https://www.tensorflow.org/guide/saved_model,
https://www.tensorflow.org/hub/reusable_saved_models and
https://www.tensorflow.org/hub/tf1_hub_module.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple, Union

from unihub.errors import path_text
from unihub.formats import wire
from unihub.formats.files import HUB_FILE
from unihub.formats.message import FileOverLimit as FileOverLimit
from unihub.formats.message import FormatError as FormatError
from unihub.formats.message import MalformedFile as MalformedFile
from unihub.formats.message import Message, file_content
from unihub.formats.message import UnreadableFile as UnreadableFile
from unihub.formats.object_graph import ObjectGraph as ObjectGraph
from unihub.formats.object_graph import read_object_graph
from unihub.formats.saved_model import SavedModelFile, is_folder, saved_model_file
from unihub.formats.schema import dtype_name
from unihub.matrix.values import Format

DENSE, SPARSE, COMPOSITE = "dense", "sparse", "composite"

Shape = Optional[Tuple[Optional[int], ...]]

# Written by tf.saved_model.save and Estimator for the loader, not for callers.
_INTERNAL_SIGNATURES = ("__saved_model_init_op", "__saved_model_train_op")
_ASSETS_COLLECTION = "saved_model_assets"
_COUNTED = ("variables", "trainable_variables", "regularization_losses")
_SPARSE_PARTS = ("values_tensor_name", "indices_tensor_name", "dense_shape_tensor_name")


class Named(Mapping[str, Any]):
    """An immutable, hashable mapping whose keys are in alphabetical order."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items = {name: items[name] for name in sorted(items)}

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        # A caller may ask for what has no hash.
        return isinstance(name, str) and name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(tuple(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature.

    Attributes:
        name: the tensor's name in the graph, such as ``"x:0"``; of a sparse or
            composite tensor the name of its first component.
        dtype: name of the tf.DType, such as ``"float32"``.
        shape: None for unknown rank; a dimension of None is unknown.
        kind: ``"dense"``, ``"sparse"`` or ``"composite"``.
        components: names of all the tensors it consists of.
        type_spec: class of a composite tensor's TypeSpec, such as
            ``"RaggedTensorSpec"``; else ``""``.
    """

    name: str
    dtype: str
    shape: Shape
    kind: str
    components: Tuple[str, ...] = ()
    type_spec: str = ""

    def __str__(self) -> str:
        if self.shape is None:
            dimensions = "..."
        else:
            dimensions = ",".join("?" if size is None else str(size) for size in self.shape)
        kind = {DENSE: "", SPARSE: "sparse "}.get(self.kind, f"{self.type_spec} ")
        return f"{kind}{self.dtype}[{dimensions}]"


@dataclass(frozen=True)
class Signature:
    """One function that a MetaGraph offers to callers.

    Attributes:
        inputs, outputs: by name, in alphabetical order.
        method_name: how TensorFlow Serving calls it; ``""`` in the TF1 Hub format.
    """

    name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method_name: str

    def __str__(self) -> str:
        inputs, outputs = (
            ", ".join(f"{name}: {info}" for name, info in tensors.items())
            for tensors in (self.inputs, self.outputs)
        )
        return f"{self.name}({inputs}) -> {{{outputs}}}"


@dataclass(frozen=True)
class MetaGraph:
    """One graph variant of a SavedModel.

    Attributes:
        tags: in alphabetical order.
        signatures: by name, in alphabetical order, TensorFlow's own left out.
        tensorflow_version: of the TensorFlow that wrote it; ``""`` if unknown.
        collections: names of the graph collections.
        object_graph: what a TF2 SavedModel restores; None in the TF1 formats.
        assets: names of the files that belong to it.
        variables, trainable_variables, regularization_losses: how many there
            are, by the object graph's attributes or else the graph collections
            of those names.
    """

    tags: Tuple[str, ...]
    signatures: Mapping[str, Signature]
    tensorflow_version: str
    collections: Tuple[str, ...]
    object_graph: Optional[ObjectGraph]
    assets: Tuple[str, ...]
    variables: int = 0
    trainable_variables: int = 0
    regularization_losses: int = 0

    def __str__(self) -> str:
        is_callable = self.object_graph is not None and self.object_graph.callable
        summary = (
            f"tags {list(self.tags)}: {'callable' if is_callable else 'not callable'}, "
            f"{self.variables} variables, {self.trainable_variables} trainable, "
            f"{self.regularization_losses} regularization losses"
        )
        return "\n".join([summary, *(f"  {s}" for s in self.signatures.values())])


@dataclass(frozen=True)
class SavedModel:
    """The content of a model's folder.

    Attributes:
        path: the folder.
        format: the row of the compatibility matrix.
        evidence: what the format was told by, for people.
        meta_graphs: the graph variants, in the file's order.
        module_format: version in tfhub_module.pb; None where there is none.
        required_features: those that tfhub_module.pb asks for.
    """

    path: str
    format: Format
    evidence: str
    meta_graphs: Tuple[MetaGraph, ...]
    module_format: Optional[int] = None
    required_features: Tuple[str, ...] = ()

    @property
    def tags(self) -> Tuple[Tuple[str, ...], ...]:
        """The tags of each graph variant."""
        return tuple(graph.tags for graph in self.meta_graphs)

    def __repr__(self) -> str:
        tags = ", ".join(str(list(tags)) for tags in self.tags)
        return f"<SavedModel {self.path}: {self.format.label}, tags {tags}; print() shows all>"

    def __str__(self) -> str:
        variants = "\n".join(str(graph) for graph in self.meta_graphs)
        return f"{self.path}: {self.format.label} ({self.evidence})\n{variants}"


def read_saved_model(path: Union[str, os.PathLike[str]]) -> SavedModel:
    """Reads what a model's folder holds.

    Args:
        path: the folder of a SavedModel or TF1 Hub module.

    Returns:
        Its format, graph variants and signatures.

    Raises:
        FormatError: there is no readable model. It is also an OSError where the
            path is missing or a file is unreadable or damaged, and a ValueError
            where what is there is not a model.

    Example:
        >>> model = read_saved_model("half_plus_two")
        >>> model.format, str(model.meta_graphs[0].signatures["serving_default"])
        (<Format.TF1_SAVED_MODEL: 'tf1_saved_model'>, 'serving_default(x: float32[?]) -> ...')
    """
    with open_saved_model(path) as (model, _):
        return model


@contextlib.contextmanager
def open_saved_model(
    path: Union[str, os.PathLike[str]],
) -> Iterator[Tuple[SavedModel, SavedModelFile]]:
    """As `read_saved_model`, for those who read more of the file.

    Yields:
        What the folder holds, and the file of its SavedModel, which can be read only
        inside the ``with`` block.
    """
    folder = path_text(path, "unihub.formats.read_saved_model('path/to/model')")
    if not is_folder(folder):
        from unihub.formats.not_a_model import require_folder

        require_folder(folder)
    module_format, required_features = _read_hub_module(folder)
    with saved_model_file(folder) as file:
        graphs = tuple(_meta_graph(message) for message in file.meta_graphs)
        model_format = _format(module_format, graphs)
        model = SavedModel(
            path=folder,
            format=model_format,
            evidence=_evidence(model_format, os.path.basename(file.path), graphs),
            meta_graphs=graphs,
            module_format=module_format,
            required_features=required_features,
        )
        yield model, file


def read_ops(path: Union[str, os.PathLike[str]], tags: Iterable[str]) -> Tuple[str, ...]:
    """Reads which ops one graph variant and its functions use.

    Apart from `read_saved_model`, because functions are most of a large file.

    Args:
        path: the folder of a SavedModel or TF1 Hub module.
        tags: of the graph variant.

    Returns:
        The names of the ops, in alphabetical order.

    Raises:
        FormatError: as read_saved_model does.

    Example:
        >>> read_ops("half_plus_two", ["serve"])
        ('Add', 'Const', 'Identity', ...)
    """
    wanted = set(tags)
    with saved_model_file(os.fsdecode(path)) as file:
        for message in file.meta_graphs:
            info = message.message("meta_info_def")
            if set(info.texts("tags")) == wanted:
                return _ops(info, message.message("graph_def"))
    return ()


def _read_hub_module(folder: str) -> Tuple[Optional[int], Tuple[str, ...]]:
    file = os.path.join(folder, HUB_FILE)
    if not os.path.lexists(file):
        return None, ()
    from unihub.formats import not_a_model

    with file_content(file) as content:
        not_a_model.refuse_other_content(file, content)
        message = wire.read_message(content, file, "ModuleDef", "TF1 Hub module's description")
        module_format = message.number("format")
        features = tuple(sorted(set(message.texts("required_features"))))
    not_a_model.refuse_unknown_hub_module(file, module_format, features)
    return module_format, features


def _format(module_format: Optional[int], graphs: Tuple[MetaGraph, ...]) -> Format:
    if module_format is not None:
        return Format.TF1_HUB
    # tf.saved_model.load restores objects only from a sole MetaGraph.
    if len(graphs) == 1 and graphs[0].object_graph is not None:
        return Format.TF2_SAVED_MODEL
    return Format.TF1_SAVED_MODEL


def _evidence(model_format: Format, file: str, graphs: Tuple[MetaGraph, ...]) -> str:
    found = {
        Format.TF1_HUB: HUB_FILE,
        Format.TF2_SAVED_MODEL: f"{file} with an object graph",
        Format.TF1_SAVED_MODEL: f"{file} without an object graph",
    }[model_format]
    if model_format is Format.TF1_SAVED_MODEL and any(graph.object_graph for graph in graphs):
        found = f"{file} with several MetaGraphs"
    return f"{found}, tags {', '.join(str(list(graph.tags)) for graph in graphs)}"


def _meta_graph(message: Message) -> MetaGraph:
    info = message.message("meta_info_def")
    collections = message.entries("collection_def")
    objects = read_object_graph(message.message("object_graph_def"))
    if objects is None:
        sizes = {name: _collection_size(value) for name, value in collections.items()}
    else:
        sizes = {name: getattr(objects, name) for name in _COUNTED}
    return MetaGraph(
        tags=tuple(sorted(set(info.texts("tags")))),
        signatures=Named(
            {
                name: _signature(name, definition)
                for name, definition in message.entries("signature_def").items()
                if name not in _INTERNAL_SIGNATURES
            }
        ),
        tensorflow_version=info.text("tensorflow_version"),
        collections=tuple(collections),
        object_graph=objects,
        assets=_assets(message, collections),
        **{name: sizes.get(name, 0) for name in _COUNTED},
    )


def _collection_size(collection: Message) -> int:
    kind = collection.which("node_list", "bytes_list", "int64_list", "float_list", "any_list")
    if kind in ("node_list", "bytes_list", "any_list"):
        return collection.message(kind).count("value")
    return 0


def _ops(info: Message, graph: Message) -> Tuple[str, ...]:
    # The stripped list covers the graph's nodes but not the functions that
    # they call through an attribute, which in TF2 hold most of the ops.
    stripped = info.message("stripped_op_list").distinct("op.name")[0]
    wanted = ["library.function.signature.name", "library.function.node_def.op"]
    if not stripped:
        wanted.append("node.op")
    functions, *used = graph.distinct(*wanted)
    return tuple(sorted(stripped.union(*used) - functions - {""}))


def _assets(message: Message, collections: Mapping[str, Message]) -> Tuple[str, ...]:
    names = [asset.text("filename") for asset in message.messages("asset_file_def")]
    if _ASSETS_COLLECTION in collections:
        values = collections[_ASSETS_COLLECTION].message("any_list").messages("value")
        names += [value.message("value").text("filename") for value in values]
    return tuple(sorted(set(names)))


def _signature(name: str, message: Message) -> Signature:
    return Signature(
        name=name,
        inputs=_tensors(message, "inputs"),
        outputs=_tensors(message, "outputs"),
        method_name=message.text("method_name"),
    )


def _tensors(message: Message, field: str) -> Mapping[str, TensorInfo]:
    return Named({name: _tensor(info) for name, info in message.entries(field).items()})


def _tensor(message: Message) -> TensorInfo:
    encoding = message.which("name", "coo_sparse", "composite_tensor")
    if encoding == "composite_tensor":
        return _composite_tensor(message.message("composite_tensor"))
    facts: Dict[str, Any] = {
        "dtype": dtype_name(message.number("dtype")),
        # A scalar's is there, and empty.
        "shape": read_shape(message.message("tensor_shape"))
        if message.has("tensor_shape")
        else None,
    }
    if encoding == "coo_sparse":
        parts = message.message("coo_sparse")
        names = tuple(parts.text(part) for part in _SPARSE_PARTS)
        return TensorInfo(name=names[0], kind=SPARSE, components=names, **facts)
    name = message.text("name")
    return TensorInfo(name=name, kind=DENSE, components=(name,), **facts)


def _composite_tensor(message: Message) -> TensorInfo:
    spec = message.message("type_spec")
    state = spec.message("type_state")
    kind = state.which("tuple_value", "list_value")
    values = state.message(kind).messages("values") if kind else []
    dtypes = [value.number("tensor_dtype_value") for value in values]
    shapes = [
        value.message("tensor_shape_value") for value in values if value.has("tensor_shape_value")
    ]
    # The components of a component, as of a nested RaggedTensor, are passed over.
    components = tuple(part.text("name") for part in message.messages("components"))
    return TensorInfo(
        name=components[0] if components else "",
        dtype=dtype_name(next(filter(None, dtypes), 0)),
        shape=read_shape(shapes[0]) if shapes else None,
        kind=COMPOSITE,
        components=components,
        type_spec=spec.text("type_spec_class_name"),
    )


def read_shape(message: Message) -> Shape:
    """Decodes a TensorShapeProto."""
    if message.number("unknown_rank"):
        return None
    sizes = (size for (size,) in message.rows("dim", "size"))
    return tuple(None if size < 0 else size for size in sizes)
