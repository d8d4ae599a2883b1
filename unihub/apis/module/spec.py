"""ModuleSpec: the content of a module before it is in a graph."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Optional,
    Tuple,
    Type,
    Union,
)

import tensorflow as tf

from unihub.apis.module.compat import SavedModel, content_of_hub_spec
from unihub.apis.module.errors import (
    CollectionsNotSupported,
    FolderMissing,
    ModuleExists,
    NoAttachedMessage,
    NoCheckpointPath,
    NoSuchVariant,
    RepeatedTags,
)
from unihub.apis.module.instead import not_a_folder, not_a_spec, of_tf2_variables
from unihub.apis.module.marker import (
    ATTACHMENTS_COLLECTION,
    check_marker,
    marker_bytes,
    marker_path,
)
from unihub.apis.module.saved_model import (
    saved_model_proto,
    variables_path,
    write_file,
    write_saved_model,
)
from unihub.apis.module.state import create_state, fresh_scope
from unihub.apis.module.tensors import TensorInfo, infos_of
from unihub.apis.module.variant import GraphVariant, tags_text
from unihub.errors import UnihubError, listed, nearest, path_text
from unihub.errors.arguments import tag_set
from unihub.errors.guard import guarded
from unihub.formats.model import FormatError, read_saved_model
from unihub.formats.saved_model import saved_model_file
from unihub.handles import parsing, resolving
from unihub.inspection import before_loading

_log = logging.getLogger(__name__)

_KEYS = tf.compat.v1.GraphKeys

SUPPORTED_COLLECTIONS = frozenset(
    (
        _KEYS.GLOBAL_VARIABLES,
        _KEYS.TRAINABLE_VARIABLES,
        _KEYS.MODEL_VARIABLES,
        _KEYS.TABLE_INITIALIZERS,
        _KEYS.UPDATE_OPS,
        _KEYS.REGULARIZATION_LOSSES,
        _KEYS.ASSET_FILEPATHS,
        _KEYS.COND_CONTEXT,
        _KEYS.WHILE_CONTEXT,
        ATTACHMENTS_COLLECTION,
    )
)

# How a TF1 SavedModel is initialised where it is served, and its step counter.
# A Module is initialised as any other part of the graph instead.
_SERVING_COLLECTIONS = (
    _KEYS.GLOBAL_STEP,
    tf.compat.v1.saved_model.LEGACY_INIT_OP_KEY,
    tf.compat.v1.saved_model.MAIN_OP_KEY,
)


class ModuleSpec:
    """The content of a module: graph variants, signatures, attached messages.

    Made by load_module_spec, create_module_spec and
    create_module_spec_from_saved_model, and instantiated by Module.

    Source: the spec's API is that of tensorflow_hub 0.15's hub.ModuleSpec.

    Example:
        >>> spec = unihub.load_module_spec("path/to/module")
        >>> spec.get_tags()
        [frozenset(), frozenset({'train'})]
        >>> spec.get_input_info_dict()["default"].dtype
        tf.float32
    """

    def __init__(self, saved_model: SavedModel, checkpoint: Optional[str] = None) -> None:
        """Not for callers: use the functions named above.

        Args:
            saved_model: as saved_model_proto returns it.
            checkpoint: the prefix of the checkpoint with the initial values;
                None to let each variable's own initializer run.

        Raises:
            RepeatedTags: if two graph variants have the same tags.
            CollectionsNotSupported: if a graph has other collections than a
                module can carry.
        """
        variants = [GraphVariant(meta_graph) for meta_graph in saved_model.meta_graphs]
        self._saved_model = saved_model
        # The handle and the folder that it was read from.
        self._source: Optional[Tuple[str, str]] = None
        self._variants = {variant.tags: variant for variant in variants}
        self._warned = False
        self.checkpoint = checkpoint
        all_tags = [variant.tags for variant in variants]
        for tags in all_tags:
            if all_tags.count(tags) > 1:
                raise RepeatedTags(tags=tags_text(tags), variants=_variants_text(all_tags))
        for variant in variants:
            _check_collections(variant)

    @property
    def folder(self) -> Optional[str]:
        """The folder that the values of its variables are in; None where nothing is saved."""
        variables = os.path.dirname(self.checkpoint or "")
        return os.path.dirname(variables) if os.path.basename(variables) == "variables" else None

    def __repr__(self) -> str:
        where = f" of {self.folder}" if self.folder else ""
        graphs = _variants_text(self.get_tags())
        return f"<ModuleSpec{where}: tags {graphs}, signatures {listed(self._names())}>"

    def _names(self) -> List[str]:
        return sorted({name for tags in self.get_tags() for name in self.get_signature_names(tags)})

    def get_tags(self) -> List[FrozenSet[str]]:
        """The graph variants, each as its set of tags."""
        return sorted(self._variants)

    def get_signature_names(self, tags: Optional[Iterable[str]] = None) -> List[str]:
        """The names of the signatures of a graph variant.

        Raises:
            NoSuchVariant: if no variant has these tags.
        """
        return self.variant(tags).signature_names

    def get_input_info_dict(
        self, signature: Optional[str] = None, tags: Optional[Iterable[str]] = None
    ) -> Dict[str, TensorInfo]:
        """The inputs of a signature by name.

        Args:
            signature: its name; None stands for "default".
            tags: the graph variant; None stands for the one without tags.

        Returns:
            For each input an object with ``dtype``, ``get_shape()``,
            ``is_sparse``, ``is_composite`` and ``type_spec``.

        Raises:
            NoSuchSignature: if the variant has no such signature.
            NoSuchVariant: if no variant has these tags.
        """
        return infos_of(self.variant(tags).signature(signature).inputs)

    def get_output_info_dict(
        self, signature: Optional[str] = None, tags: Optional[Iterable[str]] = None
    ) -> Dict[str, TensorInfo]:
        """The outputs of a signature by name; see get_input_info_dict."""
        return infos_of(self.variant(tags).signature(signature).outputs)

    def get_attached_message(
        self,
        key: str,
        message_type: Type[Any],
        tags: Optional[Iterable[str]] = None,
        required: bool = False,
    ) -> Optional[Any]:
        """A message that the publisher attached to a graph variant.

        Args:
            key: the name under which it was attached.
            message_type: the protocol buffer class to parse it with.
            tags: the graph variant; None stands for the one without tags.
            required: whether to raise where there is no such message.

        Returns:
            A new message of that type, or None where there is none.

        Raises:
            NoAttachedMessage: if there is none although it is required.
            NoSuchVariant: if no variant has these tags.
        """
        variant = self.variant(tags)
        if key in variant.attachments:
            return message_type.FromString(variant.attachments[key])
        if not required:
            return None
        raise NoAttachedMessage(
            key=repr(key), tags=tags_text(variant.tags), keys=listed(sorted(variant.attachments))
        )

    def export(
        self,
        path: Union[str, os.PathLike[str]],
        checkpoint_path: Optional[str] = None,
        name_transform_fn: Optional[Callable[[str], str]] = None,
    ) -> None:
        """Writes the module with the values of a checkpoint.

        Args:
            path: the folder to write to.
            checkpoint_path: the checkpoint's prefix, or the folder of one.
            name_transform_fn: from a variable's name in the module to its name
                in the checkpoint; the same name where None.

        Raises:
            NoCheckpointPath: without a checkpoint_path.
            ModuleExists: if the folder holds a module already.

        Example:
            >>> spec = unihub.create_module_spec(module_fn)
            >>> spec.export("module", checkpoint_path="training/model.ckpt-1000")
        """
        if not checkpoint_path:
            raise NoCheckpointPath(path=path_text(path))
        with tf.Graph().as_default() as graph:
            state = create_state(self.variant(), fresh_scope("module"), False, self.checkpoint)
            in_checkpoint = name_transform_fn or (lambda name: name)
            tf.compat.v1.train.init_from_checkpoint(
                checkpoint_path,
                {in_checkpoint(name): value for name, value in state.variables.items()},
            )
            initializer = tf.compat.v1.global_variables_initializer()
            with tf.compat.v1.Session(graph=graph) as session:
                session.run(initializer)
                self.write(path_text(path), functools.partial(state.save, session))

    def variant(self, tags: Optional[Iterable[str]] = None) -> GraphVariant:
        """The graph variant with exactly these tags.

        Raises:
            NoSuchVariant: if there is none.
        """
        tags = (tags,) if isinstance(tags, str) else tags
        wanted = tag_set(() if tags is None else tags, "unihub.Module(spec, tags={'train'})")
        if wanted not in self._variants:
            choices = [tags_text(tags) for tags in self.get_tags()]
            raise NoSuchVariant(
                tags=tags_text(wanted),
                variants=_variants_text(self._variants),
                nearest=nearest(tags_text(wanted), choices),
            )
        return self._variants[wanted]

    def check_safety(self, on_unsafe: Optional[str], call: str) -> None:
        """Looks at what the module is able to do, as `unihub.load` does.

        Args:
            on_unsafe: "warn", "refuse" or "ignore"; None for what the settings say.
            call: what the caller called with it.

        Raises:
            UnsafeModel: for "refuse", when it acts outside of its graph.
            NotAFile: when a pipe or device stands for one of its files, whatever was chosen.
        """
        if self._source is not None:
            handle, folder = self._source
            before_loading.check(handle, read_saved_model(folder), on_unsafe, call=call)

    @contextlib.contextmanager
    def explained(self, tags: FrozenSet[str]) -> Iterator[None]:
        """Says which module it was when TensorFlow fails to make a graph variant of it, and why.

        Raises:
            LoadFailed: in the place of whatever TensorFlow raises.
        """
        try:
            yield
        except UnihubError:
            raise
        # TensorFlow raises nearly every type here.
        except Exception as error:
            if self._source is None:
                raise
            # Few modules fail.
            from unihub.apis.failures import failure

            handle, folder = self._source
            model = read_saved_model(folder)
            graphs = [graph for graph in model.meta_graphs if frozenset(graph.tags) == tags]
            raise failure(error, handle, graphs[0], model, True) from error

    def write(self, folder: str, save_variables: Callable[[str], None]) -> None:
        """Writes all graph variants, and the marker that makes them a module last.

        Args:
            folder: where to write.
            save_variables: writes the checkpoint with the prefix it is given.

        Raises:
            ModuleExists: if the folder holds a module already.
        """
        marker = marker_path(folder)
        if tf.io.gfile.exists(marker):
            raise ModuleExists(folder=folder)
        write_saved_model(self._saved_model, folder, save_variables)
        write_file(marker, marker_bytes())

    def warn_of_training_without_train_tag(self, tags: FrozenSet[str]) -> None:
        """Says once that a trainable module was made of the inference graph."""
        trained = [known for known in self.get_tags() if "train" in known]
        if self._warned or not trained or "train" in tags:
            return
        self._warned = True
        _log.warning(
            "Module(..., trainable=True) uses the graph variant %s, in which batch norm and "
            "dropout are in inference mode. To train, pass tags=%s.",
            tags_text(tags),
            tags_text(trained[0]),
        )


@guarded("reading the module")
def load_module_spec(
    path: Union[str, os.PathLike[str]], *, on_unsafe: Optional[str] = None
) -> ModuleSpec:
    """Reads the spec of a module in TF1 Hub format.

    Args:
        path: a handle: a folder, or whatever else unihub.resolve understands.
        on_unsafe: "warn", "refuse" or "ignore": what to do about a module that acts
            outside of its graph; by default what the settings say. See `unihub.load`.

    Returns:
        The ModuleSpec; nothing is added to any graph.

    Raises:
        FolderMissing, NotAFolder: if there is no folder.
        NotAModule: if the folder has no tfhub_module.pb.
        UnreadableFile: if that is a pipe or device, or not to be opened.
        UnknownHubFormat, UnknownHubFeatures: if it needs another reader.
        CollectionsNotSupported, RepeatedTags, SavedModelBroken: if what it
            holds is not a module.
        UnsafeModel: for ``on_unsafe="refuse"``.

    Source: https://www.tensorflow.org/hub/tf1_hub_module

    Example:
        >>> unihub.load_module_spec("path/to/module").get_signature_names()
        ['default']
    """
    call = "unihub.load_module_spec"
    before_loading.check_reaction(on_unsafe, call, path)
    folder = _local_folder(path)
    check_marker(folder, parsing.shown(path_text(path)))
    with _held(folder):
        return _checked(saved_model_proto(folder), path, folder, on_unsafe, call)


@guarded("reading the module")
def create_module_spec_from_saved_model(
    saved_model_path: Union[str, os.PathLike[str]],
    drop_collections: Optional[Iterable[str]] = None,
    *,
    on_unsafe: Optional[str] = None,
) -> ModuleSpec:
    """Makes a module out of a TF1 SavedModel.

    Its Saver and its init op are left out: the variables are initialised from
    its checkpoint by tf.compat.v1.global_variables_initializer, and the tables
    by tf.compat.v1.tables_initializer.

    Args:
        saved_model_path: a handle of the SavedModel.
        drop_collections: the collections to leave out as well.
        on_unsafe: as for `load_module_spec`.

    Returns:
        A ModuleSpec with the SavedModel's tags and signatures, such as
        {"serve"} and "serving_default".

    Raises:
        FolderMissing, NotAFolder: if there is no folder.
        CollectionsNotSupported: if a graph has other collections than a module
            can carry, and they are not dropped.
        SavedModelBroken: if the file cannot be read.
        UnsafeModel: for ``on_unsafe="refuse"``.
        VariablesInObjects: for a TF2 SavedModel with variables.

    Source: https://www.tensorflow.org/hub/tf1_hub_module

    Example:
        >>> spec = unihub.create_module_spec_from_saved_model("path/to/saved_model")
        >>> m = unihub.Module(spec, tags={"serve"})
        >>> outputs = m({"x": x}, signature="serving_default", as_dict=True)
    """
    call = "unihub.create_module_spec_from_saved_model"
    before_loading.check_reaction(on_unsafe, call, saved_model_path)
    folder = _local_folder(saved_model_path)
    with _held(folder):
        saved_model = saved_model_proto(folder)
        for meta_graph in saved_model.meta_graphs:
            if any(node.HasField("variable") for node in meta_graph.object_graph_def.nodes):
                raise of_tf2_variables(folder, parsing.shown(os.fsdecode(saved_model_path)))
            for key in {*_SERVING_COLLECTIONS, *(drop_collections or ())}:
                if key in meta_graph.collection_def:
                    del meta_graph.collection_def[key]
        return _checked(saved_model, saved_model_path, folder, on_unsafe, call)


@contextlib.contextmanager
def _held(folder: str) -> Iterator[None]:
    """Keeps the model's file open, so that what is searched is what becomes the module."""
    with contextlib.ExitStack() as held:
        # What is no model is told in the words of modules, by whoever reads it.
        with contextlib.suppress(FormatError):
            held.enter_context(saved_model_file(folder))
        yield


def _checked(
    saved_model: SavedModel, handle: Any, folder: str, on_unsafe: Optional[str], call: str
) -> ModuleSpec:
    spec = ModuleSpec(saved_model, variables_path(folder))
    spec._source = path_text(handle), folder
    spec.check_safety(on_unsafe, call)
    return spec


def as_module_spec(spec: Any, on_unsafe: Optional[str] = None) -> ModuleSpec:
    """The spec itself, one of tensorflow_hub as one of ours, or the one that a handle names.

    Args:
        on_unsafe: as for `load_module_spec`; None leaves a spec as it was judged when read.

    Raises:
        NotAModuleSpec: for anything else.
        UnsafeModel: for ``on_unsafe="refuse"``.
    """
    if isinstance(spec, ModuleSpec):
        if on_unsafe is not None:
            spec.check_safety(on_unsafe, "unihub.Module")
        return spec
    if isinstance(spec, (str, os.PathLike)):
        return load_module_spec(spec, on_unsafe=on_unsafe)
    content = content_of_hub_spec(spec)
    if content is not None:
        return ModuleSpec(*content)
    raise not_a_spec(spec)


def _local_folder(handle: Union[str, os.PathLike[str]]) -> str:
    # What is neither text nor a path is for the resolver to refuse.
    folder = path_text(handle) if isinstance(handle, (bytes, os.PathLike)) else handle
    if not isinstance(folder, str) or folder:
        folder = resolving.locate(folder)
    if not folder or not tf.io.gfile.exists(folder):
        raise FolderMissing(folder=repr(folder), path=folder or ".", current=os.getcwd())
    if not tf.io.gfile.isdir(folder):
        raise not_a_folder(folder)
    return folder


def _check_collections(variant: GraphVariant) -> None:
    unsupported = sorted(set(variant.meta_graph.collection_def) - SUPPORTED_COLLECTIONS)
    if unsupported:
        raise CollectionsNotSupported(collections=listed(unsupported), choice=repr(unsupported))


def _variants_text(all_tags: Iterable[FrozenSet[str]]) -> str:
    return ", ".join(tags_text(tags) for tags in all_tags) or "none"
